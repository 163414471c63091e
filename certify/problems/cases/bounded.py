"""Rounding-bounded cases: real numbers, small contractive networks, every spike away from its threshold by a margin."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.certify.claims import Claim
from gradcert.certify.problems.budget.stored import DECAYS
from gradcert.reference.numbers import FORMATS, Array

# in 16 bits a sum of few terms is known well, one of many is not
SMALL = {1: (3, 2), **{depth: (2, *([3, 2] * depth)[:depth]) for depth in range(2, 9)}}
STEPS = {"float64": 6, "float32": 4, "float16": 3, "bfloat16": 2}


class Bounded:
    """Normal weights and signals."""

    sizes: Any = None  # of halves, below

    def __init__(self, claim: Claim, least_steps: int, attempt: int = 0) -> None:
        # budgets grow with the length of the longest path
        self.steps = max(STEPS[claim.dtype], least_steps)
        self.batch, self.half = 3, FORMATS[claim.dtype].half
        if self.half:
            self.batch, self.sizes = 2, SMALL
        if claim.acceptance == "unbiased":  # more samples, fewer steps: an estimate that varies less
            self.steps, self.batch = max(4, least_steps), 12

    @staticmethod
    def may_be_exact(cell: Any) -> bool:
        """Return False: real numbers are rounded."""
        return False

    @staticmethod
    def applies(claim: Claim, cell: str, turn: int = 0) -> bool:
        """Return whether the family makes sense for a cell."""
        return True

    def constant(self, name: str, rng: np.random.Generator, *, spiking: bool) -> float:
        """Constants with two decimals, never a convenient value such as 1 or 1/2."""
        if name == "threshold":
            return float(rng.choice([0.7, 0.85, 1.15, 1.3]) if spiking else rng.choice([0.3, 0.45, 0.6]))
        if name in DECAYS:
            return float(rng.choice([0.35, 0.55, 0.62, 0.71, 0.83, 0.92]))
        return float(rng.choice([0.15, 0.2, 0.35, 0.6]))

    def weight(self, shape: tuple[int, ...], columns: int, scale: float, rng: np.random.Generator) -> Array:
        """Normal, with a positive mean, so that spikes occur."""
        drawn = scale * (0.25 + rng.standard_normal(shape)) / np.sqrt(columns)
        return self._alike(drawn, rng)

    def vector(self, shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> Array:
        """Small, of both signs."""
        return self._alike(0.3 * rng.standard_normal(shape) + 0.1, rng)

    def signal(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Normal around 0.4."""
        return self._alike(0.4 + rng.standard_normal(shape), rng)

    def target(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """As signals; in 16 bits negative, so that errors are larger than what rounding makes of outputs."""
        return -np.abs(self.signal(shape, rng)) if self.half else self.signal(shape, rng)

    def _alike(self, drawn: Array, rng: np.random.Generator) -> Array:
        """Return numbers of 16 bits mostly positive: what cancels leaves nothing but rounding."""
        return np.abs(drawn) * rng.choice([1, 1, 1, 1, -1], drawn.shape) if self.half else drawn
