"""Dense synapse: y = W x, optionally with absent connections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Dense:
    """All-to-all weights ``W`` of shape (units, inputs); column convention y_i = sum_j W_ij x_j.

    Parameters
    ----------
    inputs, units : sizes.
    absent : pairs (i, j) of connections that do not exist: their weight has no effect and their gradient is 0.
        e-prop forbids self-connections (mathematics.md 6).

    Examples
    --------
    >>> Dense(inputs=3, units=2).shape
    (2, 3)
    """

    inputs: int
    units: int
    absent: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.inputs < 1 or self.units < 1:
            raise GradcertError(f"a dense synapse of {self.inputs} inputs and {self.units} units", allowed="sizes >= 1")
        for i, j in self.absent:
            if not (0 <= i < self.units and 0 <= j < self.inputs):
                raise GradcertError(f"the absent connection ({i}, {j})", allowed=f"i < {self.units}, j < {self.inputs}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight."""
        return (self.units, self.inputs)

    @property
    def columns(self) -> int:
        """Number of weights that feed one unit."""
        return self.inputs

    def effective(self, weight: Array) -> Array:
        """Return the weight with absent connections set to 0."""
        if not self.absent:
            return weight
        out = weight.copy()
        rows, columns = zip(*self.absent, strict=True)
        out[list(rows), list(columns)] = 0
        return out

    def apply(self, weight: Array, x: Array) -> Array:
        """Return y for x of shape (..., inputs)."""
        if x.ndim == 2:
            return np.matmul(x, self.effective(weight).T)
        flat = np.matmul(x.reshape(-1, self.inputs), self.effective(weight).T)  # one product over all leading axes
        return flat.reshape(*x.shape[:-1], self.units)

    def pull_input(self, weight: Array, g: Array) -> Array:
        """Return the pull-back of g, shape (..., units), to the input: W^T g."""
        if g.ndim == 2:
            return np.matmul(g, self.effective(weight))
        flat = np.matmul(g.reshape(-1, self.units), self.effective(weight))
        return flat.reshape(*g.shape[:-1], self.inputs)

    def pull_weight(self, g: Array, x: Array) -> Array:
        """Return the pull-back to the weight, summed over all leading axes: sum g (x) x."""
        flat = np.matmul(g.reshape(-1, self.units).T, x.reshape(-1, self.inputs))
        return self.effective(flat)

    def push(self, weight: Array, tangent: Array) -> Array:
        """Apply the synapse to axis 1 of a tangent of shape (batch, inputs, k)."""
        return np.matmul(self.effective(weight), tangent)

    def expand(self, x: Array) -> Array:
        """Return the immediate derivative dy_i / d(weights of unit i), shape (batch, 1, columns): the same for all."""
        return x[:, None, :]

    def fold(self, per_unit: Array) -> Array:
        """Turn a gradient per unit, (units, columns), into the gradient of the weight."""
        return self.effective(per_unit.reshape(self.shape))
