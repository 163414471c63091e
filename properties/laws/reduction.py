"""Structure: a mean is the sum divided by how many were counted."""

from __future__ import annotations

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure
from gradcert.properties.subject import Subject


def applies(subject: Subject) -> bool:
    """Subjects that take a mean."""
    return has_gradients(subject) and "mean" in subject.limits.get("reductions", ("sum", "mean"))


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare g(sum) with g(mean) times the count; 2 or 4 steps and samples keep a division exact."""
    problem = draw(subject.problems(steps=(2, 4), batch=(2, 4)))
    steps, batch = problem.inputs.shape[:2]
    for axis, count in (("time", steps), ("batch", batch)):
        summed = problem.with_loss(time="sum", batch="sum", when="every")
        averaged = summed.with_loss(**{axis: "mean"})
        exact = count & (count - 1) == 0
        if subject.family == "exact" and not exact:
            continue
        counterexample = differ(LAW.name, averaged, measure(subject, averaged).times(count), measure(subject, summed))
        if counterexample:
            return counterexample
    return None


LAW = Law(
    name="reduction",
    group="structure",
    statement="The gradient of a mean over T steps or B samples is that of the sum over T or B.",
    source="trap T62",
    applies=applies,
    check=check,
)
