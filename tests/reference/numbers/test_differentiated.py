"""Derivatives of formulas: exactly, by dual numbers over the rationals; by power series of balls; at kinks."""

import ast

import numpy as np
import pytest
from flint import arb, arb_series, ctx

from gradcert.properties.numbers import RATIONALS, Duals
from gradcert.properties.numbers.dual import make, tangent
from gradcert.reference import FLOAT64, GradcertError
from gradcert.reference.numbers.differentiated import derivative
from gradcert.reference.numbers.formula import evaluated, parsed

RATIONAL = [
    "(o - y)^4 / 3 - 2 o^3 y + 1",
    "-(o / (1 + y^2) - y / (2 + o^2))^3 + o^0",
    "o^-2 y + (y / o)^-3",
    "|o - y| + max(o, 2 y) min(o, y) - relu(o)",
    "where(o < y, o^2, where(|o| >= 1, 3 o, y)) + relu_off_at_zero(o - y)",
]
SMOOTH = {
    "exp(-o^2) tanh(o / 2)": lambda o: (-(o * o)).exp() * _tanh(o / 2),
    "sin(3 o) - cos(o) o": lambda o: (3 * o).sin() - o.cos() * o,
    "sqrt(1 + o^2) + sigmoid(2 o)": lambda o: (1 + o * o).sqrt() + 1 / (1 + (-2 * o).exp()),
}


def _tanh(x):
    e = (2 * x).exp()
    return (e - 1) / (e + 1)


@pytest.mark.parametrize("text", RATIONAL)
@pytest.mark.parametrize("name", ["o", "y"])
def test_exactly_where_everything_is_rational(text, name):
    rng = np.random.default_rng(0)
    o, y = (RATIONALS.array((2 * rng.integers(-20, 20, 30) + 1) / d) for d in (8, 32))
    assert not any((o == k * y).any() for k in (1, 2))  # kinks are below
    duals, tree = Duals(RATIONALS), parsed(text)
    one, none = RATIONALS.array(np.ones(30)), RATIONALS.array(np.zeros(30))
    moved = {"o": make(o, one if name == "o" else none), "y": make(y, one if name == "y" else none)}
    expected = tangent(evaluated(tree, moved, duals), none[0])
    found = evaluated(derivative(tree, name), {"o": o, "y": y}, RATIONALS) + 0 * o
    assert (found == expected).all()


@pytest.mark.parametrize("text", SMOOTH)
def test_inside_of_a_ball_where_there_are_functions(text):
    """Fewer than 32 roundings and functions of at most 4 ulp, of numbers below 8 in all: 2^-40 is far above them."""
    points = np.linspace(-2, 2, 9)
    found = evaluated(derivative(parsed(text), "o"), {"o": points}, FLOAT64)
    before, ctx.cap = ctx.cap, 2
    try:
        for x, value in zip(points, found, strict=True):
            assert abs(arb(value) - SMOOTH[text](arb_series([arb(x), 1]))[1]) < 2.0**-40
    finally:
        ctx.cap = before


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("|o|", 0.0, 0.0),
        ("max(o, 1)", 1.0, 0.5),
        ("min(o, o)", 2.0, 1.0),
        ("relu(o)", 0.0, 1.0),
        ("relu_off_at_zero(o)", 0.0, 0.0),
        ("where(o < 1, 2 o, 5)", 1.0, 0.0),
    ],
)
def test_at_a_kink_it_is_what_libraries_take(text, at, expected):
    found = evaluated(derivative(parsed(text), "o"), {"o": np.array([at])}, FLOAT64) + np.zeros(1)
    assert found == expected


def test_what_does_not_depend_on_the_name_is_gone():
    assert ast.unparse(derivative(parsed("floor(y) + o + where(y < 1, y, 2) - cos(y)^2 / y"), "o")) == "1"
    with pytest.raises(GradcertError, match="the derivative of floor"):
        derivative(parsed("floor(o)"), "o")
