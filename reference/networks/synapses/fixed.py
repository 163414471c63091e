"""What all maps without a weight have in common: nothing acts, nothing is trained, and no weight feeds a unit.

A class takes them as its own, ``effective = fixed.effective``, beside ``shape = ()`` and ``columns = 0``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.reference.numbers import Array

SHAPE: tuple[int, ...] = ()  # of a weight that is not there
COLUMNS = 0  # weights that feed one unit


def effective(self: Any, weight: Any) -> Any:
    """Return what was given: there is no weight."""
    return weight


def pull_weight(self: Any, g: Array, x: Array) -> Array:
    """Return an empty gradient."""
    return np.zeros((), dtype=g.dtype)


def expand(self: Any, x: Array) -> Array:
    """Return (batch, 1, 0): no weight feeds a unit."""
    return np.zeros((x.shape[0], 1, 0), dtype=x.dtype)


def fold(self: Any, per_unit: Array) -> Array:
    """Return an empty gradient."""
    return np.zeros((), dtype=per_unit.dtype)
