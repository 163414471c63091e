"""Growth that persists, told from noise, with an error rate.

What a process holds is read many times while a sequence lasts. The first quarter of the readings is not looked at:
caches fill, code is compiled. It is growth if the least reading of the last quarter exceeds the largest of the second
by more than a margin. Where nothing grows, the 2k readings of the two quarters are in no order that time would know, and
every one of the last k exceeds every one of the others in one of C(2k, k) orders: with k = 8, once in 12,870 sequences,
margin apart. A learner is refuted where two sequences, the second one twice as long, both show it: once in 1.6e8.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

READINGS = 32
QUARTER = READINGS // 4
RATE = comb(2 * QUARTER, QUARTER) ** -2  # of a right learner, for every kind of reading


def points(steps: int) -> tuple[int, ...]:
    """Return after which steps readings are taken.

    Examples
    --------
    >>> points(64)[:3], points(64)[-1], len(points(64))
    ((2, 4, 6), 64, 32)
    """
    return tuple(steps * number // READINGS for number in range(1, READINGS + 1))


def between(steps: int) -> int:
    """Return the number of steps from the end of the second quarter to the beginning of the last."""
    at = points(steps)
    return at[-QUARTER] - at[2 * QUARTER - 1]


def gained(values: Sequence[int]) -> int:
    """Return by how much the least of the last quarter exceeds the largest of the second.

    Examples
    --------
    >>> gained([0] * 31 + [100]), gained(range(0, 320, 10))
    (0, 90)
    """
    return min(values[-QUARTER:]) - max(values[QUARTER : 2 * QUARTER])
