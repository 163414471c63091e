"""Rows whose contributions change the weights, with one line done otherwise (mathematics.md 7.1, T54, T64)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.variations.variation import Posed, Variation, Vector
from gradcert.reference.engines import Learner
from gradcert.reference.procedures import accumulate
from gradcert.reference.rules import rule_named

USUAL = {"rule": "ottt", "rate": 0.1, "returns": "weights"}


def per_step(posed: Posed) -> Iterator[Variation]:
    """Yield one update per step with weights of another time, contributions kept, or one update at the end."""
    yield Variation("gradients not zeroed", "contributions that are kept from step to step", partial(_run, kept=True))
    yield Variation("rate reversed", "updates of the opposite sign", partial(_run, sign=-1))
    yield Variation("last step without an update", "no update after the last step", partial(_run, skipped=1))
    if {**USUAL, **posed.settings}["returns"] == "weights":
        yield Variation("one update at the end", "one update at the end", _at_once)


def per_sequence(posed: Posed) -> Iterator[Variation]:
    """Yield one update per sequence with the opposite sign, or one per step in its place."""
    yield Variation("an update after every step", "an update after every step", _run)
    yield Variation("rate reversed", "an update of the opposite sign", _against)


def _run(p: Posed, *, kept: bool = False, sign: int = 1, skipped: int = 0) -> Vector:
    settings = {**USUAL, **p.settings}
    steps, batch = p.inputs.shape[:2]
    rule, rate = rule_named(settings["rule"]), p.numbers.array(settings["rate"])[()]
    given: dict[str, Any] = {"numbers": p.numbers, "feedback": p.problem.feedback}
    learner = Learner(p.network, p.parameters, rule=rule, steps=steps, batch=batch, **given)
    weights = dict(p.parameters)
    total: Vector = {}
    seen: list[Vector] = []
    for t, (x, y) in enumerate(zip(p.inputs, p.targets, strict=True)):
        learner.step(x, y)
        found = learner.take()
        total = {k: total[k] + g if k in total else g for k, g in found.items()}
        used = total if kept else found
        seen.append(used)
        if t < steps - skipped:
            weights = {k: w - sign * rate * used[k] for k, w in weights.items()}
            learner.replace(weights)
    if settings["returns"] == "weights":
        return weights
    return {k: np.stack([g[k] for g in seen]) for k in weights}


def _at_once(p: Posed) -> Vector:
    return _accumulated(p, 1)


def _against(p: Posed) -> Vector:
    return _accumulated(p, -1)


def _accumulated(p: Posed, sign: int) -> Vector:
    settings = {**USUAL, **p.settings}
    given = (p.network, p.parameters, p.inputs, p.targets)
    rule, feedback = rule_named(settings["rule"]), p.problem.feedback
    return accumulate(*given, rule=rule, rate=sign * settings["rate"], numbers=p.numbers, feedback=feedback)
