"""Online: the memory of a learner does not grow with the sequence."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.properties.law import Draw, Law
from gradcert.properties.measure import Counterexample
from gradcert.properties.subject import Subject


def applies(subject: Subject) -> bool:
    """Learners of rules that are online; a sliding window keeps as many steps as it is long."""
    return subject.learner is not None


def held(thing: Any, seen: set[int] | None = None) -> int:
    """Return the bytes of all arrays and containers that can be reached from an object."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, (type, type(sys), str, int, float, np.generic)) or callable(thing):
        return 0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        base = thing if thing.base is None else thing.base
        inner = sum(held(e, seen) for e in thing.flat) if thing.dtype == object else 0
        return int(getattr(base, "nbytes", thing.nbytes)) + inner
    parts: Iterable[Any] = ()
    if isinstance(thing, dict):
        parts = [*thing.keys(), *thing.values()]
    elif isinstance(thing, (list, tuple, set, frozenset)):
        parts = thing
    else:
        parts = [*getattr(thing, "__dict__", {}).values()]
        parts += [getattr(thing, s, None) for s in getattr(type(thing), "__slots__", ()) if isinstance(s, str)]
    return sys.getsizeof(thing) + sum(held(p, seen) for p in parts)


def grown(subject: Subject, problem: Any, steps: int) -> int:
    """Return what a learner holds after that many steps."""
    assert subject.learner is not None
    learner = subject.learner(problem)
    for t in range(steps):
        x, y = problem.inputs[t % len(problem.inputs)], problem.targets[t % len(problem.targets)]
        learner.step(x.copy(), y.copy())
    return held(learner)


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare what is held after 8 steps and after 23: beyond any window, and at the same step of a chunk of 5."""
    problem = draw(subject.problems(steps=(3, 3), when=("every",)))
    repeated = replace(problem, inputs=problem.inputs[:3], targets=problem.targets[:3])
    few, many = (grown(subject, repeated, steps) for steps in (8, 23))
    if many > few:
        return Counterexample(LAW.name, problem, "bytes held after 23 and after 8 steps", (), many, few)
    return None


LAW = Law(
    name="memory",
    group="online",
    statement="What a learner holds does not grow with the number of steps.",
    source="the meaning of online",
    applies=applies,
    check=check,
)
