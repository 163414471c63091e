"""Structure: what comes after the last error changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from gradcert.properties.evaluation import outputs
from gradcert.properties.law import Draw, Law
from gradcert.properties.laws.zero_loss import applies
from gradcert.properties.measure import Counterexample, differ, measure
from gradcert.properties.subject import Subject


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Append steps at which the targets are the outputs."""
    problem = draw(subject.problems(kinds=("squared_error",), steps=(2, 3))).with_loss(when="every", time="sum")
    extra = draw(st.integers(1, 2))
    inputs = np.concatenate([problem.inputs, problem.inputs[:extra]])
    longer = replace(problem, inputs=inputs, targets=np.concatenate([problem.targets, problem.targets[:extra]]))
    longer = replace(longer, targets=np.concatenate([problem.targets, outputs(longer)[len(problem.targets) :]]))
    return differ(LAW.name, longer, measure(subject, longer), measure(subject, problem))


LAW = Law(
    name="padding",
    group="structure",
    statement="Steps without error after the last one with an error do not change the gradient.",
    source="mathematics.md 12.18",
    applies=applies,
    check=check,
)
