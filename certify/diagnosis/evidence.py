"""Evidence: a case with the gradient that came back, and its reference recomputed under other assumptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.unrolled import Bench, on_balls, on_floats
from gradcert.certify.judging import judge
from gradcert.certify.problems import TRUTH, Bounds, Case, Expected, expect
from gradcert.properties.numbers import Undecided, working_precision
from gradcert.reference.engines import Tape, run, tape_gradients
from gradcert.reference.networks import Network, Problem
from gradcert.reference.numbers import Array
from gradcert.reference.published import Algorithm, Claimed
from gradcert.reference.rules import Rule, check_feedback

LIKELY = 1e-2  # a float64 run this close, relative to the norm, is worth a run on balls, which decides
CANCELLED = 2.0**-40  # of the largest gradient: what rounding may leave of one that is zero
ENOUGH = 2  # failed cases of one parameter, cell and depth that a search goes over; all judge what it finds


class Worked:
    """A case worked out: runs and candidates of it, which no answer changes. Evidence about one case can share it."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.rows: dict[Claimed, Any] = {}
        self.proofs: dict[Claimed, Expected | None] = {}
        self.tried: dict[tuple[str, str], Any] = {}  # floats and bounds of candidates, by key and label
        self.enclosed: dict[tuple[str, str], Any] = {}

    @property
    def row(self) -> Rule:
        """The row that hypotheses are about; that of all edges where an algorithm is claimed, which has none."""
        return self.case.rule if isinstance(self.case.rule, Rule) else TRUTH

    @cached_property
    def floats(self) -> Problem:
        """The problem in float64."""
        return self.case.problem.floats()

    @cached_property
    def tape(self) -> Tape:
        """The forward pass in float64."""
        return run(self.floats)

    @cached_property
    def bench(self) -> Bench:
        """The problem in float64, for hypotheses."""
        return on_floats(self.case.problem, self.row)

    @cached_property
    def balls(self) -> Bench | None:
        """The problem on balls, to be used within `working_precision`; None if it is undecided."""
        with working_precision():
            try:
                return on_balls(self.case.problem, self.row, self.case.problem.dtype)
            except Undecided:
                return None

    @cached_property
    def scale(self) -> float:
        """The norm of the largest gradient."""
        return max(float(np.linalg.norm(b.value)) for b in self.case.expected.gradients.values())


@dataclass(frozen=True, eq=False)
class Evidence:
    """One case and what was returned for it."""

    case: Case
    given: Mapping[str, Array]
    outputs: Array | None = None
    loss: Array | None = None
    shared: Worked | None = None

    @cached_property
    def worked(self) -> Worked:
        """What is known of the case."""
        return self.shared or Worked(self.case)

    @cached_property
    def right(self) -> frozenset[str]:
        """The parameters whose gradient is within the budget of the claim."""
        return frozenset(n for n, g in self.given.items() if judge(g, self.case.expected.gradients[n]).ok)

    @property
    def size(self) -> int:
        """Number of entries times steps: what a run over this case costs."""
        return len(self.case.problem.inputs) * sum(g.size for g in self.given.values())

    @property
    def network(self) -> Network:
        """The network of the case."""
        return self.case.problem.network

    @property
    def floats(self) -> Problem:
        """The problem in float64."""
        return self.worked.floats

    @property
    def bench(self) -> Bench:
        """The problem in float64, for hypotheses."""
        return self.worked.bench

    @property
    def balls(self) -> Bench | None:
        """The problem on balls, to be used within `working_precision`; None if it is undecided."""
        return self.worked.balls

    def gradient(self, rule: Claimed) -> dict[str, Array]:
        """Return the gradient of a row, or of an algorithm, in float64."""
        rows = self.worked.rows
        if rule not in rows and isinstance(rule, Algorithm):
            rows[rule] = rule.gradients(self.floats)
        elif rule not in rows and isinstance(rule, Rule):
            feedback = check_feedback(self.network, rule, self.floats.feedback)
            rows[rule] = tape_gradients(self.worked.tape, self.floats.targets, rule=rule, feedback=feedback)
        return rows[rule]

    def expected(
        self,
        rule: Claimed,
        *,
        network: Network | None = None,
        dtype: str | None = None,
        targets: Array | None = None,
        problem: Problem | None = None,
    ) -> Expected | None:
        """Return the reference and budgets of a row, or None if they are undecided under the new assumptions."""
        plain = network is None and dtype is None and targets is None and problem is None
        if plain and rule in self.worked.proofs:
            return self.worked.proofs[rule]
        problem = problem or self.case.problem
        problem = problem if network is None else replace(problem, network=network)
        problem = problem if targets is None else replace(problem, targets=targets)
        try:
            found: Expected | None = expect(problem, rule, dtype or self.case.problem.dtype)
        except Undecided:
            found = None
        if plain:
            self.worked.proofs[rule] = found
        return found

    @cached_property
    def steady(self) -> bool:
        """Whether float64 follows the case: its gradient of the claim is far closer to the reference than `LIKELY`."""
        found, reference = self.gradient(self.case.rule), self.case.expected.gradients
        away = {n: float(np.linalg.norm(found[n] - b.value)) for n, b in reference.items()}
        return all(d <= LIKELY**2 * self.worked.scale for d in away.values())

    def likely(self, name: str, candidate: Array) -> bool:
        """Return whether a float64 candidate is close to what was given; a filter, never a verdict."""
        away = float(np.linalg.norm(self.given[name] - candidate))
        return away <= LIKELY * float(np.linalg.norm(candidate)) + CANCELLED * self.worked.scale

    def same(self, name: str, candidate: Array) -> bool:
        """Return whether a float64 candidate is what was given, but for what rounding leaves."""
        away = float(np.linalg.norm(self.given[name] - candidate))
        return self.case.problem.dtype == "float64" and away <= CANCELLED * self.worked.scale

    def apart(self, name: str, candidate: Array) -> bool:
        """Return whether a float64 candidate is another gradient than the claimed one, whatever rounding did to it."""
        away = float(np.linalg.norm(self.case.expected.gradients[name].value - candidate))
        return away > CANCELLED * self.worked.scale

    def changed(self, name: str, candidate: Array) -> bool:
        """Return whether a float64 candidate may be another gradient than the claimed one; a filter.

        A small gradient beside a huge one is another where it leaves its own budget.
        """
        return self.apart(name, candidate) or not judge(candidate, self.case.expected.gradients[name]).ok

    def excluded(self, name: str, bounds: Bounds) -> bool:
        """Return whether the claimed gradient lies outside a budget: what is inside is another."""
        return not judge(self.case.expected.gradients[name].value, bounds).ok

    def equals(self, name: str, bounds: Bounds) -> bool:
        """Return whether what was given lies within a budget."""
        return judge(self.given[name], bounds).ok


def names_in(evidence: Sequence[Evidence]) -> list[str]:
    """Return the names of all gradients, those of the lower layers first."""
    return list(dict.fromkeys(name for e in sorted(evidence, key=lambda e: -len(e.given)) for name in e.given))


def _degenerate(e: Evidence) -> bool:
    """Return whether a case tells few candidates apart: too short, one sample or unit, mostly zeros."""
    values = [b.value for b in e.case.expected.gradients.values()]
    zeros = sum(int((v == 0).sum()) for v in values)
    small = min(*e.case.problem.inputs.shape[:2], *(x.units for x in e.network.layers))
    return len(e.case.problem.inputs) < 3 or small < 2 or 2 * zeros > sum(v.size for v in values)


def telling(judged: Sequence[Evidence]) -> list[Evidence]:
    """Return cases that failed, the smallest first: of every cell and depth, for every parameter that is wrong, two."""
    seen: dict[tuple[str, int, str], int] = {}
    out: list[Evidence] = []
    for e in sorted(judged, key=lambda e: (_degenerate(e), e.size)):
        keys = [(e.case.spec.cell, e.case.spec.depth, name) for name in set(e.given) - e.right]
        if any(seen.get(k, 0) < ENOUGH for k in keys):
            out.append(e)
            for k in keys:
                seen[k] = seen.get(k, 0) + 1
    return out
