"""Dyadic cases: multiples of small powers of two, so that nothing is rounded and ties at the threshold are exact.

Leaks are 1/2, which comes back exactly from every form that libraries keep (1 - leak, 1 / tau, a logit, a logarithm);
thresholds are powers of two, so that weights may be scaled to a threshold of 1; and so are the counts that a loss is
averaged over.

The forward pass of a spiking cell is then the same to the last bit in every implementation. With a pseudo-derivative
that is dyadic on dyadics (triangle, rectangle, piecewise quadratic...) so is the gradient, and the budget is zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.certify.claims import Claim
from gradcert.certify.problems.budget.expected import exact_forward
from gradcert.certify.problems.budget.stored import DECAYS
from gradcert.certify.problems.cases.case import Spec
from gradcert.certify.problems.cases.draw import draw
from gradcert.reference.numbers import FORMATS, Array

EXACT = ("piecewise_quadratic", "triangle", "rect", "signed_step", "piecewise_leaky_relu")  # dyadic on dyadics
TRIALS = 6  # layers tried before a cell is taken to leave the dyadics
GRAINS = (4, 2)  # weights in quarters; in halves, where quarters need more digits than there are
FEW = (2, 1)  # in 16 bits
_TRIED: dict[tuple[str, str, int], bool] = {}


class Dyadic:
    """Weights in quarters or halves, inputs 0, 1/2 and 1, leaks 1/2 unless the claim fixes them."""

    sizes: Any = None

    def __init__(self, claim: Claim, least_steps: int, attempt: int = 0) -> None:
        half = FORMATS[claim.dtype].half
        self.grain = (FEW if half else GRAINS)[attempt // 3 % 2]
        self.steps = 1 << (max(2 if half else 4, least_steps) - 1).bit_length()
        self.batch = 2

    @staticmethod
    def may_be_exact(cell: Any) -> bool:
        """Return whether gradients of the cell can be dyadic too."""
        if not hasattr(cell, "surrogate"):
            return True
        scales = [float(scale) for scale in (*dict(cell.surrogate.scales).values(), cell.surrogate.amplitude)]
        return cell.surrogate.name in EXACT and all(s.as_integer_ratio()[1] <= 64 for s in scales)

    @staticmethod
    def applies(claim: Claim, cell: str, turn: int = 0) -> bool:
        """Return whether forward values of the cell stay dyadic: tried, on one layer, once for a claim."""
        key = (f"{claim.to_dict()}", cell, turn)
        if key not in _TRIED:
            _TRIED[key] = Dyadic._tried(claim, cell, turn)
        return _TRIED[key]

    @staticmethod
    def _tried(claim: Claim, cell: str, turn: int) -> bool:
        rng = np.random.default_rng(0)
        for attempt in range(TRIALS):
            family = Dyadic(claim, 0, attempt)
            depth = min(claim.depths) if claim.members or claim.parameters or claim.untrained else 1
            spec = Spec(cell, depth, claim.losses[0], claim.when[0], "dyadic", turn=turn)
            if exact_forward(draw(spec, claim, claim.claimed, family, rng, scale=1.0 + attempt)):
                return True
        return False

    def constant(self, name: str, rng: np.random.Generator, *, spiking: bool) -> float:
        """Dyadic leaks and thresholds."""
        if name == "threshold":
            return float(rng.choice([0.5, 0.5, 2.0]))  # at 2 few draws spike
        return 0.5 if name in DECAYS else float(rng.choice([0.5, 0.25]))

    def weight(self, shape: tuple[int, ...], columns: int, scale: float, rng: np.random.Generator) -> Array:
        """Multiples of the grain, of both signs, more positive than negative, none of them 0."""
        top = max(1, round(0.75 * self.grain * scale / np.sqrt(columns)))
        return rng.integers(1, top + 2, shape) * rng.choice([-1, 1, 1], shape) / self.grain

    def vector(self, shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> Array:
        """Multiples of the grain."""
        return rng.choice([-1, 1, 2], shape) / self.grain

    def signal(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """0, 1/2, 1."""
        return rng.choice([0.0, 0.5, 1.0, 1.0] if self.grain == 4 else [0.0, 1.0, 1.0], shape)
