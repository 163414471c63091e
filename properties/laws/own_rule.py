"""Equality: a rule that is no row of the table is what its equations say."""

from __future__ import annotations

from gradcert.properties.law import Draw, Law
from gradcert.properties.measure import Counterexample, Measured, differ, measure_raw, own_slack
from gradcert.properties.subject import Subject


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare with the reference's own function for the rule."""
    problem = draw(subject.problems())
    assert subject.expected is not None
    expected = dict(subject.expected(problem.copy()))
    slack = own_slack(subject, problem)
    return differ(LAW.name, problem, Measured(measure_raw(subject, problem), slack), Measured(expected, slack))


LAW = Law(
    name="own-rule",
    group="equality",
    statement="A rule with a trace or an update of its own computes what its published equations say.",
    source="mathematics.md 7 to 10",
    applies=lambda subject: subject.expected is not None and subject.gradients is not None,
    check=check,
)
