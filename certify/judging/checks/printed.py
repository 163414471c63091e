"""Decimals: whether numbers were printed with too few digits, which is what a C program does with ``%g`` or ``%f``.

A float64 needs 17 significant digits. Numbers that all have few, where the right ones have not, came through a text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcert.reference.numbers import Array

MOST = 13  # digits: a float64 that has so few by chance is one in a thousand


def printed(numbers: Sequence[Array]) -> tuple[str, int] | None:
    """Return the fewest digits that write all of some numbers, ``significant digits`` or ``decimals``, and how many.

    Examples
    --------
    >>> printed([np.array([0.333333, 12.5])]), printed([np.array([1 / 3])])
    (('significant digits', 6), None)
    >>> printed([np.array([0.000042, 1.234567])])  # as %f writes
    ('decimals', 6)
    """
    flat = np.concatenate([np.ravel(a) for a in numbers]) if numbers else np.zeros(0)
    flat = flat[np.isfinite(flat) & (flat != 0)]
    for k in range(1, MOST + 1) if flat.size else ():
        if all(float(f"{x:.{k}g}") == x for x in flat):
            return "significant digits", k
        if all(float(f"{x:.{k}f}") == x for x in flat):
            return "decimals", k
    return None


def half_a_digit(values: Array, how: str, digits: int) -> Array:
    """Return by how much printing moves numbers at most: half a unit of the last digit.

    Examples
    --------
    >>> half_a_digit(np.array([123.0, 0.0]), "significant digits", 2), half_a_digit(np.array([123.0]), "decimals", 2)
    (array([5., 0.]), array([0.005]))
    """
    if how == "decimals":
        return np.full(np.shape(values), 0.5 * 10.0**-digits)
    size = np.abs(values)
    place = np.floor(np.log10(np.where(size > 0, size, 1))) + 1 - digits
    return np.where(size > 0, 0.5 * 10.0**place, 0.0)


def words(how: str, digits: int) -> str:
    """Return what to say of it.

    Examples
    --------
    >>> words("decimals", 6)
    'printed with 6 decimals, where a float64 needs 17 significant digits (%.17g)'
    """
    return f"printed with {digits} {how}, where a float64 needs 17 significant digits (%.17g)"
