"""Problems with what has to come back, as the judge hands them over for trials, and how a subject fares on one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.certify.subjects import learner
from gradcert.certify.subjects.serving import laid_out
from gradcert.reference.networks import Problem, problem_from_record


@dataclass(frozen=True, eq=False)
class Trial:
    """One problem and its answer.

    Attributes
    ----------
    problem : the problem.
    memory : how its arrays lie in memory.
    expected : name of a gradient, ``loss`` or ``outputs`` -> value and budget.
    """

    problem: Problem
    memory: str | None
    expected: Mapping[str, tuple[Any, Any]]

    def answered(self, subject: Any) -> dict[str, Any]:
        """Return what a subject returns, by name."""
        problem = laid_out(self.problem.copy(), self.memory)
        given = subject(problem) if callable(subject) and not learner.is_learner(subject) else _played(subject, problem)
        loss, gradients, outputs = None, given, None
        if isinstance(given, tuple) and len(given) in (2, 3):
            loss, gradients, outputs = (*given, None)[:3]
        out = {str(k): _array(v) for k, v in gradients.items()}
        more = {"loss": loss, "outputs": outputs}
        return {**out, **{k: _array(v) for k, v in more.items() if v is not None}}

    def wrong(self, given: Mapping[str, Any]) -> list[str]:
        """Return the names of what is not as expected; a loss or outputs that are not returned are not asked for."""
        return [
            name
            for name, (value, budget) in self.expected.items()
            if not (name in ("loss", "outputs") and name not in given) and not _within(given.get(name), value, budget)
        ] + sorted(set(given) - set(self.expected))


def _within(given: Any, value: Any, budget: Any) -> bool:
    if not isinstance(given, np.ndarray) or given.shape != value.shape or given.dtype.kind not in "fiub":
        return False
    with np.errstate(invalid="ignore"):
        return bool((np.abs(given - value) <= budget).all())


def _array(value: Any) -> Any:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value)


def _played(subject: Any, problem: Problem) -> Any:
    """Take a stepwise learner through a problem; return the loss, the gradients and the outputs."""
    made = learner.made(subject)
    other = made.start(learner.start_of(problem))
    made = other if learner.is_learner(other) else made
    last, steps, outputs = problem.network.loss.when == "last", len(problem.inputs), []
    for t in range(steps):
        target = problem.targets[t].copy() if t == steps - 1 or not last else None
        outputs.append(made.step(problem.inputs[t].copy(), target, **learner.step_data(problem, t)))
    given = made.gradients()
    loss, gradients = given if isinstance(given, tuple) and len(given) == 2 else (None, given)
    whole = None if any(o is None for o in outputs) else np.stack([_array(o) for o in outputs])
    return loss, {k: np.array(_array(v)) for k, v in gradients.items()}, whole


def trial(record: Mapping[str, Any]) -> Trial:
    """Read a trial back from its JSON form."""
    expected = {
        name: (np.array(entry["value"], dtype=float), np.array(entry["budget"], dtype=float))
        for name, entry in record["expected"].items()
    }
    return Trial(problem_from_record(record["problem"], run=True), record["memory"], expected)
