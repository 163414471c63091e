"""Deep: what a rule errs by stays below every bound; how tight the bounds can be, and how loose, is searched for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import reject

from gradcert.properties.law import Draw, Law, has_gradients, observe
from gradcert.properties.measure import Counterexample, measure, measure_reference
from gradcert.properties.subject import Subject
from gradcert.reference import RULES, GradcertError, Rule
from gradcert.reference.bounds import Bound, Online, a_priori, componentwise, windowed
from gradcert.reference.engines import record
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import FLOAT64

SEEN = 1e3  # slacks: an error so far above its own rounding has a ratio that means something


def applies(subject: Subject) -> bool:
    """Rules whose signal is made of the error, and whose paths are cut by edges alone, on floats."""
    rule = subject.rule
    fixed = rule.feedback in ("symmetric", "random", "direct") and rule.reach is None
    return has_gradients(subject) and fixed and subject.family != "field" and subject.dtype == "float64"


def bounds(problem: Problem, rule: Rule) -> dict[str, Bound]:
    """Return every bound on the error of a rule."""
    p = problem
    steps, batch = p.inputs.shape[:2]
    data: Any = (p.network, p.parameters, p.inputs, p.targets)
    common: dict[str, Any] = {"rule": rule, "feedback": p.feedback}
    tape = record(p.network, p.parameters, p.inputs)
    delta = p.network.loss.gradient(tape.outputs, p.targets, tape.numbers)
    online = Online(p.network, p.parameters, steps=steps, batch=batch, **common)
    for x, y in zip(p.inputs, p.targets, strict=True):
        online.step(x, y)
    return {
        "a priori": a_priori(
            p.network,
            p.parameters,
            steps=steps,
            batch=batch,
            input_bound=np.abs(p.inputs).max(axis=(0, 1)),
            # upwards by more than the rounding of a sum of that few squares and of its root
            loss_gradient_bound=float(np.sqrt((delta * delta).sum(axis=-1)).max()) * (1 + 2.0**-40),
            **common,
        ),
        "online": online.bound(),
        "windowed": windowed(*data, window=steps, **common),
        "componentwise": componentwise(*data, **common),
    }


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare the distance from BPTT with the bounds, tensor by tensor."""
    problem = draw(subject.problems(depth=(2, 3), also=("bptt",))).in_numbers(FLOAT64)
    try:
        found = bounds(problem, subject.rule)
    except GradcertError:  # a cell or a synapse that a bound does not cover
        reject()
    error = measure_reference(subject, problem, RULES["bptt"]).plus(measure(subject, problem), -1)
    ratios: dict[str, list[float]] = {label: [] for label in found}
    for name, entries in error.values.items():
        true, slack = _norm(entries), _norm(error.slack[name])
        for label, bound in found.items():
            if not true <= bound.tensors[name] + slack:
                return Counterexample(f"{LAW.name} ({label})", problem, name, (), true, bound.tensors[name], slack)
            if true > SEEN * slack and 0 < true:
                ratios[label].append(bound.tensors[name] / true)
    for label, values in ratios.items():
        if values and math.isfinite(max(values)):
            observe(f"{label} / error, least", -math.log10(min(values)), min(values))
            observe(f"{label} / error, most", math.log10(max(values)), max(values))
    return None


def _norm(entries: Any) -> float:
    values = np.asarray(entries, dtype=float)
    return float(np.sqrt((values * values).sum()))


LAW = Law(
    name="bounds",
    group="deep",
    statement="The distance of a rule's gradient from BPTT is below every bound: a priori, online, windowed, by entry.",
    source="reference/bounds; tightness is searched for in both directions",
    applies=applies,
    check=check,
)
