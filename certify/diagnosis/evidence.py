"""Evidence: a case with the gradient that came back, and its reference recomputed under other assumptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gradcert.certify.judging import judge
from gradcert.certify.problems import Bounds, Case, Expected, expect
from gradcert.properties.numbers import Undecided
from gradcert.reference.engines import Tape, record, tape_gradients
from gradcert.reference.networks import Network, Problem
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule, check_feedback

LIKELY = 1e-2  # a float64 run this close, relative to the norm, is worth a run on balls, which decides


@dataclass(frozen=True)
class Evidence:
    """One case and what was returned for it."""

    case: Case
    given: Mapping[str, Array]

    @property
    def network(self) -> Network:
        """The network of the case."""
        return self.case.problem.network

    @cached_property
    def floats(self) -> Problem:
        """The problem in float64."""
        p = self.case.problem
        return replace(
            p,
            parameters={k: np.asarray(v, dtype=float) for k, v in p.parameters.items()},
            inputs=np.asarray(p.inputs, dtype=float),
            targets=np.asarray(p.targets, dtype=float),
            feedback={k: np.asarray(v, dtype=float) for k, v in p.feedback.items()},
        )

    @cached_property
    def tape(self) -> Tape:
        """The forward pass in float64."""
        return record(self.network, self.floats.parameters, self.floats.inputs)

    def gradient(self, rule: Rule, *, tape: Tape | None = None, targets: Array | None = None) -> dict[str, Array]:
        """Return the gradient of a row in float64."""
        feedback = check_feedback(self.network, rule, self.floats.feedback)
        wanted = self.floats.targets if targets is None else targets
        return tape_gradients(tape or self.tape, wanted, rule=rule, feedback=feedback)

    def expected(self, rule: Rule, *, network: Network | None = None, dtype: str | None = None) -> Expected | None:
        """Return the reference and budgets of a row, or None if they are undecided under the new assumptions."""
        problem = self.case.problem if network is None else replace(self.case.problem, network=network)
        try:
            return expect(problem, rule, dtype or self.case.problem.dtype)
        except Undecided:
            return None

    def likely(self, name: str, candidate: Array) -> bool:
        """Return whether a float64 candidate is close to what was given; a filter, never a verdict."""
        size = float(np.linalg.norm(candidate))
        return float(np.linalg.norm(self.given[name] - candidate)) <= LIKELY * size

    def equals(self, name: str, bounds: Bounds) -> bool:
        """Return whether what was given lies within a budget."""
        return judge(self.given[name], bounds).ok


def names_in(evidence: Sequence[Evidence]) -> list[str]:
    """Return the names of all gradients, those of the lower layers first."""
    return list(dict.fromkeys(name for e in sorted(evidence, key=lambda e: -len(e.given)) for name in e.given))


def distance(evidence: Sequence[Evidence], expected: Sequence[Expected], names: Sequence[str]) -> float:
    """Return the largest relative distance, in norm, from what was given to a reference."""
    worst = 0.0
    for e, x in zip(evidence, expected, strict=True):
        for name in names:
            if name in e.given and (size := float(np.linalg.norm(x.gradients[name].value))):
                worst = max(worst, float(np.linalg.norm(e.given[name] - x.gradients[name].value)) / size)
    return worst
