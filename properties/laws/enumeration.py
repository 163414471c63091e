"""Estimators: the mean over all equally likely outcomes is the gradient, exactly."""

from __future__ import annotations

from fractions import Fraction

from gradcert.properties.evaluation import row
from gradcert.properties.law import Draw, Law
from gradcert.properties.measure import Counterexample
from gradcert.properties.numbers import RATIONALS, to_rational
from gradcert.properties.subject import Subject


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Enumerate the outcomes on a tiny network of rationals."""
    small = {"steps": (2, 3), "batch": (1, 1), "units": (1, 2), "inputs": (1, 2), "depth": (1, 1), "readout": False}
    problem = draw(subject.problems(family="exact", kinds=("squared_error",), **small)).in_numbers(RATIONALS)
    assert subject.outcomes is not None
    total = {k: RATIONALS.zeros(v.shape) for k, v in problem.parameters.items()}
    count = 0
    for outcome in subject.outcomes(problem):
        total = {k: v + RATIONALS.array(outcome[k]) for k, v in total.items()}
        count += 1
    for name, expected in row(problem, subject.rule).items():
        mean = total[name] * to_rational(Fraction(1, count))
        if (mean != expected).any():
            return Counterexample(LAW.name, problem, f"mean of {name} over {count} outcomes", (), mean, expected)
    return None


LAW = Law(
    name="enumeration",
    group="estimators",
    statement="At small size, the mean over all outcomes of the noise is the gradient, exactly.",
    source="mathematics.md 3, 12.10",
    applies=lambda subject: subject.outcomes is not None,
    check=check,
)
