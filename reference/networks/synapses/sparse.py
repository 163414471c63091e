"""Sparse synapse: only some connections exist, and only those have a weight."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Sparse:
    """Weights of the connections that exist alone, shape (connections,): y_i = sum over (i, j) present of w x_j.

    An absent connection has no entry, so that its gradient is not 0 but not there. `Dense(absent=...)` is the other
    way to keep weights, with entries that have no effect.

    Parameters
    ----------
    inputs, units : sizes.
    present : pairs (i, j), in the order of their weights: unit i reads input j.

    Examples
    --------
    >>> synapse = Sparse(inputs=3, units=2, present=((0, 0), (1, 2)))
    >>> synapse.apply(np.array([2, 5]), np.array([1, 1, 1])), synapse.shape
    (array([2, 5]), (2,))
    """

    inputs: int
    units: int
    present: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if self.inputs < 1 or self.units < 1:
            raise GradcertError(f"a sparse synapse of {self.inputs} inputs, {self.units} units", allowed="sizes >= 1")
        if not self.present:
            raise GradcertError("a sparse synapse without a connection", allowed="one connection (i, j) or more")
        for i, j in self.present:
            if not (0 <= i < self.units and 0 <= j < self.inputs):
                raise GradcertError(f"the connection ({i}, {j})", allowed=f"i < {self.units}, j < {self.inputs}")
        if len(set(self.present)) < len(self.present):
            raise GradcertError("a connection of a sparse synapse that is there twice", allowed="each pair once")

    @classmethod
    def of_mask(cls, mask: Any, *, inputs: int, units: int) -> Sparse:
        """Return the synapse whose connections are where a mask (units, inputs) is not 0, row by row.

        Raises
        ------
        GradcertError : for a mask of another shape, or with other numbers than 0 and 1.
        """
        given = np.asarray(mask)
        if given.shape != (units, inputs) or not np.isin(given, (0, 1)).all():
            raise GradcertError(
                f"a mask of shape {given.shape} for {units} units and {inputs} inputs",
                allowed=f"0 or 1 in an array ({units}, {inputs}): a row for each unit",
            )
        present = tuple((int(i), int(j)) for i, j in np.argwhere(given))
        return cls(inputs=inputs, units=units, present=present)

    @cached_property
    def _where(self) -> tuple[Array, Array]:
        rows, columns = np.array(self.present).T
        return rows, columns

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight: one for each connection."""
        return (len(self.present),)

    @property
    def columns(self) -> int:
        """Number of weights that feed one unit, absent ones included: rows of a trace are as long as the input."""
        return self.inputs

    def effective(self, weight: Array) -> Array:
        """Return the weight: what there is acts."""
        return weight

    def matrix(self, weight: Array) -> Array:
        """Return the weights as a matrix (units, inputs), 0 where nothing is."""
        out = np.zeros((self.units, self.inputs), dtype=weight.dtype)
        if weight.dtype == object:
            out[...] = 0 * weight[0]
        out[self._where] = weight
        return out

    def apply(self, weight: Array, x: Array) -> Array:
        """Return y for x of shape (..., inputs)."""
        return np.matmul(x, self.matrix(weight).T) if x.ndim > 1 else np.matmul(self.matrix(weight), x)

    def pull_input(self, weight: Array, g: Array) -> Array:
        """Return the pull-back of g, shape (..., units), to the input."""
        return np.matmul(g, self.matrix(weight))

    def pull_weight(self, g: Array, x: Array) -> Array:
        """Return the pull-back to the weight, summed over all leading axes."""
        return np.matmul(g.reshape(-1, self.units).T, x.reshape(-1, self.inputs))[self._where]

    def push(self, weight: Array, tangent: Array) -> Array:
        """Apply the synapse to axis 1 of a tangent of shape (batch, inputs, k)."""
        return np.matmul(self.matrix(weight), tangent)

    def expand(self, x: Array) -> Array:
        """Return dy_i / d(a row of weights), shape (batch, 1, inputs): the same for all; `fold` takes what exists."""
        return x[:, None, :]

    def fold(self, per_unit: Array) -> Array:
        """Turn a gradient per unit, (units, inputs), into the gradient of the weights that exist."""
        return per_unit.reshape(self.units, self.inputs)[self._where]
