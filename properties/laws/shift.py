"""Structure: a silent past changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from gradcert.properties.law import Draw, Law
from gradcert.properties.laws import zero_loss
from gradcert.properties.measure import Counterexample, differ, measure
from gradcert.properties.subject import Subject
from gradcert.reference.engines import record


def applies(subject: Subject) -> bool:
    """Rules that know no absolute time, on numbers in which a network can be at rest."""
    return zero_loss.applies(subject) and subject.rule.chunk is None and subject.family != "field"


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Put zero inputs with zero targets in front of a network without biases."""
    problem = draw(subject.problems(kinds=("squared_error",), bias=False, readout_options={"bias": False}))
    problem = problem.with_loss(when="every", time="sum")
    extra = draw(st.integers(1, 2))
    silence, rest = 0 * problem.inputs[:1].repeat(extra, 0), 0 * problem.targets[:1].repeat(extra, 0)
    later = replace(
        problem,
        inputs=np.concatenate([silence, problem.inputs]),
        targets=np.concatenate([rest, problem.targets]),
    )
    before, after = (record(p.network, p.parameters, p.inputs).layers for p in (problem, later))
    for a, b in zip(before, after, strict=True):
        assume(all((a.prev[node] == b.prev[node][extra:]).all() for node in a.prev))
        assume(not (b.now["z"][:extra] != 0).any())
    # a threshold acts on silent steps as well, through psi(0 - threshold) and the reset: weights alone are at rest
    weights = {f"layers.{i}.{k.weight}" for i, layer in enumerate(problem.network.layers) for k in layer.cell.links}
    expected = measure(subject, problem).only(weights.__contains__)
    return differ(LAW.name, later, measure(subject, later), expected)


LAW = Law(
    name="shift",
    group="structure",
    statement="Steps at rest before the first input do not change the gradient of the weights.",
    source="mathematics.md 12.18",
    applies=applies,
    check=check,
)
