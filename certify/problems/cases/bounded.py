"""Rounding-bounded cases: real numbers, small contractive networks, every spike away from its threshold by a margin."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.certify.claims import Claim
from gradcert.certify.problems.budget.stored import DECAYS
from gradcert.reference.numbers import Array


class Bounded:
    """Normal weights and signals."""

    sizes: Any = None

    def __init__(self, claim: Claim, least_steps: int, attempt: int = 0) -> None:
        # float32 budgets grow with the length of the longest path
        self.steps = max(6 if claim.dtype == "float64" else 4, least_steps)
        self.batch = 3
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
        return scale * (0.25 + rng.standard_normal(shape)) / np.sqrt(columns)

    def vector(self, shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> Array:
        """Small, of both signs."""
        return 0.3 * rng.standard_normal(shape) + 0.1

    def signal(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Normal around 0.4."""
        return 0.4 + rng.standard_normal(shape)
