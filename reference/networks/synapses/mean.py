"""The mean over units, given to each of them: the fixed link that mixes the units of a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.synapses import fixed
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Mean:
    """y_i = (x_1 + ... + x_n) / n for every i, or so within runs of units. Nothing is trained; it is its own pull-back.

    Parameters
    ----------
    units : how many there are.
    size : units of a run, which follow each other (the pixels of a channel, the channels of a group); all of them
        where it is None.

    Examples
    --------
    >>> Mean(units=2).apply(None, np.array([1.0, 5.0]))
    array([3., 3.])
    >>> Mean(units=4, size=2).apply(None, np.array([1.0, 5.0, 2.0, 8.0]))
    array([3., 3., 5., 5.])
    """

    units: int
    size: int | None = None

    shape: ClassVar[tuple[int, ...]] = fixed.SHAPE
    columns: ClassVar[int] = fixed.COLUMNS
    effective = fixed.effective
    pull_weight = fixed.pull_weight
    expand = fixed.expand
    fold = fixed.fold

    def __post_init__(self) -> None:
        if self.units < 1:
            raise GradcertError(f"a mean over {self.units} units", allowed="one unit or more")
        if self.size is not None and (type(self.size) is not int or self.size < 1 or self.units % self.size):
            raise GradcertError(
                f"means over runs of {self.size!r} of {self.units} units", allowed=f"a divisor of {self.units}"
            )

    @property
    def inputs(self) -> int:
        """As many as units."""
        return self.units

    def apply(self, weight: Any, x: Array) -> Array:
        """Return the mean of x, (..., units), in every unit."""
        return self._over(x, -1)

    def pull_input(self, weight: Any, g: Array) -> Array:
        """Return the pull-back of g, shape (..., units): each unit's share of the sum."""
        return self.apply(weight, g)

    def _over(self, x: Array, axis: int) -> Array:
        size, axis = self.size or self.units, axis % x.ndim
        runs = x.reshape(*x.shape[:axis], self.units // size, size, *x.shape[axis + 1 :])
        return np.repeat(share(runs.sum(axis=axis + 1), size), size, axis=axis)

    def push(self, weight: Any, tangent: Array) -> Array:
        """Apply the map to axis 1 of a tangent of shape (batch, units, k)."""
        return self._over(tangent, 1)


def share(x: Array, size: int) -> Array:
    """Return x over a whole number.

    Where exact numbers have no entry a full tangent holds Python's 0, and ``/`` would make a float of it, which no
    field takes.

    Examples
    --------
    >>> share(np.array([0, 6], dtype=object), 2)
    array([0, 3.0], dtype=object)
    """
    if x.dtype != object:
        return x / size
    divided = np.frompyfunc(lambda e: e if isinstance(e, int) and e == 0 else e / size, 1, 1)(x)
    return np.asarray(divided, dtype=object)
