"""Equality: with the reset gate before the product, the GRU's two candidate biases are one."""

from __future__ import annotations

from gradcert.properties.law import Draw, Law
from gradcert.properties.measure import Counterexample, Measured, differ, measure
from gradcert.properties.subject import Subject


def applies(subject: Subject) -> bool:
    """Subjects that may be given a GRU; it cannot be computed in dyadic numbers."""
    cells = subject.limits.get("cells_from", ("gru",))
    return subject.gradients is not None and "gru" in cells and subject.family != "exact"


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare the gradients of b_n and c_n of the first layer."""
    problem = draw(subject.problems(cells_from=("gru",), reset="before", bias=True))
    found = measure(subject, problem)
    left, right = "layers.0.b_n", "layers.0.c_n"
    expected = Measured({left: found.values[right]}, {left: found.slack[right]})
    return differ(LAW.name, problem, found, expected)


LAW = Law(
    name="gru-biases",
    group="equality",
    statement="In the GRU with the reset before the product, b_n and c_n have the same gradient.",
    source="mathematics.md 1.5 (ii), 12.13",
    applies=applies,
    check=check,
)
