"""What the engines need of a synapse: the map, its two pull-backs, and how its weights reach the units."""

from __future__ import annotations

from typing import Protocol

from gradcert.reference.numbers import Array


class Synapse(Protocol):
    """A linear map y = S(W) x. Arrays are flat in their last axis; a synapse with geometry reshapes inside."""

    @property
    def inputs(self) -> int:
        """Length of x."""
        ...

    @property
    def units(self) -> int:
        """Length of y."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight; ``()`` means that there is none (a fixed map)."""
        ...

    @property
    def columns(self) -> int:
        """Number of weights that feed one unit."""
        ...

    def effective(self, weight: Array) -> Array:
        """Return the weight as it acts (absent connections are 0)."""
        ...

    def apply(self, weight: Array, x: Array) -> Array:
        """Return y, shape (..., units), for x, shape (..., inputs), as a new array."""
        ...

    def pull_input(self, weight: Array, g: Array) -> Array:
        """Return the pull-back of g, shape (..., units), to the input."""
        ...

    def pull_weight(self, g: Array, x: Array) -> Array:
        """Return the pull-back to the weight, summed over all leading axes."""
        ...

    def push(self, weight: Array, tangent: Array) -> Array:
        """Apply the map to axis 1 of a tangent of shape (batch, inputs, k)."""
        ...

    def expand(self, x: Array) -> Array:
        """Return dy_u / d(weights of unit u) for x (batch, inputs): shape (batch, 1 or units, columns)."""
        ...

    def fold(self, per_unit: Array) -> Array:
        """Turn a gradient per unit, (units, columns), into the gradient of the weight (sums shared weights)."""
        ...
