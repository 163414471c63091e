"""Learners and functions that break a law of form: causality, memory, a fresh start, arguments left alone."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from gradcert.properties.gallery import claims
from gradcert.properties.gallery.build import row_of
from gradcert.properties.gallery.causes import CAUSES
from gradcert.properties.gallery.entry import Entry
from gradcert.reference import RULES, Learner
from gradcert.reference.engines import forward

CLASS = "form"
CLAIM = claims.OSTL_SNU
_LEFT: dict[Any, Any] = {}


def learner(problem: Any) -> Learner:
    """Return the reference's learner for a problem, or for what a sequence begins with, whose length is not known."""
    known = hasattr(problem, "inputs")
    steps, batch = problem.inputs.shape[:2] if known else (1, problem.batch)
    return Learner(problem.network, problem.parameters, rule=RULES["ostl"], steps=steps, batch=batch)


class Stepwise:
    """A learner of the gallery in the form that a judge drives: start, step, gradients."""

    def __init__(self, make: Any) -> None:
        self.make, self.inner = make, None

    def start(self, start: Any) -> None:
        """Begin a sequence."""
        self.inner = self.make(start)

    def step(self, x: Any, y: Any) -> None:
        """Take one step."""
        assert self.inner is not None
        self.inner.step(x, y)

    def gradients(self) -> Any:
        """Return the gradient of the steps so far."""
        assert self.inner is not None
        return self.inner.gradients()


class Prophet:
    """A learner that has computed everything at the start, from inputs that it should not have seen."""

    def __init__(self, problem: Any) -> None:
        self.found = row_of("ostl")(problem)

    def step(self, x: Any, y: Any) -> None:
        """Do nothing."""

    def gradients(self) -> Any:
        """Return the gradient of the whole sequence."""
        return self.found


class Archivist:
    """A learner that keeps all inputs, and computes when it is asked."""

    def __init__(self, problem: Any) -> None:
        self.network, self.parameters = problem.network, problem.parameters
        self.seen: list[tuple[Any, Any]] = []

    def step(self, x: Any, y: Any) -> None:
        """Remember the step."""
        self.seen.append((x, y))

    def gradients(self) -> Any:
        """Return the gradient of what was seen."""
        if not self.seen:
            return {name: np.zeros_like(value) for name, value in self.parameters.items()}
        x, y = (np.array(part) for part in zip(*self.seen, strict=True))
        return forward.gradients(self.network, self.parameters, x, y, rule=RULES["ostl"])


class Continued:
    """A learner that starts with what the one before it had credited."""

    def __init__(self, problem: Any) -> None:
        self.key = tuple(sorted((k, v.shape) for k, v in problem.parameters.items()))
        self.inner = learner(problem)

    def step(self, x: Any, y: Any) -> None:
        """Take one step."""
        self.inner.step(x, y)

    def gradients(self) -> Any:
        """Return what was credited, and what is left from before."""
        left = _LEFT.get(self.key, {})
        found = {k: v + left.get(k, 0) for k, v in self.inner.gradients().items()}
        _LEFT[self.key] = found
        return found


def in_place(problem: Any) -> Any:
    """Return the gradient, having centred the inputs in place."""
    found = row_of("ostl")(problem)
    inputs = problem.inputs
    inputs -= inputs.mean(axis=0) + 1
    return found


def one_buffer(problem: Any) -> Any:
    """Return the gradient in arrays that the next call uses again."""
    for name, value in row_of("ostl")(problem).items():
        old = _LEFT.setdefault((name, value.shape), np.zeros_like(value))
        old[...] = value
    return {name: _LEFT[name, np.shape(value)] for name, value in problem.parameters.items()}


def batch_order(problem: Any) -> Any:
    """Return a gradient in which samples are weighted by their place in the batch."""
    weights = 0.5 ** np.arange(problem.inputs.shape[1])
    return row_of("ostl")(_Weighted(problem, weights[None, :, None]))


class _Weighted:
    """A problem whose errors are weighted by sample."""

    def __init__(self, problem: Any, weights: Any) -> None:
        self.network, self.parameters, self.feedback = problem.network, problem.parameters, problem.feedback
        from gradcert.reference.engines import record

        outputs = record(problem.network, problem.parameters, problem.inputs).outputs
        self.inputs, self.targets = problem.inputs, outputs - weights * (outputs - problem.targets)


def fixed_unit(problem: Any) -> Any:
    """Return a gradient whose first unit of the first layer is frozen."""
    found = dict(row_of("ostl")(problem))
    found["layers.0.W"] = found["layers.0.W"].copy()
    found["layers.0.W"][0] = 0
    return found


def decayed(problem: Any) -> Any:
    """Return the gradient with weight decay in it."""
    return {k: g + problem.parameters[k] / 4 for k, g in row_of("ostl")(problem).items()}


def absolute_time(problem: Any) -> Any:
    """Return a gradient whose errors are weighted by the step that they are made at."""
    ramp = np.arange(1, len(problem.inputs) + 1)[:, None, None] / len(problem.inputs)
    return row_of("ostl")(_Weighted(problem, ramp))


def _entry(trap: str, name: str, title: str, gradients: Any = None, **more: Any) -> Entry:
    return Entry(
        name=f"{trap}_{name}",
        title=title,
        gradients=gradients,
        claim={**CLAIM, "losses": ("squared_error",)},
        traps=(trap,),
        bug_class=CLASS,
        cause=CAUSES.get(f"{trap}_{name}", ()),
        **more,
    )


_learner = partial(_entry, gradients=row_of("ostl"))

ENTRIES: tuple[Entry, ...] = (
    _learner("F01", "prophet", "sees the future", learner=Prophet),
    _learner("F02", "archivist", "keeps every step", learner=Archivist),
    _learner("F03", "continued", "starts with what was credited before", learner=Continued),
    _entry("F04", "in_place", "changes its inputs in place", in_place),
    _entry("F05", "one_buffer", "returns the same arrays every time", one_buffer),
    _entry("F06", "batch_order", "weights samples by their place", batch_order),
    _entry("F07", "fixed_unit", "a frozen unit", fixed_unit),
    _entry("F08", "weight_decay", "weight decay inside the gradient", decayed),
    _entry("F09", "absolute_time", "errors weighted by the step", absolute_time),
)
