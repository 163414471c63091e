"""The second way to every number: rounding and overflow on `Fraction` values, from their definitions.

Not from bit tricks.
"""

from __future__ import annotations

import math
from fractions import Fraction

from gradcert.hardware_models.arithmetic.format import Format
from gradcert.hardware_models.arithmetic.overflow import Overflow, bottom
from gradcert.hardware_models.arithmetic.rounding import Rounding, Stochastic
from gradcert.reference.errors import GradcertError

HALF = Fraction(1, 2)


def round_fraction(x: Fraction, mode: Rounding, *, word: int | None = None, source: Stochastic | None = None) -> int:
    """Round a Fraction to an integer by the definition of the mode.

    Examples
    --------
    >>> [round_fraction(Fraction(-5, 2), m) for m in (Rounding.FLOOR, Rounding.NEAREST_EVEN, Rounding.NEAREST_ZERO)]
    [-3, -2, -2]
    """
    below, above = math.floor(x), math.ceil(x)
    if mode is Rounding.FLOOR:
        return below
    if mode is Rounding.TOWARD_ZERO:
        return math.trunc(x)
    if mode is Rounding.AWAY:
        return above if x > 0 else below
    if mode is Rounding.STOCHASTIC:
        if word is None or source is None:
            raise GradcertError("stochastic rounding without a random word", do="name a generator and pass its word")
        if source.hold_zero and below == 0:
            return 0
        scaled = math.floor((x - below) * (1 << source.bits))
        return below + (scaled > word if source.strict else scaled >= word)
    if x - below != HALF:
        return below if x - below < HALF else above
    return {
        Rounding.NEAREST_EVEN: below if below % 2 == 0 else above,
        Rounding.NEAREST_UP: above,
        Rounding.NEAREST_DOWN: below,
        Rounding.NEAREST_AWAY: above if x > 0 else below,
        Rounding.NEAREST_ZERO: below if x > 0 else above,
    }[mode]


def quantise_fraction(
    value: Fraction,
    target: Format,
    *,
    radix: int,
    rounding: Rounding = Rounding.FLOOR,
    overflow: Overflow = Overflow.SATURATE,
    word: int | None = None,
    source: Stochastic | None = None,
    held: Fraction | None = None,
) -> tuple[Fraction, bool]:
    """Return the value after quantisation to a format, and whether it overflowed.

    `radix` is the number of fraction bits that the operation itself produces: only where it exceeds the target's are
    bits
    dropped, and only then does a random word act (a zero word rounds up even an exact value).

    Examples
    --------
    >>> quantise_fraction(Fraction(9, 4), Format(True, 4, 2), radix=2, overflow=Overflow.WRAP)
    (Fraction(-7, 4), True)
    """
    exact = value / target.ulp
    if radix <= target.radix:
        stored = exact.numerator
    else:
        stored = round_fraction(exact, rounding, word=word, source=source)
    low = bottom(target, overflow)
    if low <= stored <= target.high:
        return stored * target.ulp, False
    if overflow in (Overflow.SATURATE, Overflow.SYMMETRIC):
        stored = target.high if stored > target.high else low
    elif overflow is Overflow.WRAP:
        stored = (stored - target.low) % 2**target.width + target.low
    elif held is None:
        raise GradcertError("overflow policy hold without an old value", do="name the value that is held")
    else:
        return held, True
    return stored * target.ulp, True
