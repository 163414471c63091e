"""Structure: the order of the samples is of no meaning."""

from __future__ import annotations

from dataclasses import replace

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure
from gradcert.properties.subject import Subject


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare with the batch in reverse order."""
    problem = draw(subject.problems())
    turned = replace(problem, inputs=problem.inputs[:, ::-1], targets=problem.targets[:, ::-1])
    return differ(LAW.name, turned, measure(subject, turned), measure(subject, problem))


LAW = Law(
    name="batch-order",
    group="structure",
    statement="The gradient does not depend on the order of the samples in a batch.",
    source="mathematics.md 12.16",
    applies=has_gradients,
    check=check,
)
