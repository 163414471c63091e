"""Numbers as they are printed: a bound is rounded outward first, and what is proved is the printed number."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

DIGITS = 6


def upward(x: Fraction) -> Fraction:
    """Return the smallest decimal of six significant digits that is not below x.

    Examples
    --------
    >>> upward(Fraction(1, 3)), upward(Fraction(-1, 3)), upward(Fraction(3, 4))
    (Fraction(166667, 500000), Fraction(-333333, 1000000), Fraction(3, 4))
    """
    if x == 0:
        return x
    unit = Fraction(10) ** (math.floor(math.log10(abs(x))) + 1 - DIGITS)
    return math.ceil(x / unit) * unit


def downward(x: Fraction) -> Fraction:
    """Return the largest decimal of six significant digits that is not above x."""
    return -upward(-x)


def shown(x: Fraction) -> str:
    """Return the decimal digits of such a number, all of them.

    Examples
    --------
    >>> shown(upward(Fraction(1, 3))), shown(Fraction(-1, 8))
    ('0.333334', '-0.125')
    """
    return f"{float(x):.{DIGITS}g}"


def rational(x: Fraction | int) -> Any:
    """Return a Fraction as a solver constant."""
    import z3

    return z3.Q(Fraction(x).numerator, Fraction(x).denominator)
