"""Pseudo-derivatives of one's own: formulas as text, and functions that are run on a symbol."""

import numpy as np
import pytest

from gradcert.reference import FLOAT64, GradcertError, Surrogate
from gradcert.reference.engines.majorant import gamma
from gradcert.reference.numbers import SURROGATES, recorded, surrogate_from
from gradcert.reference.numbers.formula import evaluated, parsed
from gradcert.reference.numbers.surrogates import pseudo_derivative

X = np.array([-2.5, -0.75, -0.125, 0.0, 0.25, 1.5])
# rows of the table, written by hand as formulas
ROWS = {
    "sigmoid": "scale sigmoid(scale x) (1 - sigmoid(scale x))",
    "atan": "scale / 2 / (1 + (pi scale x / 2)^2)",
    "piecewise_quadratic": "max(scale (1 - scale |x|), 0)",
    "soft_sign": "scale / (2 (1 + scale |x|)**2)",
    "rect": "where(|x| < 1 / (2 scale), scale, 0)",
    "fast_sigmoid": "(1 + slope |x|)^-2",
    "triangle": "scale * relu(1 - |x| / width)",
    "tanh": "1 - tanh(x)^2",
    "exponential": "exp(-scale * abs(x))",
    "sparse_fast_sigmoid": "where(x > above, 1 / (1 + slope abs(x))^2, 0)",
    "erf": "scale / sqrt(pi) exp(-(scale x)^2)",
}


@pytest.mark.parametrize("name", ROWS)
def test_a_formula_is_a_row_of_the_table(name):
    scales = {scale: 0.7 for scale in SURROGATES[name].defaults}
    mine, row = Surrogate(formula=ROWS[name], **scales), Surrogate(name, **scales)
    found, want = (pseudo_derivative(s, X, FLOAT64) for s in (mine, row))
    # fewer than 10 roundings on either side; a difference, and an exponential, make no more than 4 of one here
    assert np.allclose(found, want, rtol=gamma(80), atol=gamma(80))
    assert found.any() and mine.peak is None


def test_an_amplitude_multiplies_any_form():
    for one in (Surrogate("atan"), Surrogate(formula="where(x < 0, 1, 1/4)")):
        twice = one.with_scale("amplitude", 2.0)
        assert (pseudo_derivative(twice, X, FLOAT64) == 2 * pseudo_derivative(one, X, FLOAT64)).all()
        assert twice != one and surrogate_from(twice.to_dict()) == twice and "amplitude=2.0" in twice.label
    assert Surrogate("atan", amplitude=-3.0).peak == 3.0 and "amplitude" not in Surrogate("atan").to_dict()


def test_one_that_does_not_depend_on_x_has_its_shape():
    assert pseudo_derivative(Surrogate(formula="height", height=0.5), X, FLOAT64).tolist() == [0.5] * len(X)


def test_what_is_written_side_by_side():
    tree = parsed("2 x (1 + x) exp(x) |x - 1|^2")
    assert np.array_equal(evaluated(tree, {"x": X}, FLOAT64), 2 * X * (1 + X) * np.exp(X) * (abs(X - 1) * abs(X - 1)))
    assert evaluated(parsed("x^0 + floor(x) + cos(x) + sin(x)"), {"x": np.array([1.5])}, FLOAT64) == pytest.approx(
        2 + np.cos(1.5) + np.sin(1.5), rel=gamma(8)
    )


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("slope x", "slope in the formula"),
        ("1 / x", "at x = 0, which is inf"),
        ("x < 1", "in the formula"),
        ("where(x, 1, 0)", "first part of a where"),
        ("__import__('os')", "in the formula"),
        ("spike(x)", "spike in a formula"),
        ("W @ x", "is unknown|in a formula|W in the formula"),
        (3, "text"),
    ],
)
def test_what_is_no_pseudo_derivative(formula, says):
    with pytest.raises(GradcertError, match=says):
        Surrogate(formula=formula, **({"W": 1.0} if formula == "W @ x" else {}))
    with pytest.raises(GradcertError, match="has no scale"):
        Surrogate(formula="1 + x^2", slope=1.0)
    with pytest.raises(GradcertError, match="a name, or a formula"):
        Surrogate("atan", formula="1")


FUNCTIONS = [
    lambda x: 1 / (1 + (np.pi * x) ** 2),
    lambda x: 0.3 * np.maximum(0, 1 - np.abs(x)),
    lambda x: np.where(x > 0, np.exp(-x), 0.25) - 1e-3,
    lambda x: (abs(x) < 0.5) * 2.0,
    lambda x: np.square(np.tanh(x)) * -0.5 + np.cos(x) / 4,
    lambda x: np.clip(1 - x * x, 0, 0.75),
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_becomes_its_formula(function):
    own = Surrogate(formula=recorded(function))
    assert np.allclose(pseudo_derivative(own, X, FLOAT64), function(X), rtol=gamma(20), atol=gamma(20))


def test_a_function_of_torch_becomes_its_formula():
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install torch")
    x = torch.tensor(X)
    for function in (
        lambda x: torch.where(x < 0, torch.exp(x), torch.tensor(0.1)) * 2,
        lambda x: torch.clamp(1 - x.abs(), min=0) + (x > 0).float() * 0.3,
        lambda x: torch.sigmoid(4 * x) * (1 - torch.sigmoid(4 * x)),
    ):
        want = function(x).numpy()
        # torch's 0.1 and its .float() are float32
        assert np.allclose(pseudo_derivative(Surrogate(formula=recorded(function)), X, FLOAT64), want, rtol=1e-6)


def branching(x):
    return x if x > 0 else 0


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (branching, "a branch on a value"),
        (lambda x: np.arctan(x), "arctan"),
        (lambda x: x[0], "TypeError"),
        (lambda x: np.where(x, 1, 0), "no comparison"),
    ],
)
def test_what_no_formula_can_be_made_of(function, says):
    with pytest.raises(GradcertError, match=says):
        recorded(function)
