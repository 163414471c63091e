"""Online: a stepwise learner ends with the gradient of the rule."""

from __future__ import annotations

from gradcert.properties.law import Draw, Law, has_learner
from gradcert.properties.measure import Counterexample, Measured, differ, measure_reference, slack_of
from gradcert.properties.subject import Subject
from gradcert.reference.networks import Problem


def run(subject: Subject, problem: Problem, *, steps: int | None = None) -> Measured:
    """Return what the learner has credited after some steps."""
    assert subject.learner is not None
    learner = subject.learner(problem.copy())
    for x, y in list(zip(problem.inputs, problem.targets, strict=True))[:steps]:
        learner.step(x.copy(), y.copy())
    return Measured(dict(learner.gradients()), slack_of(subject, problem, subject.rule))


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare with the reverse engine."""
    problem = draw(subject.problems())
    return differ(LAW.name, problem, run(subject, problem), measure_reference(subject, problem, subject.rule))


LAW = Law(
    name="learner",
    group="online",
    statement="After the last step a stepwise learner has credited the gradient of its rule.",
    source="mathematics.md 0.3",
    applies=has_learner,
    check=check,
)
