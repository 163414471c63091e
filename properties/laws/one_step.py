"""Equality: with one time step, every rule with exact credit is plain backpropagation."""

from __future__ import annotations

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure, measure_reference
from gradcert.properties.subject import Subject
from gradcert.reference import RULES


def applies(subject: Subject) -> bool:
    """Rules whose credit comes down through the weights."""
    return has_gradients(subject) and subject.rule.feedback == "symmetric"


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare with the row that keeps no temporal edge at all."""
    problem = draw(subject.problems(steps=(1, 1), also=("sltt",)))
    return differ(LAW.name, problem, measure(subject, problem), measure_reference(subject, problem, RULES["sltt"]))


LAW = Law(
    name="one-step",
    group="equality",
    statement="With T = 1 every rule with exact credit is plain backpropagation.",
    source="mathematics.md 12.11",
    applies=applies,
    check=check,
)
