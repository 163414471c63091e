"""Gradients with their slack, and how two of them are compared: a law is stated without any tolerance of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import reject

from gradcert.properties.evaluation import bits_needed, enclosure, roundings, row
from gradcert.properties.numbers import SIGNIFICAND, Dyadics, Rounding, Undecided
from gradcert.properties.subject import Subject
from gradcert.reference import GradcertError, Rule
from gradcert.reference.engines import gamma
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Counterexample:
    """Where a law does not hold.

    Attributes
    ----------
    law : its name.
    problem : the problem on which it fails.
    where : the parameter, or what else differs.
    index : the entry with the largest excess.
    found, expected : both sides.
    budget : by how much they might have differed.
    """

    law: str
    problem: Problem
    where: str
    index: tuple[int, ...] = ()
    found: Any = None
    expected: Any = None
    budget: float = 0.0

    def __str__(self) -> str:
        cells = " + ".join(f"{layer.cell.name}({layer.inputs}->{layer.units})" for layer in self.problem.network.layers)
        steps, batch = self.problem.inputs.shape[:2]
        return (
            f"{self.law}: {self.where}{list(self.index)} is {self.found}, not {self.expected} "
            f"(budget {self.budget:g}) on {cells}, {steps} steps, batch {batch}"
        )


@dataclass(frozen=True)
class Measured:
    """Gradients, and per entry how far each may be from the truth."""

    values: Mapping[str, Array]
    slack: Mapping[str, Any]

    def plus(self, other: Measured, factor: Any = 1) -> Measured:
        """Return self + factor * other."""
        return Measured(
            {k: v + other.values[k] * factor for k, v in self.values.items()},
            {k: s + other.slack[k] * abs(factor) if np.ndim(s) else 0 for k, s in self.slack.items()},
        )

    def times(self, factor: Any) -> Measured:
        """Return factor * self."""
        return Measured(
            {k: v * factor for k, v in self.values.items()},
            {k: s * abs(factor) if np.ndim(s) else 0 for k, s in self.slack.items()},
        )

    def moved(self, move: Callable[[str, Array], Array]) -> Measured:
        """Return the gradients with every array rearranged."""
        return Measured(
            {k: move(k, v) for k, v in self.values.items()},
            {k: move(k, s) if np.ndim(s) else 0 for k, s in self.slack.items()},
        )

    def only(self, keep: Callable[[str], bool]) -> Measured:
        """Return the gradients of some parameters."""
        return Measured({k: v for k, v in self.values.items() if keep(k)}, self.slack)


def as_gradients(answer: Any) -> Mapping[str, Array]:
    """Return the gradients of what a subject returned: a mapping, or (loss, gradients, ...)."""
    return answer[1] if isinstance(answer, tuple) else answer


def slack_of(subject: Subject, problem: Problem, rule: Rule) -> dict[str, Any]:
    """Return the slack of any program that computes the row; 0 where everything is exact.

    A problem that a law derived from another one, and that is no longer exact or decided, is rejected.
    """
    if subject.family in ("exact", "scale"):
        if subject.family == "exact" and bits_needed(problem, rule) > SIGNIFICAND[subject.dtype]:
            reject()
        return dict.fromkeys(problem.parameters, 0)
    if subject.family == "field":
        return dict.fromkeys(problem.parameters, 0)
    try:
        return dict(enclosure(problem, rule, dtype=subject.dtype).radius)
    except Undecided:
        reject()


class SubjectFailed(Exception):
    """The subject raised, which is a verdict and not a fault of the law."""

    def __init__(self, problem: Problem, error: Exception) -> None:
        self.problem, self.error = problem, error
        super().__init__(f"{type(error).__name__}: {error}")


def measure_raw(subject: Subject, problem: Problem) -> dict[str, Array]:
    """Call the subject, on arrays of its own."""
    return call(subject, problem.copy())


def call(subject: Subject, problem: Problem) -> dict[str, Array]:
    """Call the subject on the arrays of the problem themselves."""
    assert subject.gradients is not None
    try:
        return dict(as_gradients(subject.gradients(problem)))
    except Exception as error:
        # whatever third-party code raises is reported with the problem that made it raise
        raise SubjectFailed(problem, error) from error


def measure(subject: Subject, problem: Problem) -> Measured:
    """Call the subject, with the slack of its row."""
    slack = slack_of(subject, problem, subject.rule)
    return Measured(measure_raw(subject, problem), slack)


def own_slack(subject: Subject, problem: Problem) -> dict[str, Any]:
    """Return the slack of a rule that is no row: none where its function needs no rounding, else an enclosure."""
    assert subject.expected is not None
    if subject.family == "exact":
        numbers = Dyadics()
        try:
            subject.expected(problem.in_numbers(numbers))
        except GradcertError:
            pass  # a quotient that is not dyadic: an enclosure decides
        else:
            if numbers.bits <= SIGNIFICAND[subject.dtype]:
                return dict.fromkeys(problem.parameters, 0)
    if subject.majorant is not None:
        unit = gamma(8 * roundings(problem), subject.dtype)
        return {k: unit * v for k, v in subject.majorant(problem).items()}
    wide = Rounding(8 * roundings(problem), subject.dtype)  # several passes over a sequence, one after the other
    try:
        found = subject.expected(problem.in_numbers(wide))
    except Undecided:
        reject()
    slack = {k: np.reshape([wide.enclosure(e)[1] for e in v.flat], v.shape) for k, v in found.items()}
    if not all(np.isfinite(s).all() for s in slack.values()):
        reject()
    return slack


def measure_reference(subject: Subject, problem: Problem, rule: Rule) -> Measured:
    """Return a row of the reference, with the slack of the subject's dtype."""
    return Measured(row(problem, rule), slack_of(subject, problem, rule))


def differ(law: str, problem: Problem, found: Measured, expected: Measured) -> Counterexample | None:
    """Return the entry with the largest excess over the budget, or None where all are inside.

    The budget of an entry is the sum of both slacks: 0 in the exact family and in a field.
    """
    worst: tuple[float, Counterexample] | None = None
    for name, right in expected.values.items():
        if name not in found.values or np.shape(found.values[name]) != np.shape(right):
            return Counterexample(
                law, problem, f"shape of {name}", (), np.shape(found.values.get(name, 0)), right.shape
            )
        left = np.asarray(found.values[name])
        budget = np.asarray(found.slack[name]) + np.asarray(expected.slack[name])
        for index in np.ndindex(np.shape(right)):
            a: Any = left[index]
            b: Any = right[index]
            allowed = float(budget[index]) if budget.ndim else 0.0
            if a == b:
                continue
            gap = abs(float(a) - float(b)) if left.dtype.kind == "f" else 1.0
            if not gap <= allowed:
                excess = gap - allowed if np.isfinite(gap) else np.inf
                if worst is None or excess > worst[0]:
                    worst = (excess, Counterexample(law, problem, name, index, a, b, allowed))
    return worst[1] if worst else None
