"""Structure: a step of weight 0 changes nothing, and weights of 1 are no weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure
from gradcert.properties.subject import Subject


def applies(subject: Subject) -> bool:
    """Subjects that read weights."""
    return has_gradients(subject) and "weights" in subject.reads


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Append steps of weight 0, with inputs and targets of their own, to a problem without weights."""
    problem = draw(subject.problems()).with_loss(when="every")
    extra, n = draw(st.integers(1, 2)), problem.numbers
    ones = np.ones(problem.inputs.shape[:2])
    longer = replace(
        problem,
        inputs=np.concatenate([problem.inputs, problem.inputs[:extra]]),
        targets=np.concatenate([problem.targets, 1 - problem.targets[:extra]]),
        weights=n.array(np.concatenate([ones, 0 * ones[:extra]])),
    )
    return differ(LAW.name, longer, measure(subject, longer), measure(subject, problem))


LAW = Law(
    name="padded-steps",
    group="structure",
    statement="Steps of weight 0 after the last one do not change the gradient, nor what a mean is divided by.",
    source="gradcert.reference.networks.data",
    applies=applies,
    check=check,
)
