"""Smooth activations: value, derivative, Lipschitz constant, as power series of balls; the conventions at a tie."""

import numpy as np
import pytest
from balls import BALLS, BITS, agree, each, precision
from flint import arb, arb_series, ctx

from gradcert.reference import FLOAT32, FLOAT64, GradcertError
from gradcert.reference.numbers import Surrogate
from gradcert.reference.numbers.functions import ACTIVATIONS, activation, spike

POINTS = np.array([-2.75, -1.25, -0.375, -0.0625, 0.125, 0.5, 1.0, 3.25])


def ramp(x):
    return x if x[0] > 0 else x * 0


FUNCTIONS = {
    "identity": lambda x: x,
    "tanh": lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
    "relu": ramp,
    "relu_off_at_zero": ramp,
}


def series(name, order):
    """The value (order 0) or the derivative (order 1) of the function at the points."""
    before, ctx.cap = ctx.cap, 2
    try:
        return each(lambda at: FUNCTIONS[name](arb_series([at, 1]))[order], BALLS.array(POINTS))
    finally:
        ctx.cap = before


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_value_and_derivative(name):
    found = activation(name)
    assert (found.name, found.smooth, found.step) == (name, True, None)
    with precision(BITS):
        slopes = found.derivative(BALLS.array(POINTS), BALLS)
        assert agree(found.value(BALLS.array(POINTS), BALLS), series(name, 0))
        assert agree(slopes, series(name, 1))
        assert all(abs(slope) <= found.lipschitz for slope in slopes)
        at_its_steepest = found.derivative(BALLS.array([0.0, 1.0]), BALLS)  # 0, or for a ramp anywhere above
        assert max(at_its_steepest) == arb(found.lipschitz)


@pytest.mark.parametrize(("name", "slope"), [("relu", 1), ("relu_off_at_zero", 0)])
def test_at_a_tie(name, slope):
    """IBM/ostl's convention and PyTorch's (mathematics.md 4.5)."""
    found, zero = activation(name), np.zeros(1)
    assert (found.value(zero, FLOAT64).item(), found.derivative(zero, FLOAT64).item()) == (0, slope)


@pytest.mark.parametrize("strict", [False, True])
def test_a_spike_at_the_threshold_itself(strict):
    found = spike(Surrogate("triangle", scale=1.0), strict=strict)
    assert found.step == (">" if strict else ">=")
    assert found.value(np.array([-(2.0**-50), 0.0, 2.0**-50]), FLOAT64).tolist() == [0, 0 if strict else 1, 1]


def test_large_arguments_neither_overflow_nor_lose_the_sign():
    x = np.array([-800.0, 800.0])
    for name, ends in {"sigmoid": (0, 1), "tanh": (-1, 1)}.items():
        assert activation(name).value(x, FLOAT64).tolist() == list(ends)
        assert activation(name).derivative(x, FLOAT64).tolist() == [0, 0]


def test_an_unknown_activation():
    with pytest.raises(GradcertError, match=r"'tan'.*allowed: identity, relu, relu_off_at_zero, sigmoid, tanh"):
        activation("tan")


@pytest.mark.parametrize(("numbers", "dtype"), [(FLOAT32, "float32"), (FLOAT64, "float64")])
def test_floats_keep_their_type(numbers, dtype):
    x = numbers.array([-1.0, 0.0, 2.0])
    choices = [numbers.where(x, relation, 0, x, 0).tolist() for relation in ("<", "<=", ">", ">=")]
    assert choices == [[-1, 0, 0], [-1, 0, 0], [0, 0, 2], [0, 0, 2]]
    assert [numbers.where(x, relation, 0, 1, 0)[1] for relation in ("<", "<=", ">", ">=")] == [0, 1, 0, 1]
    made = (
        x,
        numbers.zeros((2, 3)),
        numbers.where(x, "<", 0, 1, 0),
        numbers.exp(x),
        numbers.tanh(x),
        numbers.absolute(x),
    )
    assert numbers.name == dtype
    assert {str(a.dtype) for a in made} == {dtype}
    for found in map(activation, ACTIVATIONS):
        assert str(numbers.apply(found, x).dtype) == str(numbers.slope(found, x).dtype) == dtype
