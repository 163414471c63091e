"""Losses: what is summed, over which steps, with which reduction. A scale is part of the definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array, Numbers

KINDS = ("squared_error", "cross_entropy")


@dataclass(frozen=True)
class Loss:
    """E = reduction over (time, batch) of the loss of one output o^t against one target y^t.

    Parameters
    ----------
    kind : ``squared_error`` is 1/2 sum_k (o_k - y_k)^2; ``cross_entropy`` is -sum_k y_k log softmax(o)_k.
    when : ``every`` step or the ``last`` step alone.
    time, batch : ``sum`` or ``mean`` over the steps that count and over the samples.

    Examples
    --------
    >>> from gradcert.reference.numbers import FLOAT64
    >>> o, y = np.ones((2, 1, 3)), np.zeros((2, 1, 3))
    >>> Loss().value(o, y, FLOAT64), Loss(time="mean").value(o, y, FLOAT64)
    (np.float64(3.0), np.float64(1.5))
    """

    kind: str = "squared_error"
    when: str = "every"
    time: str = "sum"
    batch: str = "sum"

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("kind", self.kind, KINDS),
            ("when", self.when, ("every", "last")),
            ("time", self.time, ("sum", "mean")),
            ("batch", self.batch, ("sum", "mean")),
        ):
            if value not in allowed:
                raise GradcertError(f"loss {name}={value!r}", allowed=" or ".join(allowed))

    def divisor(self, steps: int, batch: int) -> int:
        """Return the number that the sum over time and batch is divided by."""
        counted = steps if self.when == "every" else 1
        return (counted if self.time == "mean" else 1) * (batch if self.batch == "mean" else 1)

    def error(self, outputs: Array, targets: Array, numbers: Numbers) -> Array:
        """Return d(loss of one step and sample)/d(output), before reduction; any leading axes."""
        if self.kind == "squared_error":
            return outputs - targets
        p, total = _softmax(outputs, numbers)
        return p * targets.sum(axis=-1, keepdims=True) / total - targets

    def gradient(self, outputs: Array, targets: Array, numbers: Numbers) -> Array:
        """Return dE/do^t for all steps, (time, batch, feature): the source of every learning signal."""
        return self.gradient_of(self.error(outputs, targets, numbers), numbers)

    def gradient_majorant(self, outputs: Array, targets: Array, numbers: Numbers) -> Array:
        """Return the same with absolute values: what the rounding error of `gradient` is relative to."""
        own = outputs if self.kind == "squared_error" else self.error(outputs, targets, numbers) + targets
        return self.gradient_of(abs(own) + abs(targets), numbers)

    def gradient_of(self, error: Array, numbers: Numbers) -> Array:
        """Apply the reduction to the errors of all steps and samples, (time, batch, feature)."""
        divisor = self.divisor(*error.shape[:2])
        delta = error if divisor == 1 else error / divisor
        if self.when == "last":
            delta = np.concatenate([numbers.zeros((error.shape[0] - 1, *error.shape[1:])), delta[-1:]])
        return delta

    def value(self, outputs: Array, targets: Array, numbers: Numbers) -> Any:
        """Return E."""
        if self.when == "last":
            outputs, targets = outputs[-1:], targets[-1:]
        if self.kind == "squared_error":
            difference = outputs - targets
            total = (difference * difference).sum() / 2
        else:
            shift = _shift(outputs)
            logsum = np.log(np.exp(outputs - shift).sum(axis=-1, keepdims=True)) + shift
            total = (targets * (logsum - outputs)).sum()
        counted = 1 if self.time == "sum" else outputs.shape[0]
        return total / (counted * (1 if self.batch == "sum" else outputs.shape[1]))

    def to_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"kind": self.kind, "when": self.when, "time": self.time, "batch": self.batch}


def _shift(outputs: Array) -> Any:
    # exp must not overflow; exact systems need no shift, and have no maximum
    return outputs.max(axis=-1, keepdims=True) if outputs.dtype != object else 0


def _softmax(outputs: Array, numbers: Numbers) -> tuple[Array, Array]:
    weights = numbers.exp(outputs - _shift(outputs))
    return weights, weights.sum(axis=-1, keepdims=True)
