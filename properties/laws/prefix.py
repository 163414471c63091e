"""Online: a learner that is stopped early has the gradient of the shorter sequence."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from gradcert.properties.law import Draw, Law, has_learner
from gradcert.properties.laws.learner import run
from gradcert.properties.measure import Counterexample, differ, measure_reference
from gradcert.properties.subject import Subject


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare the learner after t steps with the row of the problem of t steps."""
    problem = draw(subject.problems(steps=(2, 4), when=("every",))).with_loss(time="sum")
    now = draw(st.integers(1, problem.inputs.shape[0]))
    short = replace(problem, inputs=problem.inputs[:now], targets=problem.targets[:now])
    return differ(LAW.name, problem, run(subject, problem, steps=now), measure_reference(subject, short, subject.rule))


LAW = Law(
    name="prefix",
    group="online",
    statement="After t steps a learner has credited the gradient of the first t steps.",
    source="mathematics.md 0.3",
    applies=has_learner,
    check=check,
)
