"""Where in time a gradient goes wrong: the subject is asked for every prefix of a case.

The gradient of the first t steps is a problem of its own, with a reference and a budget of its own. The first t at
which it leaves the budget is the first step at which something is missing or too much; a rule that forgets (a
truncation), a target that is late and a last step that is skipped look different here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.certify.claims import Claim
from gradcert.certify.judging import by_parameter
from gradcert.certify.problems import Bounds, Case, expect, outside
from gradcert.certify.subjects import Answer
from gradcert.properties.numbers import Undecided
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array

MOST = 2  # cases that are asked step by step, each of another cell and depth
LONGEST = 12  # steps of such a case
Ask = Callable[[Problem], Answer | None]


@dataclass(frozen=True, eq=False)
class Prefix:
    """The first steps of a case: what came back for them, and what should have.

    Attributes
    ----------
    case : the prefix as a case of its own, which its answer is judged by.
    given : its gradients, none where there are none of the right shapes.
    """

    length: int
    case: Case
    answer: Answer
    given: Mapping[str, Array]

    @property
    def expected(self) -> Mapping[str, Bounds]:
        """What the gradients should have been."""
        return self.case.expected.gradients


def steps(
    pairs: Iterable[tuple[Case, Answer]],
    failed: Iterable[str],
    ask: Ask,
    *,
    seen: dict[str, list[Prefix | None]] | None = None,
    claim: Claim | None = None,
) -> list[dict[str, Any]]:
    """Return the errors of every prefix, for cases of different cells and depths: failed ones, then deep ones.

    Parameters
    ----------
    pairs : cases that were answered.
    failed : ids of those that failed, which are looked at first.
    ask : has a problem solved, or returns None when the subject is lost.
    seen : gets the prefixes of every case that was looked at.
    claim : outside of which nothing is asked.

    Returns
    -------
    records ``{"case", "steps", "parameters": {name: [{"worst", "error"} or None, for t = 1 ... steps]}}``; None where
    the subject gives no gradient of that shape for so few steps.
    """
    out = []
    for case in _chosen(pairs, set(failed)):
        length = case.problem.inputs.shape[0]
        prefixes = [_prefix(case, t, ask, claim) for t in range(1, length + 1)]
        rows: dict[str, list[dict[str, float] | None]] = {name: [] for name in case.expected.gradients}
        for found in prefixes:
            errors = by_parameter(found.given, found.expected) if found and found.given else {}
            for name, row in rows.items():
                row.append({k: errors[name][k] for k in ("worst", "error")} if errors else None)
        out.append({"case": case.id, "steps": length, "parameters": rows})
        if seen is not None:
            seen[case.id] = prefixes
    return out


def _chosen(pairs: Iterable[tuple[Case, Answer]], failed: set[str]) -> list[Case]:
    groups: dict[tuple[str, int], list[Case]] = {}
    for case, _ in pairs:
        if len(case.problem.inputs) > LONGEST:
            continue
        groups.setdefault((case.spec.cell, case.spec.depth), []).append(case)
    best = [min(cases, key=lambda c: (c.id not in failed, c.spec.when != "every")) for cases in groups.values()]
    best.sort(key=lambda c: (c.id not in failed, -c.spec.depth))
    return best[:MOST]


def prefix(problem: Problem, length: int) -> Problem:
    """Return the problem's first steps."""
    return replace(problem.part(steps=slice(length)), id=f"{problem.id}/first-{length}")


def _prefix(case: Case, length: int, ask: Ask, claim: Claim | None) -> Prefix | None:
    try:
        problem = prefix(case.problem, length)
    except GradcertError:  # of steps none of which counts
        return None
    if outside(problem, claim):
        return None
    try:
        expected = expect(problem, case.rule, problem.dtype)
    except (Undecided, GradcertError):  # too few steps for an algorithm, say
        return None
    answer = ask(problem)
    if answer is None:
        return None
    given = {k: v for k, v in answer.gradients.items() if isinstance(v, np.ndarray)}
    fits = {k: v.shape for k, v in given.items()} == {k: b.value.shape for k, b in expected.gradients.items()}
    part = replace(case, problem=problem, expected=expected, facts={**case.facts, "prefix of": case.id})
    return Prefix(length, part, answer, given if fits else {})
