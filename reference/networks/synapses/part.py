"""Fixed ways of values: a synapse that reads a part of what comes in, and a map that puts values in a place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gradcert.reference.networks.synapses import fixed
from gradcert.reference.networks.synapses.protocol import Synapse
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Part:
    """A synapse that reads entries from `start` on of a longer vector: one source of several.

    Examples
    --------
    >>> from gradcert.reference.networks import Dense
    >>> Part(Dense(inputs=2, units=1), start=1, inputs=4).apply(np.ones((1, 2)), np.arange(4.0))
    array([3.])
    """

    synapse: Synapse
    start: int
    inputs: int

    @property
    def units(self) -> int:
        """Length of y."""
        return self.synapse.units

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight."""
        return self.synapse.shape

    @property
    def columns(self) -> int:
        """Number of weights that feed one unit."""
        return self.synapse.columns

    @property
    def _read(self) -> slice:
        return slice(self.start, self.start + self.synapse.inputs)

    def read(self, x: Array) -> Array:
        """Return what the synapse reads of x, (..., inputs)."""
        return x[..., self._read]

    def effective(self, weight: Array) -> Array:
        """Return the weight as it acts."""
        return self.synapse.effective(weight)

    def apply(self, weight: Array, x: Array) -> Array:
        """Return y for x of shape (..., inputs)."""
        return self.synapse.apply(weight, x[..., self._read])

    def pull_input(self, weight: Array, g: Array) -> Array:
        """Return the pull-back of g, shape (..., units), to all of the input: nothing where it is not read."""
        return placed(self.synapse.pull_input(weight, g), self.start, self.inputs)

    def pull_weight(self, g: Array, x: Array) -> Array:
        """Return the pull-back to the weight."""
        return self.synapse.pull_weight(g, x[..., self._read])

    def push(self, weight: Array, tangent: Array) -> Array:
        """Apply the synapse to axis 1 of a tangent of shape (batch, inputs, k)."""
        return self.synapse.push(weight, tangent[:, self._read])

    def expand(self, x: Array) -> Array:
        """Return dy_u / d(weights of unit u)."""
        return self.synapse.expand(x[..., self._read])

    def fold(self, per_unit: Array) -> Array:
        """Turn a gradient per unit into the gradient of the weight."""
        return self.synapse.fold(per_unit)


@dataclass(frozen=True)
class Place:
    """Values as they are, from `start` on in a vector that is 0 elsewhere. Nothing is trained.

    Examples
    --------
    >>> Place(inputs=2, units=4, start=1).apply(None, np.array([5.0, 6.0]))
    array([0., 5., 6., 0.])
    """

    inputs: int
    units: int
    start: int = 0

    shape: ClassVar[tuple[int, ...]] = fixed.SHAPE
    columns: ClassVar[int] = fixed.COLUMNS
    effective = fixed.effective
    pull_weight = fixed.pull_weight
    expand = fixed.expand
    fold = fixed.fold

    def apply(self, weight: Any, x: Array) -> Array:
        """Return y for x of shape (..., inputs)."""
        return placed(x, self.start, self.units)

    def pull_input(self, weight: Any, g: Array) -> Array:
        """Return what stands in the place."""
        return g[..., self.start : self.start + self.inputs]

    def push(self, weight: Any, tangent: Array) -> Array:
        """Apply the map to axis 1 of a tangent of shape (batch, inputs, k)."""
        return self.apply(weight, tangent.swapaxes(1, 2)).swapaxes(1, 2)


def placed(x: Array, start: int, units: int) -> Array:
    """Return a new array (..., units) with x (..., n) from `start` on, else 0 of x's kind of number.

    Examples
    --------
    >>> placed(np.array([1, 2]), 1, 4)
    array([0, 1, 2, 0])
    """
    out = np.zeros((*x.shape[:-1], units), dtype=x.dtype)
    if x.dtype == object and x.size and units > x.shape[-1]:
        out[...] = 0 * x.flat[0]  # a zero of the number system, which Python's 0 may not be
    out[..., start : start + x.shape[-1]] = x
    return out
