"""Structure: the gradient is linear in the error."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure
from gradcert.properties.subject import Subject


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare g(2 y - y') with 2 g(y) - g(y')."""
    problem = draw(subject.problems())
    turn = draw(st.integers(1, 5))
    # another target for every entry: the targets in reverse order, moved
    other = problem.targets[::-1] + problem.numbers.array(turn)
    mixed = replace(problem, targets=2 * problem.targets - other)
    found = measure(subject, mixed)
    expected = measure(subject, problem).times(2).plus(measure(subject, replace(problem, targets=other)), -1)
    return differ(LAW.name, mixed, found, expected)


LAW = Law(
    name="affine",
    group="structure",
    statement="The error enters linearly, so the gradient is affine in the targets, whatever the feedback.",
    source="mathematics.md 12.15",
    applies=has_gradients,
    check=check,
)
