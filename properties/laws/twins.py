"""Equality: on some networks two rules are one and the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure, measure_reference
from gradcert.properties.subject import Subject
from gradcert.reference import RULES, Rule
from gradcert.reference.networks import Problem
from gradcert.reference.rules import feedback_name


@dataclass(frozen=True)
class Twins:
    """``rule`` equals ``twin`` on problems with these options; feedback matrices may be tied to the weights."""

    rule: str
    twin: str
    options: Mapping[str, Any] = field(default_factory=dict)
    tied: bool = False
    source: str = ""


SPIKING = ("lif", "alif")
TWINS = (
    Twins("ottt", "sltt", {"cells_from": ("lif",), "leak": 0.0, "train": ()}, source="mathematics.md 12.4"),
    Twins("sltt", "ottt", {"cells_from": ("lif",), "leak": 0.0, "train": ()}, source="mathematics.md 12.4"),
    Twins("bptt", "bptt-detached-reset", {"cells_from": SPIKING, "reset": "none"}, source="mathematics.md 0.3"),
    Twins("bptt-detached-reset", "bptt", {"cells_from": SPIKING, "reset": "none"}, source="mathematics.md 0.3"),
    Twins("tbptt", "bptt", {"steps": (2, 5)}, source="a window of T steps"),
    Twins("tbptt-chunks", "bptt", {"steps": (2, 5)}, source="one chunk"),
    Twins(
        "snap-2",
        "ostl",
        {"depth": (1, 1), "cells_from": ("rnn", "snu", "ssnu"), "recurrent": True},
        source="mathematics.md 12.9",
    ),
    Twins(
        "snap-1",
        "ostl",
        {"depth": (1, 1), "recurrent": False, "cells_from": ("lif", "snu", "ssnu")},
        source="mathematics.md 12.9",
    ),
    Twins("e-prop", "ottt", {"cells_from": ("lif",)}, source="mathematics.md 12.6"),
    Twins(
        "ottt",
        "bptt-detached-reset",
        {"cells_from": ("lif",), "depth": (1, 1), "recurrent": False},
        source="mathematics.md 12.4",
    ),
    Twins("ostl-random", "ostl", tied=True, source="mathematics.md 4.1 with B = W"),
    Twins("e-prop-random", "e-prop", {"depth": (1, 1)}, tied=True, source="mathematics.md 6 with B = W_o"),
    Twins("rflo", "ottt", {"depth": (1, 1)}, tied=True, source="mathematics.md 6 with B = W_o"),
    Twins(
        "osttp",
        "ostl",
        {"depth": (1, 1), "readout": False},
        source="mathematics.md 5: the last layer has the exact signal",
    ),
)


def tie(problem: Problem, rule: Rule) -> Problem:
    """Return the problem with feedback matrices equal to the weights that they stand for."""
    tied = {}
    for i, layer in enumerate(problem.network.layers[1:], start=1):
        for link in layer.cell.links:
            if link.source == "x" and link.weight is not None:
                # random feedback replaces a layer's own input weights, direct feedback leads to the layer below
                direct = rule.feedback == "direct"
                name = f"layers.{i - 1}.B" if direct else feedback_name(layer, i, link.weight)
                tied[name] = problem.parameters[f"layers.{i}.{link.weight}"]
    return replace(problem, feedback={k: np.array(tied[k]) for k in problem.feedback})


def of(subject: Subject) -> tuple[Twins, ...]:
    """Return the twins of a subject's rule."""
    return tuple(t for t in TWINS if t.rule == subject.rule.name)


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare the subject with the reference of the other rule."""
    twins = draw(st.sampled_from(of(subject)))
    problem = draw(subject.problems(also=(twins.twin,), **twins.options))
    if twins.tied:
        problem = tie(problem, subject.rule)
    expected = measure_reference(subject, problem, RULES[twins.twin])
    return differ(f"{LAW.name} ({twins.twin})", problem, measure(subject, problem), expected)


LAW = Law(
    name="twins",
    group="equality",
    statement="On networks without what distinguishes them, two rules give the same gradient.",
    source="mathematics.md 12",
    applies=lambda subject: has_gradients(subject) and bool(of(subject)),
    check=check,
)
