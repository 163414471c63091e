"""Numerics: the same problem has the same gradient, whatever was computed in between."""

from __future__ import annotations

from dataclasses import replace

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, Measured, differ, measure
from gradcert.properties.subject import Subject


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Ask for a problem, another one, and the first again: to the last bit, and no earlier answer may change."""
    problem = draw(subject.problems())
    zero = dict.fromkeys(problem.parameters, 0)
    first = measure(subject, problem).values
    kept = Measured({k: v.copy() for k, v in first.items()}, zero)
    measure(subject, replace(problem, inputs=problem.inputs[::-1], targets=problem.targets[::-1]))
    if counterexample := differ(f"{LAW.name} (an earlier answer)", problem, Measured(first, zero), kept):
        return counterexample
    return differ(LAW.name, problem, Measured(measure(subject, problem).values, zero), kept)


LAW = Law(
    name="repeatable",
    group="numerics",
    statement="A gradient depends on its problem alone, not on earlier calls.",
    source="traps T21, T64",
    applies=has_gradients,
    check=check,
)
