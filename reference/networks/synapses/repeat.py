"""One number given to several units that follow each other: the fixed map whose pull-back is a sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.synapses import fixed
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Repeat:
    """Every input, given to `size` units that follow each other: a channel's number to its pixels. Nothing is trained.

    Examples
    --------
    >>> Repeat(inputs=2, size=3).apply(None, np.array([1.0, 5.0]))
    array([1., 1., 1., 5., 5., 5.])
    >>> Repeat(inputs=2, size=3).pull_input(None, np.arange(6.0))
    array([ 3., 12.])
    """

    inputs: int
    size: int

    shape: ClassVar[tuple[int, ...]] = fixed.SHAPE
    columns: ClassVar[int] = fixed.COLUMNS
    effective = fixed.effective
    pull_weight = fixed.pull_weight
    expand = fixed.expand
    fold = fixed.fold

    def __post_init__(self) -> None:
        if min(self.inputs, self.size) < 1:
            raise GradcertError(f"{self.inputs} inputs, each given to {self.size} units", allowed="one or more of both")

    @property
    def units(self) -> int:
        """Length of the output."""
        return self.inputs * self.size

    def apply(self, weight: Any, x: Array) -> Array:
        """Return y for x of shape (..., inputs)."""
        return np.repeat(x, self.size, axis=-1)

    def pull_input(self, weight: Any, g: Array) -> Array:
        """Return the pull-back of g, shape (..., units): the sum over the units that an input is given to."""
        return np.asarray(g.reshape(*g.shape[:-1], self.inputs, self.size).sum(axis=-1))

    def push(self, weight: Any, tangent: Array) -> Array:
        """Apply the map to axis 1 of a tangent of shape (batch, inputs, k)."""
        return np.repeat(tangent, self.size, axis=1)
