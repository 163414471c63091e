"""Online: what has been credited does not depend on what is still to come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from gradcert.properties.law import Draw, Law, has_learner
from gradcert.properties.laws.learner import run
from gradcert.properties.measure import Counterexample, Measured, differ
from gradcert.properties.subject import Subject


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Give the learner two problems with one past and two futures."""
    problem = draw(subject.problems(steps=(2, 4), when=("every",)))
    now = draw(st.integers(1, problem.inputs.shape[0] - 1))
    one = problem.numbers.array(1)
    other = replace(
        problem,
        inputs=np.concatenate([problem.inputs[:now], problem.inputs[now:] + one]),
        targets=np.concatenate([problem.targets[:now], problem.targets[now:] - one]),
    )
    # both runs see the same numbers in the same order: not even rounding may differ
    zero = dict.fromkeys(problem.parameters, 0)
    found = Measured(run(subject, problem, steps=now).values, zero)
    return differ(LAW.name, problem, found, Measured(run(subject, other, steps=now).values, zero))


LAW = Law(
    name="causality",
    group="online",
    statement="What a learner has credited up to a step does not change when the future changes.",
    source="mathematics.md 12.17",
    applies=has_learner,
    check=check,
)
