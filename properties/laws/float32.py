"""Numerics: in float32 the gradient is inside what float32 can do."""

from __future__ import annotations

from dataclasses import replace

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure, measure_reference
from gradcert.properties.subject import Subject


def applies(subject: Subject) -> bool:
    """Subjects that follow the dtype of their arguments."""
    return has_gradients(subject) and subject.family == "bounded" and subject.dtype == "float64"


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Give float32 arrays and compare with the enclosure of all float32 programs."""
    single = replace(subject, dtype="float32")
    problem = draw(single.problems())
    return differ(LAW.name, problem, measure(single, problem), measure_reference(single, problem, single.rule))


LAW = Law(
    name="float32",
    group="numerics",
    statement="On float32 arrays the gradient stays inside the enclosure of all float32 programs.",
    source="Higham, Accuracy and Stability of Numerical Algorithms, 3.1; trap T122",
    applies=applies,
    check=check,
)
