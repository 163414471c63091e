"""Structure: losses at different steps add up, and each sees only what came before it."""

from __future__ import annotations

from dataclasses import replace

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, Measured, differ, measure
from gradcert.properties.subject import Subject


def applies(subject: Subject) -> bool:
    """Subjects that take both a loss at every step and one at the last step alone."""
    return has_gradients(subject) and len(set(subject.limits.get("when", ("every", "last")))) == 2


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare the loss at every step with the last-step losses of all prefixes."""
    problem = draw(subject.problems()).with_loss(time="sum")
    whole = problem.with_loss(when="every")
    found = measure(subject, whole)
    total: Measured | None = None
    for t in range(1, problem.inputs.shape[0] + 1):
        prefix = replace(problem, inputs=problem.inputs[:t], targets=problem.targets[:t]).with_loss(when="last")
        one = measure(subject, prefix)
        total = one if total is None else total.plus(one)
    assert total is not None
    return differ(LAW.name, whole, found, total)


LAW = Law(
    name="loss-steps",
    group="structure",
    statement="The gradient of a loss at every step is the sum, over all prefixes, of that of a loss at the last step.",
    source="mathematics.md 12.17, trap T66",
    applies=applies,
    check=check,
)
