"""Regularisers of activity: what a loss says of the values that leave layers, beside the error at the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.checks import check_number
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array, Numbers

KINDS = ("rate", "l1", "l2")


@dataclass(frozen=True)
class Activity:
    """A term of the loss about z^t, what leaves a layer at step t (after its mask, where it has one).

    ====  ==============================================================================================
    kind  term, w being the loss's weights (1 where there are none)
    ====  ==============================================================================================
    rate  strength / 2 sum_i (r_i - target)^2, r_i = sum_t w^t z_i^t / sum_t w^t (e-prop, mathematics.md 6)
    l1    strength sum_t w^t sum_i |z_i^t|
    l2    strength / 2 sum_t w^t sum_i (z_i^t)^2
    ====  ==============================================================================================

    Its credit arrives at the layer's output, and goes on down as that of the loss does.

    Parameters
    ----------
    kind : see the table.
    strength : a factor.
    target : of the rate.
    layers : numbers of the layers that it is about; every one but the last where empty.
    time : ``sum``, or ``mean`` over the steps that count; a rate is a mean already.
    batch : ``sum`` or ``mean`` over the samples; ``pooled``: one rate of all samples together.

    Examples
    --------
    >>> from gradcert.reference.numbers import FLOAT64
    >>> z = np.array([[[1.0, 0.0]], [[1.0, 0.0]]])
    >>> Activity(kind="rate", target=0.5).value(z, FLOAT64), Activity(kind="l1").value(z, FLOAT64)
    (np.float64(0.25), np.float64(2.0))
    """

    kind: str = "rate"
    strength: Any = 1.0
    target: Any = 0.0
    layers: tuple[int, ...] = ()
    time: str = "sum"
    batch: str = "sum"

    def __post_init__(self) -> None:
        batches = ("sum", "mean", "pooled") if self.kind == "rate" else ("sum", "mean")
        for name, value, allowed in (
            ("kind", self.kind, KINDS),
            ("time", self.time, ("sum", "mean") if self.kind != "rate" else ("sum",)),
            ("batch", self.batch, batches),
        ):
            if value not in allowed:
                raise GradcertError(f"activity {name}={value!r}", allowed=" or ".join(allowed))
        check_number("strength", self.strength)
        check_number("target", self.target)

    @property
    def stepwise(self) -> bool:
        """Whether a step's credit needs no other step."""
        return self.kind != "rate"

    @property
    def averages(self) -> bool:
        """Whether it is divided by the weights of each sample."""
        return self.time == "mean" or (self.kind == "rate" and self.batch != "pooled")

    def numbers_of(self, depth: int) -> tuple[int, ...]:
        """Return the numbers of the layers that it is about."""
        return self.layers or tuple(range(depth - 1))

    def value(self, z: Array, numbers: Numbers, weights: Array | None = None) -> Any:
        """Return the term of one layer, z being (time, batch, units)."""
        strength = numbers.array(self.strength)[()]
        if self.kind == "rate":
            gap = self._rate(z, numbers, weights) - numbers.array(self.target)[()]
            return strength * (gap * gap).sum() / (2 * self._samples(z))
        size = numbers.absolute(z) if self.kind == "l1" else z * z / 2
        return strength * self._reduced(size, weights).sum()

    def gradient(self, z: Array, numbers: Numbers, weights: Array | None = None) -> Array:
        """Return its gradient by z^t, (time, batch, units)."""
        strength = numbers.array(self.strength)[()]
        if self.kind == "rate":
            gap = self._rate(z, numbers, weights) - numbers.array(self.target)[()]
            counted, total = self._counted(z, numbers, weights)
            return counted * (strength * gap / total / self._samples(z))
        return strength * self._reduced(self.slope(z, numbers), weights)

    def majorant(self, z: Array, numbers: Numbers, weights: Array | None = None) -> Array:
        """Return the gradient in absolute values: what its rounding error is relative to."""
        strength = abs(numbers.array(self.strength)[()])
        if self.kind == "rate":
            size = self._rate(abs(z), numbers, weights) + abs(numbers.array(self.target)[()])
            counted, total = self._counted(z, numbers, weights)
            return counted * (strength * size / total / self._samples(z))
        return strength * self._reduced(abs(self.slope(z, numbers)), weights)

    def slope(self, z: Array, numbers: Numbers) -> Array:
        """Return the derivative of |z| (0 at 0), or of z^2 / 2."""
        if self.kind == "l2":
            return z
        return np.asarray(numbers.where(z, ">", 0, 1, 0) - numbers.where(z, "<", 0, 1, 0)) + 0 * z

    def at_step(self, z: Array, t: int, steps: int, numbers: Numbers, weights: Array | None = None) -> Array:
        """Return `gradient` at one step, for z of shape (batch, units), of a term that needs no other step."""
        slope = self.slope(z, numbers)
        counted = slope if weights is None else slope * weights[t][:, None]
        return numbers.array(self.strength)[()] * (counted / self._divisor(steps, len(z), weights))

    def _divisor(self, steps: int, batch: int, weights: Array | None) -> Any:
        """Return what the credit of a step is divided by: a number, or one per sample, (batch, 1)."""
        samples = batch if self.batch == "mean" else 1
        if self.time == "sum":
            return samples
        return samples * (steps if weights is None else weights.sum(axis=0)[:, None])

    def _reduced(self, values: Array, weights: Array | None) -> Array:
        counted = values if weights is None else values * weights[..., None]
        steps, batch = values.shape[:2]
        return np.asarray(counted / self._divisor(steps, batch, weights))

    def _samples(self, z: Array) -> int:
        return z.shape[1] if self.batch == "mean" else 1

    def _counted(self, z: Array, numbers: Numbers, weights: Array | None) -> tuple[Array, Any]:
        """Return d rate / d z^t, (time, batch, 1), and what that is divided by: a number, or one per sample."""
        steps, batch = z.shape[:2]
        if weights is None:
            return numbers.array(np.ones((steps, batch, 1))), steps * (batch if self.batch == "pooled" else 1)
        return weights[..., None], weights.sum() if self.batch == "pooled" else weights.sum(axis=0)[:, None]

    def _rate(self, z: Array, numbers: Numbers, weights: Array | None) -> Array:
        """Return the rates, (batch, units), or (units,) where they are pooled."""
        counted, total = self._counted(z, numbers, weights)
        return np.asarray((counted * z).sum(axis=(0, 1) if self.batch == "pooled" else 0) / total)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        out = {"kind": self.kind, "strength": self.strength, "layers": list(self.layers), "batch": self.batch}
        return {**out, "target": self.target} if self.kind == "rate" else {**out, "time": self.time}
