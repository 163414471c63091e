"""Structure: samples do not see each other."""

from __future__ import annotations

from dataclasses import replace

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, Measured, differ, measure
from gradcert.properties.subject import Subject
from gradcert.reference.networks import Problem


def samples(problem: Problem) -> list[Problem]:
    """Return one problem per sample."""
    return [
        replace(problem, inputs=problem.inputs[:, b : b + 1], targets=problem.targets[:, b : b + 1])
        for b in range(problem.inputs.shape[1])
    ]


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare the batch with its samples, one by one."""
    problem = draw(subject.problems()).with_loss(batch="sum")
    found = measure(subject, problem)
    total: Measured | None = None
    for part in samples(problem):
        one = measure(subject, part)
        total = one if total is None else total.plus(one)
    assert total is not None
    return differ(LAW.name, problem, found, total)


LAW = Law(
    name="batch-sum",
    group="structure",
    statement="The gradient of a loss summed over a batch is the sum over its samples.",
    source="mathematics.md 12.16, trap T26",
    applies=has_gradients,
    check=check,
)
