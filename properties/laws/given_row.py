"""Equality: with initial values, weights, beginnings and masks too, a subject computes the row that it names."""

from __future__ import annotations

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure, measure_reference
from gradcert.properties.optional import optional
from gradcert.properties.subject import Subject


def applies(subject: Subject) -> bool:
    """Subjects that read any of it."""
    return has_gradients(subject) and bool(subject.reads)


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare with the reverse engine."""
    problem = draw(optional(draw(subject.problems()), subject.reads))
    expected = measure_reference(subject, problem, subject.rule)
    return differ(LAW.name, problem, measure(subject, problem), expected)


LAW = Law(
    name="given-row",
    group="equality",
    statement="Initial values, weights, beginnings, masks and rates are data: the gradient is the row's with them.",
    source="the rule table; traps T51, T70",
    applies=applies,
    check=check,
)
