"""Number systems: field axioms where they hold, refusals where nothing can be meant, and proofs of what they prove."""

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from gradcert.properties.numbers import PRIME, RATIONALS, Duals, Dyadics, PrimeField, Rounding, Undecided, to_rational
from gradcert.properties.numbers.dual import make, primal, tangent
from gradcert.reference import FLOAT32, FLOAT64, SURROGATES, GradcertError, Surrogate
from gradcert.reference.numbers.functions import ACTIVATIONS, IDENTITY, SIGMOID, TANH, spike

dyadic = st.integers(-64, 64).map(lambda k: k / 8)


@given(dyadic, dyadic)
def test_rationals_agree_with_fractions(a, b):
    x, y = RATIONALS.array([a]), RATIONALS.array([b])
    ours = (x * y + x - y)[0]
    assert Fraction(int(ours.p), int(ours.q)) == Fraction(a) * Fraction(b) + Fraction(a) - Fraction(b)


def test_rationals_take_what_is_rational_and_refuse_the_rest():
    assert to_rational(Fraction(1, 3)) == fmpq(1, 3)
    for refused in (lambda: RATIONALS.tanh(RATIONALS.array([1])), lambda: RATIONALS.pi, lambda: to_rational("1/2")):
        with pytest.raises(GradcertError, match="rational"):
            refused()
    with pytest.raises(GradcertError):
        to_rational(float("nan"))


@pytest.mark.parametrize("name", ["triangle", "rect", "fast_sigmoid", "soft_sign", "piecewise_quadratic"])
def test_rational_pseudo_derivatives_are_those_of_floats_rounded_once(name):
    h = spike(Surrogate(name))
    x = np.array([-1.5, -0.75, -0.25, 0.0, 0.125, 0.5, 2.0])
    exact = RATIONALS.slope(h, RATIONALS.array(x))
    # at most four roundings in any of these formulas, none of which cancels
    assert np.all(abs(exact.astype(float) - FLOAT64.slope(h, x)) <= 4 * 2.0**-53 * exact.astype(float))
    assert (RATIONALS.apply(h, RATIONALS.array(x)).astype(float) == FLOAT64.apply(h, x)).all()


def test_the_field_is_a_field_and_its_functions_are_functions():
    field = PrimeField(seed=1)
    rng = np.random.default_rng(0)
    x = field.draw(rng, (50,))
    assert ((x / 3) * 3 == x).all()
    assert (field.array(0.5) * 2 == field.array(1)).all()
    assert (field.apply(TANH, x) == field.apply(TANH, x)).all()
    assert (field.apply(TANH, x) != field.slope(TANH, x)).all()
    assert (field.apply(TANH, x) != PrimeField(seed=2).apply(TANH, x)).all()
    assert (field.apply(IDENTITY, x) == x).all()
    # values are spread over the whole field: the mean of 50 is within 5 standard errors of p / 2
    mean = sum(int(e) for e in field.apply(SIGMOID, x)) / 50 / PRIME
    assert abs(mean - 0.5) < 5 / np.sqrt(12 * 50)
    for refused in (lambda: field.where(x, "<", 0, 1, 0), lambda: field.absolute(x)):
        with pytest.raises(GradcertError, match="prime field"):
            refused()


@given(st.lists(dyadic, min_size=2, max_size=6))
def test_dyadics_know_how_many_bits_a_sum_of_products_needs(values):
    numbers = Dyadics()
    x = numbers.array(values)
    total = (x * x).sum() + x[0]
    assert total.value == to_rational(sum(Fraction(v) ** 2 for v in values) + Fraction(values[0]))
    # whatever the order: a float with that many bits holds every partial sum
    partial = np.cumsum([v * v for v in values])
    for part in partial:
        if not part:
            continue
        scaled = Fraction(part) / Fraction(2) ** numbers.extremes.low
        assert scaled.denominator == 1 and abs(scaled.numerator) < 2**numbers.bits


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("activation", [TANH, SIGMOID, spike(Surrogate("atan")), spike(Surrogate("multi_gaussian"))])
def test_rounding_encloses_sums_in_any_order(dtype, activation):
    rng = np.random.default_rng(3)
    floats = {"float64": FLOAT64, "float32": FLOAT32}[dtype]
    w, x = floats.array(rng.standard_normal((4, 40))), floats.array(rng.standard_normal(40))
    numbers = Rounding(64, dtype)
    sums = (numbers.array(w) * numbers.array(x)).sum(axis=1)
    enclosed = [numbers.enclosure(e) for e in numbers.slope(activation, sums)]
    for _ in range(20):
        order = rng.permutation(40)
        found = floats.slope(activation, np.array([np.add.accumulate(row)[-1] for row in (w * x)[:, order]]))
        assert found.dtype == dtype
        for value, (middle, radius) in zip(found, enclosed, strict=True):
            assert abs(float(value) - middle) <= radius
    # and it is no idle bound: a thousand times the unit roundoff times the sum of absolute values is outside
    assert max(radius for _, radius in enclosed) < 64 * 2.0 ** (-53 if dtype == "float64" else -24) * 1000


def test_rounding_does_not_decide_what_rounding_could_turn():
    numbers = Rounding(10)
    third = numbers.array([1.0]) / 3
    with pytest.raises(Undecided):
        numbers.where(third + third + third, ">", 1, 1, 0)
    # an exact zero is no matter of rounding
    for relation, expected in ((">=", 1), (">", 0)):
        assert numbers.enclosure(numbers.where(numbers.array([0.0]), relation, 0, 1, 0)[0])[0] == expected


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_duals_carry_slopes(name):
    x = np.array([0.5, -0.25])
    out = Duals(FLOAT64).apply(ACTIVATIONS[name], make(x, np.array([2.0, 3.0])))
    assert (primal(out) == FLOAT64.apply(ACTIVATIONS[name], x)).all()
    assert (tangent(out, 0) == FLOAT64.slope(ACTIVATIONS[name], x) * [2.0, 3.0]).all()


def test_every_surrogate_of_the_table_can_be_enclosed():
    x = np.array([-0.7, 0.3])
    for name in SURROGATES:
        h, numbers = spike(Surrogate(name)), Rounding(16)
        for value, e in zip(FLOAT64.slope(h, x), numbers.slope(h, numbers.array(x)), strict=True):
            middle, radius = numbers.enclosure(e)
            assert abs(value - middle) <= radius
