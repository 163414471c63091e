"""Structure: no error, no gradient."""

from __future__ import annotations

from dataclasses import replace

from gradcert.properties.evaluation import outputs
from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, Measured, differ, measure
from gradcert.properties.subject import Subject


def applies(subject: Subject) -> bool:
    """Rules whose learning signal is made of the error; a projected target and a local loss are not."""
    return has_gradients(subject) and subject.rule.feedback in ("symmetric", "random", "direct")


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Ask for the outputs that the network has."""
    problem = draw(subject.problems(kinds=("squared_error",)))
    met = replace(problem, targets=outputs(problem))
    found = measure(subject, met)
    zero = {k: problem.numbers.zeros(v.shape) for k, v in problem.parameters.items()}
    return differ(LAW.name, met, found, Measured(zero, found.slack))


LAW = Law(
    name="zero-loss",
    group="structure",
    statement="Where the targets are the outputs, the gradient of a squared error is zero.",
    source="trap T68",
    applies=applies,
    check=check,
)
