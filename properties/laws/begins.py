"""Structure: two sequences in one row, with a beginning between them, are two rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure
from gradcert.properties.subject import Subject


def applies(subject: Subject) -> bool:
    """Subjects that read beginnings; chunks are counted from the start of a row."""
    return has_gradients(subject) and "begins" in subject.reads and subject.rule.chunk is None


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare one row with the sum over its two parts."""
    problem = draw(subject.problems(steps=(2, 4))).with_loss(when="every", time="sum")
    steps, batch = problem.inputs.shape[:2]
    at = draw(st.integers(1, steps - 1))
    begins = np.zeros((steps, batch), dtype=bool)
    begins[at] = True
    whole = replace(problem, begins=begins)
    parts = [
        measure(subject, replace(problem, inputs=problem.inputs[s], targets=problem.targets[s]))
        for s in (slice(0, at), slice(at, steps))
    ]
    return differ(LAW.name, whole, measure(subject, whole), parts[0].plus(parts[1]))


LAW = Law(
    name="begins",
    group="structure",
    statement="Where a sequence begins inside a row, state and traces start anew: the gradient is that of two rows.",
    source="gradcert.reference.networks.data",
    applies=applies,
    check=check,
)
