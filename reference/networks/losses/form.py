"""In what form outputs are compared with targets: the loss of one output against one target, and its derivative.

=============  ======================================================  ============================
kind           the loss of one step and sample                         its derivative by o_k
=============  ======================================================  ============================
squared_error  1/2 sum_k (o_k - y_k)^2                                 o_k - y_k
cross_entropy  -sum_k y_k log softmax(o)_k                             softmax(o)_k sum_j y_j - y_k
bernoulli      -sum_k y_k log s(o_k) + (1 - y_k) log (1 - s(o_k)),     s(o_k) - y_k
               s the logistic function
=============  ======================================================  ============================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.numbers import Array, Numbers

Compared = Callable[[Array, Array, Numbers], Array]


@dataclass(frozen=True)
class Form:
    """A loss of outputs o (..., n_out) against targets y of the same shape.

    Attributes
    ----------
    name : names the form in messages.
    terms : ``terms(o, y, numbers)``, (...,): the loss, summed over the outputs.
    derivative : ``derivative(o, y, numbers)``, (..., n_out): of `terms` by o.
    majorant : the same in absolute values: what the rounding error of `derivative` is relative to. Where it is left
        out, the derivative, the outputs and the targets together.

    Examples
    --------
    >>> from gradcert.reference.numbers import FLOAT64
    >>> absolute = Form("absolute", lambda o, y, n: abs(o - y).sum(axis=-1), lambda o, y, n: np.sign(o - y))
    >>> absolute.derivative(np.array([2.0, -1.0]), np.array([1.0, 1.0]), FLOAT64)
    array([ 1., -1.])
    """

    name: str
    terms: Compared
    derivative: Compared
    majorant: Compared | None = None

    def magnitude(self, o: Array, y: Array, numbers: Numbers) -> Array:
        """Return the majorant."""
        if self.majorant is not None:
            return self.majorant(o, y, numbers)
        return abs(self.derivative(o, y, numbers)) + abs(o) + abs(y)


def _half_square(o: Array, y: Array, numbers: Numbers) -> Array:
    difference = o - y
    return (difference * difference).sum(axis=-1) / 2


def _cross_entropy(o: Array, y: Array, numbers: Numbers) -> Array:
    return surprise(o, y, numbers).sum(axis=-1)


def surprise(o: Array, y: Array, numbers: Numbers) -> Array:
    """Return -y_k log softmax(o)_k, (..., n_out)."""
    shift = _shift(o)
    logsum = np.log(np.exp(o - shift).sum(axis=-1, keepdims=True)) + shift
    return y * (logsum - o)


def _error_of_classes(o: Array, y: Array, numbers: Numbers) -> Array:
    p, total = _softmax(o, numbers)
    return p * y.sum(axis=-1, keepdims=True) / total - y


def _bernoulli(o: Array, y: Array, numbers: Numbers) -> Array:
    pair = _with_zero(o)
    return (surprise(pair, np.stack([1 - y, y], axis=-1), numbers)).sum(axis=(-2, -1))


def _error_of_bernoulli(o: Array, y: Array, numbers: Numbers) -> Array:
    p, total = _softmax(_with_zero(o), numbers)
    return p[..., 1] / total[..., 0] - y


def _with_zero(o: Array) -> Array:
    """Return two classes of logits 0 and o for each output: sigmoid(o) is the softmax of the second."""
    return np.stack([0 * o, o], axis=-1)


def _shift(outputs: Array) -> Any:
    # exp must not overflow; exact systems need no shift, and have no maximum
    return outputs.max(axis=-1, keepdims=True) if outputs.dtype != object else 0


def _softmax(outputs: Array, numbers: Numbers) -> tuple[Array, Array]:
    weights = numbers.exp(outputs - _shift(outputs))
    return weights, weights.sum(axis=-1, keepdims=True)


FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Form("squared_error", _half_square, lambda o, y, n: o - y, lambda o, y, n: abs(o) + abs(y)),
        # probabilities are positive already
        Form(
            "cross_entropy",
            _cross_entropy,
            _error_of_classes,
            lambda o, y, n: abs(_error_of_classes(o, y, n) + y) + abs(y),
        ),
        Form(
            "bernoulli", _bernoulli, _error_of_bernoulli, lambda o, y, n: abs(_error_of_bernoulli(o, y, n) + y) + abs(y)
        ),
    )
}
