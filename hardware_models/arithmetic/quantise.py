"""Quantise: round an exact integer to a format's radix, then fit it into the format's width.

The static width check decides between int64 and Python integers: an intermediate whose exact range needs more than 62
bits
is computed on object arrays of Python integers, everything else on int64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gradcert.hardware_models.arithmetic.format import Format
from gradcert.hardware_models.arithmetic.overflow import Overflow, fit
from gradcert.hardware_models.arithmetic.rounding import Rounding, Stochastic, drop_bits

Array = np.ndarray[Any, Any]
FAST_BITS = 62  # one bit below int64's magnitude: rounding adds at most one half ulp before it shifts


class Quantised(NamedTuple):
    """Stored integers, and which of them overflowed (None: none did)."""

    stored: Array
    overflowed: Array | None


def is_fast(low: int, high: int) -> bool:
    """Return whether every integer of [low, high] may be computed on int64.

    Examples
    --------
    >>> is_fast(-(2**62), 2**62 - 1), is_fast(0, 2**62)
    (True, False)
    """
    return low >= -(1 << FAST_BITS) and high < (1 << FAST_BITS)


def integers(values: Any, *, fast: bool = True) -> Array:
    """Return an int64 array, or an object array of Python integers where `fast` is false."""
    return np.asarray(values, dtype=np.int64 if fast else object)


def _array(x: Any) -> Any:
    """Return an array: arithmetic on an object array without axes gives a bare Python integer."""
    return x if isinstance(x, (np.ndarray, np.generic)) else np.asarray(x, dtype=object)


def quantise(
    x: Array,
    radix: int,
    target: Format,
    *,
    rounding: Rounding = Rounding.FLOOR,
    overflow: Overflow = Overflow.SATURATE,
    word: Array | None = None,
    source: Stochastic | None = None,
    held: Array | None = None,
) -> Quantised:
    """Bring exact integers with `radix` fraction bits into a format.

    Parameters
    ----------
    x : int64 array (object array where wider), the exact result of an operation.
    radix : its fraction bits.
    target : the format of the result.
    rounding, overflow : what happens to the dropped low bits and to values that do not fit.
    word, source : the random word and its use, for stochastic rounding.
    held : the old value, for overflow policy hold.

    Examples
    --------
    >>> quantise(np.array([1000, -1000]), 4, Format(True, 6, 0)).stored.tolist()
    [31, -32]
    """
    x = _array(x)
    shift = radix - target.radix
    if shift < 0:
        room = 1 << max(FAST_BITS + shift, 0)
        if x.dtype != object and x.size and (int(x.max()) >= room or int(x.min()) < -room):
            x = x.astype(object)
        exact = x << -shift
    else:
        exact = drop_bits(x, shift, rounding, word=word, source=source)
    stored, overflowed = fit(_array(exact), target, overflow, held=held)
    stored = _array(stored)
    if stored.dtype == object and target.width <= FAST_BITS:
        stored = stored.astype(np.int64)
    return Quantised(stored, overflowed)
