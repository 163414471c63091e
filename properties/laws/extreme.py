"""Numerics: large inputs saturate, they do not break."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from gradcert.properties.evaluation import row
from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, call
from gradcert.properties.subject import Subject


def applies(subject: Subject) -> bool:
    """Subjects on floats."""
    return has_gradients(subject) and subject.family != "field"


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Scale the inputs up; wherever the reference is finite, the subject is."""
    problem = draw(subject.problems(vacuous=True))
    large = replace(problem, inputs=problem.inputs * 2.0 ** draw(st.sampled_from((12, 20))))
    with np.errstate(all="ignore"):
        expected = row(large, subject.rule)
        assume(all(np.isfinite(g).all() for g in expected.values()))
        found = call(subject, large.copy())
    for name, value in found.items():
        if not np.isfinite(value).all():
            return Counterexample(LAW.name, large, name, (), np.asarray(value), expected[name])
    return None


LAW = Law(
    name="extreme",
    group="numerics",
    statement="Where the gradient is finite in the reference it is finite in the subject, however large the inputs.",
    source="trap T118",
    applies=applies,
    check=check,
)
