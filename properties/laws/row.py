"""Equality: a subject computes the row of the rule table that it names."""

from __future__ import annotations

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure, measure_reference
from gradcert.properties.subject import Subject


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare with the reverse engine."""
    problem = draw(subject.problems())
    expected = measure_reference(subject, problem, subject.rule)
    return differ(LAW.name, problem, measure(subject, problem), expected)


LAW = Law(
    name="row",
    group="equality",
    statement="The gradient is the sum over the paths of the edges that the rule keeps.",
    source="the rule table",
    applies=has_gradients,
    check=check,
)
