"""Shrinking: which of the smaller problems still shows the mistake, asked of the subject itself, greedily.

Three things keep the search from slipping into another mistake. The same check has to fail. Where the mistake has been
found to be a row of the rule table, the answer has to lie within that row's budget on the smaller problem too. And no
further membrane potential may come to lie on its threshold. In the end a fresh process is asked the one problem that is
left, so that what is reported needs no earlier calls.

The number of questions is bounded and their order fixed: a second run finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.certify.certificates import Finding, canonical, sha256
from gradcert.certify.claims import Claim
from gradcert.certify.counterexample import smaller
from gradcert.certify.diagnosis import Evidence, rows
from gradcert.certify.judging import CHECKS, judge_all
from gradcert.certify.problems import Bounds, Case, Expected, expect, outside, owners
from gradcert.certify.subjects import Answer
from gradcert.properties.numbers import Undecided
from gradcert.reference.engines import new_value, run
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Problem
from gradcert.reference.published import Claimed
from gradcert.reference.rules import Rule

LONG = 25  # steps of all samples that are no dearer than a question
SHRUNK = ("outputs", "loss", "gradient")  # checks whose failures are shrunk: the others need no small numbers
Ask = Callable[[Problem], Answer | None]


@dataclass(frozen=True, eq=False)
class Small:
    """What is left of a case.

    Attributes
    ----------
    start : the case that was shrunk.
    check : what fails.
    problem, expected, answer : the smaller problem, its reference, and what the subject returns for it.
    asked : how many problems the subject was asked.
    complete : whether nothing smaller was left to try.
    others : what was found on the way that is wrong in another way.
    """

    start: Case
    check: str
    problem: Problem
    expected: Expected
    answer: Answer
    asked: int
    complete: bool
    others: tuple[tuple[Case, Finding], ...] = ()


def begin(failed: Iterable[tuple[Case, Answer, str]]) -> tuple[Case, Answer, str] | None:
    """Return the failure to shrink: few layers, plain loss, exact numbers and few steps first."""
    ready = [entry for entry in failed if entry[2] in SHRUNK]
    # how arrays lie in memory is not part of a problem
    ready = [entry for entry in ready if dict(entry[0].spec.levels).get("memory", "C order") == "C order"]

    def size(entry: tuple[Case, Answer, str]) -> tuple[object, ...]:
        case = entry[0]
        kind = case.problem.network.loss.kind != "squared_error"
        return case.spec.depth, kind, not case.expected.exact, case.problem.inputs.size, case.id

    return min(ready, key=size, default=None)


def shrink(
    failed: Iterable[tuple[Case, Answer, str]],
    ask: Ask,
    *,
    most: int,
    fixed: Iterable[str] = (),
    claim: Claim | None = None,
) -> Small | None:
    """Return the smallest problem found on which the subject is still wrong in the same way.

    Parameters
    ----------
    failed : cases with their answers and the checks that failed.
    ask : has a problem solved, or returns None when the subject is lost.
    most : questions at most; 0 does not search.
    fixed : options of the cells that the claim fixes, which stay as they are.
    claim : outside of which nothing is asked.
    """
    chosen = begin(failed) if most else None
    if chosen is None:
        return None
    search = _Search(*chosen, ask, most, claim)
    for _ in range(3):  # smaller sizes make simpler numbers possible, and the other way round
        before = search.best.problem
        parts = (smaller.batch, smaller.steps, lambda p: smaller.sizes(p, search.start.rule))
        for more in parts if not chosen[0].problem.drawn else ():  # draws are of the whole problem
            search.greedy(more)
        search.greedy(lambda p: smaller.constants(p, fixed=frozenset(fixed)))
        search.numbers()
        if search.best.problem is before:
            break
    complete = search.asked + search.spent < most and not search.lost
    return replace(search.best, asked=search.asked, complete=complete, others=tuple(search.others.values()))


class _Search:
    """The best problem so far, and the questions that were asked."""

    def __init__(self, start: Case, answer: Answer, check: str, ask: Ask, most: int, claim: Claim | None) -> None:
        self.claim = claim
        self.start, self.check, self.ask, self.most = start, check, ask, most
        self.asked, self.lost = 0, False
        self.spent = 0  # what long problems cost beside a question each, whether they are asked or not
        self.tried: set[str] = set()
        self.others: dict[str, tuple[Case, Finding]] = {}  # what else was wrong on the way, by check
        self.best = Small(start, check, start.problem, start.expected, answer, 0, False)
        self.row = _row(start, answer) if check == "gradient" else None
        self.ties = _ties(start.problem)

    def greedy(self, more: Callable[[Problem], Iterator[Problem]]) -> None:
        """Take the first variant that holds, and start again from it, until none does."""
        while any(self.holds(problem) for problem in more(self.best.problem)):
            pass

    def numbers(self) -> None:
        """Make numbers simpler: whole arrays, then one number after another."""
        targets = self.start.problem.network.loss.kind != "cross_entropy"  # they name classes
        self.greedy(lambda problem: smaller.rounded(problem, targets=targets))
        position = 0
        while (variants := smaller.entries(self.best.problem, position, targets=targets)) is not None:
            any(self.holds(problem) for problem in variants)
            position += 1

    def holds(self, problem: Problem) -> bool:
        """Return whether the subject is wrong in the same way on a problem; if it is, that is the best one."""
        key = sha256(canonical(problem.to_dict()))
        if key in self.tried or self.lost or self.asked + self.spent >= self.most or outside(problem, self.claim):
            return False
        self.tried.add(key)
        self.spent += problem.inputs.shape[0] * problem.inputs.shape[1] // LONG
        problem = replace(problem, id=f"{self.start.id}/smaller-{key[:8]}")
        expected = _expected(problem, self.start.rule)
        other = _expected(problem, self.row) if self.row is not None else None
        if expected is None or (self.row is not None and (other is None or _same(other, expected))):
            return False
        if _ties(problem) > self.ties:
            return False
        self.asked += 1
        answer = self.ask(problem)
        self.lost = answer is None
        if answer is None:
            return False
        case = replace(self.start, problem=problem, expected=expected)
        found = first_wrong(case, answer)
        if found is None or found.check != self.check:
            if found is not None:
                self.others.setdefault(found.check, (case, found))
            return False
        if other is not None and not _inside(answer, other.gradients):
            return False
        self.best = Small(self.start, self.check, problem, expected, answer, self.asked, False)
        self.ties = _ties(problem)
        return True


def failing(case: Case, answer: Answer) -> str | None:
    """Return the first check that fails, or None."""
    found = first_wrong(case, answer)
    return found.check if found is not None else None


def first_wrong(case: Case, answer: Answer) -> Finding | None:
    """Return the finding of the first check that fails, or None."""
    return next((found[0] for check in CHECKS if (found := check(case, answer))), None)


def _row(start: Case, answer: Answer) -> Rule | None:
    """Return the row of the table that the subject equals on a case, if there is one."""
    if not isinstance(start.rule, Rule):
        return None
    given = {k: np.asarray(v, dtype=float) for k, v in answer.gradients.items() if isinstance(v, np.ndarray)}
    found = rows.search([Evidence(start, given)], start.rule)
    return found.rule if found is not None else None


def _expected(problem: Problem, rule: Claimed) -> Expected | None:
    try:
        return expect(problem, rule, problem.dtype)
    except (Undecided, GradcertError):
        return None


def _same(a: Expected, b: Expected) -> bool:
    values = {name: bounds.value for name, bounds in a.gradients.items()}
    return all(verdict.ok for verdict in judge_all(values, b.gradients).values())


def _inside(answer: Answer, bounds: dict[str, Bounds] | Any) -> bool:
    given = {k: v for k, v in answer.gradients.items() if isinstance(v, np.ndarray)}
    return set(given) == set(bounds) and all(v.ok for v in judge_all(given, bounds).values())


def _ties(problem: Problem) -> int:
    """Return how many membrane potentials lie on their threshold, in float64."""
    total = 0
    tape = run(problem.floats())
    for owner in owners(tape.network):
        layer, threshold = tape.layers[owner.layer], f"{owner.prefix}threshold"
        v = new_value(layer.layer, f"{owner.prefix}v")
        if hasattr(owner.cell, "surrogate") and v in layer.now and threshold in layer.p:
            total += int((layer.now[v] == layer.p[threshold]).sum())
    return total
