"""Every rounding of on-chip arithmetic, on integers: drop `shift` fraction bits of a stored integer.

Works elementwise on int64 arrays and on object arrays of Python integers alike. hardware.md 1.8 lists the modes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError

Array = np.ndarray[Any, Any]


class Rounding(Enum):
    """How the dropped bits act on the kept ones."""

    FLOOR = "floor"
    TOWARD_ZERO = "toward zero"
    AWAY = "away from zero"
    NEAREST_EVEN = "nearest, ties to even"
    NEAREST_UP = "nearest, ties up"
    NEAREST_DOWN = "nearest, ties down"
    NEAREST_AWAY = "nearest, ties away from zero"
    NEAREST_ZERO = "nearest, ties toward zero"
    STOCHASTIC = "stochastic"


@dataclass(frozen=True)
class Stochastic:
    """The random source of a stochastic rounding, by name, and what it does at zero.

    Parameters
    ----------
    generator : name of the generator that delivers the word.
    bits : width of the word. The dropped fraction is compared with it after alignment to that width.
    strict : round up where fraction > word (words 0 .. 2**bits - 1, probability fraction / 2**bits); else where
        fraction >= word (right for a word that is never zero, as from an LFSR: probability fraction / (2**bits - 1)).
    hold_zero : a result whose floor is zero stays zero (ReckOn, hardware.md 1.1): biased near zero.
    zero : the word may be zero, being shorter than the register that it is cut from: even an exact value then rounds
        up now and then, unless `strict`.

    Examples
    --------
    >>> Stochastic("lfsr15", 15, hold_zero=True).strict
    False
    """

    generator: str
    bits: int
    strict: bool = False
    hold_zero: bool = False
    zero: bool = False


def aligned_fraction(fraction: Any, shift: int, bits: int) -> Any:
    """Align a dropped fraction of `shift` bits with a random word of `bits` bits; surplus low bits are cut."""
    return fraction << (bits - shift) if bits >= shift else fraction >> (shift - bits)


def drop_bits(
    x: Array, shift: int, mode: Rounding, *, word: Array | None = None, source: Stochastic | None = None
) -> Array:
    """Return x / 2**shift rounded to an integer.

    Parameters
    ----------
    x : int64 or object array of stored integers.
    shift : number of bits dropped, 0 or more.
    mode : the rounding.
    word : random words, needed for stochastic rounding; same shape as x or broadcastable.
    source : how the word is used.

    Examples
    --------
    >>> x = np.array([-6, -5, -2, 2, 5, 6])
    >>> [drop_bits(x, 2, m).tolist() for m in (Rounding.FLOOR, Rounding.TOWARD_ZERO, Rounding.NEAREST_EVEN)]
    [[-2, -2, -1, 0, 1, 1], [-1, -1, 0, 0, 1, 1], [-2, -1, 0, 0, 1, 2]]
    """
    if shift == 0:
        return x
    floor = x >> shift
    if mode is Rounding.FLOOR:
        return floor
    if mode is Rounding.NEAREST_UP:
        return (x + (1 << (shift - 1))) >> shift
    if mode is Rounding.NEAREST_DOWN:
        return (x + ((1 << (shift - 1)) - 1)) >> shift
    fraction = x & ((1 << shift) - 1)
    if mode is Rounding.STOCHASTIC:
        if word is None or source is None:
            raise GradcertError("stochastic rounding without a random word", do="name a generator and pass its word")
        aligned = aligned_fraction(fraction, shift, source.bits)
        up = aligned > word if source.strict else aligned >= word
        if source.hold_zero:
            up = up & (floor != 0)
        return floor + up
    half = 1 << (shift - 1)
    if mode is Rounding.TOWARD_ZERO:
        up = (fraction != 0) & (x < 0)
    elif mode is Rounding.AWAY:
        up = (fraction != 0) & (x > 0)
    elif mode is Rounding.NEAREST_EVEN:
        up = (fraction > half) | ((fraction == half) & ((floor & 1) == 1))
    elif mode is Rounding.NEAREST_AWAY:
        up = (fraction > half) | ((fraction == half) & (x > 0))
    else:
        up = (fraction > half) | ((fraction == half) & (x < 0))
    return floor + up
