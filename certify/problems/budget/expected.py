"""What a subject has to return for one problem: the reference outputs, loss and gradients, each with its budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradcert.certify.problems.budget.stored import stored
from gradcert.properties.numbers import Balls, Element, Precision, Undecided, working_precision
from gradcert.reference.engines import record, tape_gradients
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule, check_feedback

PRECISIONS = {"float64": Precision(53, slack=4), "float32": Precision(24, slack=2)}


@dataclass(frozen=True, eq=False)
class Bounds:
    """An array and, per entry, the largest admissible distance from it.

    Attributes
    ----------
    value, budget : float64 arrays of one shape.
    """

    value: Array
    budget: Array

    @property
    def exact(self) -> bool:
        """Whether every entry has to agree to the last bit."""
        return not self.budget.any()

    @property
    def relative(self) -> float:
        """The budget's norm over the value's: what fraction of the gradient could go unnoticed."""
        size = float(np.linalg.norm(self.value))
        return float(np.linalg.norm(self.budget)) / size if size else 0.0


@dataclass(frozen=True, eq=False)
class Expected:
    """The reference of a problem under a rule."""

    outputs: Bounds
    loss: Bounds
    gradients: Mapping[str, Bounds]

    @property
    def exact(self) -> bool:
        """Whether every gradient has to agree to the last bit."""
        return all(bounds.exact for bounds in self.gradients.values())


def expect(problem: Problem, rule: Rule, dtype: str) -> Expected:
    """Return the reference of a problem and the budget of every entry.

    Raises
    ------
    Undecided : if a spike, or another comparison, has no margin in this dtype.
    """
    balls = Balls(PRECISIONS[dtype])
    with working_precision():
        parameters = {name: balls.exactly(value) for name, value in problem.parameters.items()}
        targets = balls.exactly(problem.targets)
        feedback = {name: balls.exactly(value) for name, value in problem.feedback.items()}
        tape = record(stored(problem.network), parameters, balls.exactly(problem.inputs), numbers=balls)
        checked = check_feedback(problem.network, rule, feedback)
        gradients = tape_gradients(tape, targets, rule=rule, feedback=checked)
        loss = problem.network.loss.value(tape.outputs, targets, balls)
        return Expected(
            outputs=bounds_of(tape.outputs),
            loss=bounds_of(np.asarray(loss, dtype=object)),
            gradients={name: bounds_of(value) for name, value in gradients.items()},
        )


def exact_forward(problem: Problem) -> bool:
    """Return whether every value of the forward pass is the same to the last bit in every implementation."""
    balls = Balls(PRECISIONS[problem.dtype])
    with working_precision():
        parameters = {name: balls.exactly(value) for name, value in problem.parameters.items()}
        try:
            tape = record(stored(problem.network), parameters, balls.exactly(problem.inputs), numbers=balls)
        except Undecided:
            return False
        return all(e.exact for layer in tape.layers for values in layer.now.values() for e in values.ravel())


def bounds_of(elements: Array) -> Bounds:
    """Return an array on balls as values with budgets."""
    flat = [(e.value(), e.budget()) if isinstance(e, Element) else (float(e), 0.0) for e in elements.ravel()]
    values = np.array(flat, dtype=float).reshape(-1, 2)
    return Bounds(values[:, 0].reshape(elements.shape), values[:, 1].reshape(elements.shape))
