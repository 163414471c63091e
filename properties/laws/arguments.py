"""Numerics: arguments are left as they were, and the answer has the form of the parameters."""

from __future__ import annotations

import numpy as np

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, call
from gradcert.properties.subject import Subject
from gradcert.reference.networks import Problem


def _arrays(problem: Problem) -> dict[str, np.ndarray]:
    return {**problem.parameters, **problem.feedback, "inputs": problem.inputs, "targets": problem.targets}


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare the arguments before and after, and keys, shapes and kind of the answer with the parameters."""
    problem = draw(subject.problems())
    given = problem.copy()
    answer = call(subject, given)
    before, after = _arrays(problem), _arrays(given)
    for name, value in before.items():
        if not (after[name] == value).all():
            return Counterexample(LAW.name, problem, f"{name} after the call", (), after[name], value)
    if set(answer) != set(problem.parameters):
        return Counterexample(LAW.name, problem, "keys", (), sorted(answer), sorted(problem.parameters))
    for name, value in problem.parameters.items():
        found = np.asarray(answer[name])
        if found.shape != value.shape or found.dtype.kind != value.dtype.kind:
            form = (found.shape, str(found.dtype)), (value.shape, str(value.dtype))
            return Counterexample(LAW.name, problem, f"form of {name}", (), *form)
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            return Counterexample(LAW.name, problem, name, (), found, "finite numbers")
        if any(np.shares_memory(found, other) for other in after.values() if found.dtype != object):
            return Counterexample(LAW.name, problem, f"memory of {name}", (), "an argument's", "its own")
    return None


LAW = Law(
    name="arguments",
    group="numerics",
    statement="Arguments are not changed, and the answer has the keys and shapes of the parameters.",
    source="certification: the subject",
    applies=has_gradients,
    check=check,
)
