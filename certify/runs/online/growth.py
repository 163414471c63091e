"""Growth that persists, told from noise, with an error rate.

What a process holds is read many times while a sequence lasts. The first quarter of the readings is not looked at:
caches fill, code is compiled. It is growth if the median rises by a margin from the second quarter to the third, and
again from the third to the last, and if every reading of the last quarter exceeds every one of the second. A single
jump, whatever its size, raises one of the medians at most.

Where nothing grows, the 2k readings of the two quarters are in no order that time would know, and every one of the last
k exceeds every one of the others in one of C(2k, k) orders: with k = 8, once in 12,870 sequences, margins apart. A
learner is refuted where two sequences, the second one twice as long, both show growth: once in 1.6e8.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import comb
from statistics import median_low

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


def span(steps: int) -> int:
    """Return the number of steps in a quarter."""
    return steps * QUARTER // READINGS


def rises(values: Sequence[int], margin: int) -> bool:
    """Return whether readings grow from quarter to quarter, by a margin and by at least one.

    Examples
    --------
    >>> rises(range(0, 320, 10), 80), rises(range(0, 320, 10), 81), rises([0] * 20 + [10**6] * 12, 1)
    (True, False, False)
    """
    second, third, last = (values[QUARTER * n : QUARTER * (n + 1)] for n in (1, 2, 3))
    medians = [median_low(part) for part in (second, third, last)]
    steady = all(after - before >= max(1, margin) for before, after in pairwise(medians))
    return steady and min(last) > max(second)
