"""The certificate of descent is float code: compared with its statement in exact arithmetic, at points."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from gradcert.derivations.proving.proof import Result
from gradcert.reference.bounds import Bound, descent

#: two tensors whose norms are whole numbers, and the bounds on their errors that are tried
FIRST, SECOND = ((3.0, 4.0), 5, (0, 1, 4, 6)), ((-5.0, 12.0), 13, (0, 2, 7, 14))
#: the code may give away this share of its numbers to rounding
SLACK = Fraction(1, 10**9)

Tensor = tuple[tuple[float, ...], int, Fraction]  # entries, norm, bound


def points() -> Iterator[tuple[Tensor, ...]]:
    """Yield the cases: one tensor, and two of the same and of different lengths."""
    for half in range(16):
        yield ((FIRST[0], FIRST[1], Fraction(half, 2)),)
    for factor in (1, 4, 16):
        for b in FIRST[2]:
            for c in SECOND[2]:
                scaled = tuple(factor * v for v in FIRST[0])
                yield ((scaled, factor * FIRST[1], Fraction(b)), (SECOND[0], SECOND[1], Fraction(c)))


def _root(square: Fraction, *, up: bool) -> Fraction:
    """Return a rational just above or just below a square root."""
    return Fraction(math.isqrt(int(square * 10**40)) + up, 10**20)


def at_points() -> Result:
    """Compare margin, verdict and cosine of the code with those of the statement."""
    failed, count = [], 0
    for case in points():
        names = [f"w{i}" for i in range(len(case))]
        estimate = {k: np.array(values) for k, (values, _, _) in zip(names, case, strict=True)}
        found = descent(estimate, Bound({k: float(b) for k, (_, _, b) in zip(names, case, strict=True)}))
        margin = sum((h * (h - b) for _, h, b in case), Fraction(0))
        squares, errors = Fraction(sum(h * h for _, h, _ in case)), sum((b * b for _, _, b in case), Fraction(0))
        label = ", ".join(f"|h| = {h}, b = {b}" for _, h, b in case)
        count += 3
        if not margin - SLACK * (squares + errors) <= Fraction(found.margin) <= margin:
            failed.append(f"{label}: the margin is {found.margin} in place of {margin}")
        if found.holds != (margin > 0):
            failed.append(f"{label}: holds is {found.holds} with a margin of {margin}")
        size, total = (_root(squares, up=up) for up in (False, True)), (_root(errors, up=up) for up in (False, True))
        (h_low, h_high), (b_low, b_high) = size, total
        low, high = margin / (h_high * (h_high + b_high)), margin / (h_low * (h_low + b_low))
        if found.holds and not low * (1 - SLACK) <= Fraction(found.cosine) <= high:
            failed.append(f"{label}: the cosine is {found.cosine} in place of {float(high)}")
    return Result("the certificate at points", count, tuple(failed), 0.0)
