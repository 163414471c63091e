"""Equality: on one layer with memory, OSTL = RTRL = BPTT."""

from __future__ import annotations

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure, measure_reference
from gradcert.properties.subject import Subject
from gradcert.reference import RULES, TEMPORAL


def applies(subject: Subject) -> bool:
    """Rules that keep every edge of the parameter's own layer."""
    rule = subject.rule
    whole = rule.own == TEMPORAL and rule.reach is None and rule.window is None and rule.chunk is None
    return has_gradients(subject) and whole


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare with BPTT, under a stateless head where credit comes down through its weights."""
    symmetric = subject.rule.feedback == "symmetric"
    problem = draw(subject.problems(depth=(1, 1), also=("bptt",), **({} if symmetric else {"readout": False})))
    return differ(LAW.name, problem, measure(subject, problem), measure_reference(subject, problem, RULES["bptt"]))


LAW = Law(
    name="one-layer",
    group="equality",
    statement="With one layer that has memory, a rule that keeps all its edges is backpropagation through time.",
    source="mathematics.md 12.1, 12.2; arXiv 2007.12723",
    applies=applies,
    check=check,
)
