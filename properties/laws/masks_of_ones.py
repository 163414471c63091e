"""Structure: a mask of ones is no mask."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure
from gradcert.properties.subject import Subject


def applies(subject: Subject) -> bool:
    """Subjects that read masks."""
    return has_gradients(subject) and "masks" in subject.reads


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Give every layer a mask of ones, and every potential where a subject knows how to hold one."""
    problem = draw(subject.problems())
    masks = {}
    for i, layer in enumerate(problem.network.layers):
        ones = problem.numbers.array(np.ones((*problem.inputs.shape[:2], layer.units)))
        masks[f"layers.{i}"] = ones
        if "holds" in subject.reads and "v" in layer.cell.nodes:
            masks[f"layers.{i}.v"] = ones
    given = replace(problem, masks=masks)
    return differ(LAW.name, given, measure(subject, given), measure(subject, problem))


LAW = Law(
    name="masks-of-ones",
    group="structure",
    statement="A mask of ones is no mask, on what leaves a layer and on what it holds.",
    source="gradcert.reference.networks.data",
    applies=applies,
    check=check,
)
