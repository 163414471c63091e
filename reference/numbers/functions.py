"""Activations: a function and its derivative, or a step and its pseudo-derivative, under one name."""

from __future__ import annotations

from functools import cache

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers.protocol import Activation, Array, Numbers
from gradcert.reference.numbers.surrogates import Surrogate, pseudo_derivative


def _sigmoid(x: Array, numbers: Numbers) -> Array:
    # the tanh form neither overflows nor loses digits for large |x| (trap T118)
    return (numbers.tanh(x / 2) + 1) / 2


def _sigmoid_slope(x: Array, numbers: Numbers) -> Array:
    y = _sigmoid(x, numbers)
    return y * (1 - y)


def _tanh_slope(x: Array, numbers: Numbers) -> Array:
    y = numbers.tanh(x)
    return 1 - y * y


IDENTITY = Activation("identity", lambda x, _: x, lambda x, _: x * 0 + 1)
TANH = Activation("tanh", lambda x, n: n.tanh(x), _tanh_slope)
SIGMOID = Activation("sigmoid", _sigmoid, _sigmoid_slope, lipschitz=0.25)
# at a tie the slope is 1, as in IBM/ostl (mathematics.md 4.5)
RELU = Activation("relu", lambda x, n: n.where(x, ">=", 0, x, 0), lambda x, n: n.where(x, ">=", 0, 1, 0))

# PyTorch's convention at a tie
RELU_OFF_AT_ZERO = Activation(
    "relu_off_at_zero", lambda x, n: n.where(x, ">", 0, x, 0), lambda x, n: n.where(x, ">", 0, 1, 0)
)

ACTIVATIONS = {a.name: a for a in (IDENTITY, TANH, SIGMOID, RELU, RELU_OFF_AT_ZERO)}


def activation(name: str) -> Activation:
    """Return a smooth activation by name.

    Examples
    --------
    >>> activation("tanh").smooth
    True
    """
    try:
        return ACTIVATIONS[name]
    except KeyError:
        raise GradcertError(f"the activation {name!r} is unknown", allowed=", ".join(sorted(ACTIVATIONS))) from None


@cache
def spike(surrogate: Surrogate, *, strict: bool = False) -> Activation:
    """Return the step function with the pseudo-derivative of `surrogate` (mathematics.md 2).

    Parameters
    ----------
    surrogate : the pseudo-derivative.
    strict : whether a membrane potential exactly at the threshold is silent (``>``) or fires (``>=``).

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference.numbers import FLOAT64, Surrogate
    >>> spike(Surrogate("triangle", scale=1.0), strict=True).value(np.array([-1.0, 0.0, 1.0]), FLOAT64)
    array([0., 0., 1.])
    """
    relation = ">" if strict else ">="
    return Activation(
        f"spike[{relation},{surrogate.label}]",
        lambda x, numbers: numbers.where(x, relation, 0, 1, 0),
        lambda x, numbers: pseudo_derivative(surrogate, x, numbers),
        smooth=False,
        lipschitz=surrogate.peak,
        step=relation,
    )
