"""Equality: a rule is forward-mode differentiation with the gradient stopped on the edges that it drops."""

from __future__ import annotations

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from gradcert.properties.evaluation import directional, supports
from gradcert.properties.law import Draw, Law
from gradcert.properties.measure import Counterexample, measure
from gradcert.properties.numbers import RATIONALS, PrimeField
from gradcert.properties.subject import Subject


def applies(subject: Subject) -> bool:
    """Where numbers are exact and the rule's cuts can be made from outside a cell."""
    symmetric = subject.rule.feedback == "symmetric" and subject.rule.reach is None
    return subject.gradients is not None and symmetric and subject.family in ("exact", "field")


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare directional derivatives, layer by layer, with cells run on dual numbers."""
    problem = draw(subject.problems())
    if not supports(problem, subject.rule):
        reject()
    found = measure(subject, problem)
    exact = problem if isinstance(problem.numbers, PrimeField) else problem.in_numbers(RATIONALS)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    for i, layer in enumerate(problem.network.layers):
        direction = {k: exact.numbers.array(rng.integers(1, 2**20, size=s)) for k, s in layer.shapes().items()}
        expected = directional(exact, subject.rule, i, direction)
        values = {k: exact.numbers.array(found.values[f"layers.{i}.{k}"]) for k in direction}
        total = sum(((values[k] * direction[k]).sum() for k in direction), exact.numbers.zeros(())[()])
        if total != expected:
            return Counterexample(LAW.name, problem, f"derivative along a direction in layer {i}", (), total, expected)
    return None


LAW = Law(
    name="stopped",
    group="equality",
    statement="The gradient is the forward-mode derivative of the cells' own steps, stopped on every dropped edge.",
    source="mathematics.md 12.5; independent of all local Jacobians of the reference",
    applies=applies,
    check=check,
)
