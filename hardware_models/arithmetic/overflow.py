"""Overflow of a stored integer: saturate, also at equal sizes, wrap or hold; which elements overflowed is returned."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic.format import Format
from gradcert.reference.errors import GradcertError

Array = np.ndarray[Any, Any]


class Overflow(Enum):
    """What a register does with a value that it cannot hold."""

    SATURATE = "saturate"
    SYMMETRIC = "saturate at equal sizes"
    WRAP = "wrap"
    HOLD = "hold"


def bottom(target: Format, policy: Overflow) -> int:
    """Return the smallest integer that a register holds: one that saturates at equal sizes leaves the last one out.

    Examples
    --------
    >>> [bottom(Format(True, 8), policy) for policy in (Overflow.SATURATE, Overflow.SYMMETRIC)]
    [-128, -127]
    """
    return max(target.low, -target.high) if policy is Overflow.SYMMETRIC else target.low


def fit(x: Array, target: Format, policy: Overflow, *, held: Array | None = None) -> tuple[Array, Array | None]:
    """Bring integers into a format; the second result marks the elements that did not fit, None where all fitted.

    Parameters
    ----------
    x : integers at the radix of the target.
    target : the format.
    policy : saturate at its limits, or at those of equal sizes, wrap modulo 2**width, or hold the old value.
    held : the old value, for hold.

    Examples
    --------
    >>> fit(np.array([100, 200]), Format(True, 8), Overflow.WRAP)
    (array([100, -56]), array([False,  True]))
    """
    low, high = bottom(target, policy), target.high
    if x.size == 0 or (x.min() >= low and x.max() <= high):
        return x, None
    if policy in (Overflow.SATURATE, Overflow.SYMMETRIC):
        clipped = np.clip(x, low, high)
        return clipped, clipped != x
    outside = (x < low) | (x > high)
    if policy is Overflow.WRAP:
        return ((x - low) & ((1 << target.width) - 1)) + low, outside
    if held is None:
        raise GradcertError("overflow policy hold without an old value", do="name the value that is held")
    return np.where(outside, held, x), outside
