"""Linear maps inside a layer, known only by what they can be at most: a diagonal of intervals, and a rest.

Elementwise links make diagonals, in which a leak and the reset's derivative still cancel: leak - leak th psi with psi
in [0, L] is an interval, not leak + leak th L. Weights make the rest, known by a bound on its norm and by a bound on
each entry. The norm of the whole is at most the smaller of max |diagonal| + |rest| and the 2-norm of the entrywise
bounds (for |A| <= B entry by entry, |A|_2 <= |B|_2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.bounds.norms import outward, spectral
from gradcert.reference.numbers import Array


def _below(x: Array) -> Array:
    return np.where(x == 0, 0, np.nextafter(x, -np.inf))


def _above(x: Array) -> Array:
    return np.where(x == 0, 0, np.nextafter(x, np.inf))


@dataclass(frozen=True)
class Majorant:
    """See the module docstring; `low` and `high` are the diagonal's ends, (units,), or None where there is none."""

    low: Array | None
    high: Array | None
    norm: float = 0.0
    rest: Array | None = None

    def scaled(self, low: Array, high: Array) -> Majorant:
        """Compose with an elementwise factor that lies in [low, high], (units,)."""
        size = np.maximum(abs(low), abs(high))
        ends = None
        if self.low is not None and self.high is not None:
            ends = np.stack([self.low * low, self.low * high, self.high * low, self.high * high])
        return Majorant(
            None if ends is None else _below(ends.min(axis=0)),
            None if ends is None else _above(ends.max(axis=0)),
            float(outward(self.norm * size.max(), 1)),
            None if self.rest is None else outward(self.rest * size[:, None], 1),
        )

    def through(self, weight: Array) -> Majorant:
        """Compose with a matrix (units, inputs)."""
        size, norm, rest = float(spectral(weight)), self.norm, self.rest
        if self.low is not None and self.high is not None:
            ends = np.maximum(abs(self.low), abs(self.high))
            norm = norm + float(ends.max())
            rest = np.diag(ends) if rest is None else rest + np.diag(ends)
        entries = None if rest is None else outward(np.matmul(abs(weight), rest), weight.shape[1] + 1)
        return Majorant(None, None, float(outward(np.float64(norm * size), 3)), entries)

    def plus(self, other: Majorant | None) -> Majorant:
        """Return the sum."""
        if other is None:
            return self
        low, high = self.low, self.high
        if other.low is not None and other.high is not None:
            low = other.low if low is None else _below(low + other.low)
            high = other.high if high is None else _above(high + other.high)
        rest = self.rest if other.rest is None else other.rest
        if self.rest is not None and other.rest is not None:
            rest = outward(self.rest + other.rest, 1)
        return Majorant(low, high, float(outward(np.float64(self.norm + other.norm), 1)), rest)

    def entries(self) -> Array:
        """Return a bound on the absolute value of every entry."""
        if self.low is None or self.high is None:
            return self.rest if self.rest is not None else np.zeros((0, 0))
        diagonal = np.diag(np.maximum(abs(self.low), abs(self.high)))
        return diagonal if self.rest is None else outward(diagonal + self.rest, 1)

    def size(self) -> float:
        """Return a bound on the 2-norm."""
        diagonal = 0.0
        if self.low is not None and self.high is not None:
            diagonal = float(np.maximum(abs(self.low), abs(self.high)).max())
        together = float(outward(np.float64(diagonal + self.norm), 1))
        return together if self.rest is None else min(together, float(spectral(self.entries())))


def identity(units: int) -> Majorant:
    """Return the identity."""
    return Majorant(np.ones(units), np.ones(units))


def matrix(weight: Array) -> Majorant:
    """Return a matrix that is known."""
    return Majorant(None, None, float(spectral(weight)), abs(weight))


def block_size(blocks: list[list[Any]]) -> float:
    """Return a bound on the norm of a matrix of blocks, some of them None (zero)."""
    sizes = np.array([[0.0 if b is None else b.size() for b in row] for row in blocks])
    return float(spectral(sizes)) if sizes.size > 1 else float(sizes.sum())
