"""What a subject has to return for one problem: the reference outputs, loss and gradients, each with its budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradcert.certify.problems.budget.stored import data_on_balls, parameters_on_balls, stored
from gradcert.properties.numbers import Balls, Element, Precision, Undecided, working_precision
from gradcert.reference.engines import Tape, objective, record, tape_gradients
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import FORMATS, Array
from gradcert.reference.published import Algorithm, Claimed
from gradcert.reference.rules import check_feedback

NEAR = 30  # binary digits above the smallest normal number
PRECISIONS = {name: Precision(made.digits, slack=4 if name == "float64" else 2) for name, made in FORMATS.items()}


@dataclass(frozen=True, eq=False)
class Bounds:
    """An array and, per entry, the largest admissible distance from it.

    Attributes
    ----------
    value, budget : float64 arrays of one shape.
    rounding : what rounding could do if the entry were not exact, where that is known.
    """

    value: Array
    budget: Array
    rounding: Array | None = None

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


def precision_for(problem: Problem, dtype: str) -> Precision:
    """Return the arithmetic of a dtype; near the lower end of its range libraries may flush to zero.

    XLA and many GPU libraries take subnormal numbers for zero. Where no number of the problem is near the end of the
    range, gradual underflow alone is counted: products that are subnormal then are the far tails of long paths. Of
    float16 it is all there is: programs compute it in float32, which has its numbers as normal ones, or on units with
    gradual underflow.
    """
    sizes = [np.abs(np.asarray(v, dtype=float)) for v in problem.arrays.values()]
    near = FORMATS[dtype].tiny * 2.0**NEAR
    return replace(
        PRECISIONS[dtype], flushes=dtype != "float16" and any(bool(((s > 0) & (s < near)).any()) for s in sizes)
    )


def expect(problem: Problem, rule: Claimed, dtype: str) -> Expected:
    """Return the reference of a problem and the budget of every entry.

    Raises
    ------
    Undecided : if a spike, or another comparison, has no margin in this dtype.
    """
    balls = Balls(precision_for(problem, dtype))
    with working_precision():
        tape = on_balls(problem, balls)
        targets = balls.exactly(problem.targets)
        feedback = {name: balls.exactly(value) for name, value in problem.feedback.items()}
        if isinstance(rule, Algorithm):
            gradients = rule.gradients(_posed(problem, balls))
        else:
            checked = check_feedback(problem.network, rule, feedback)
            gradients = tape_gradients(tape, targets, rule=rule, feedback=checked)
        return Expected(
            outputs=bounds_of(tape.outputs),
            loss=bounds_of(np.asarray(objective(tape, targets), dtype=object)),
            gradients={name: bounds_of(value) for name, value in problem.asked(gradients).items()},
        )


def _posed(problem: Problem, balls: Balls) -> Problem:
    """Return a problem on balls, its cells' values stored as every implementation stores them."""
    on = problem.mapped(balls.exactly, balls)
    return replace(on, network=stored(problem.network), parameters=parameters_on_balls(problem.parameters, balls))


def on_balls(problem: Problem, balls: Balls) -> Tape:
    """Return the forward pass of a problem on balls, within `working_precision`."""
    parameters = parameters_on_balls(problem.parameters, balls)
    inputs, data = balls.exactly(problem.inputs), data_on_balls(problem, balls)
    return record(stored(problem.network), parameters, inputs, numbers=balls, **data)


def exact_forward(problem: Problem) -> bool:
    """Return whether every value of the forward pass is the same to the last bit in every implementation."""
    balls = Balls(precision_for(problem, problem.dtype))
    with working_precision():
        try:
            tape = on_balls(problem, balls)
        except Undecided:
            return False
        return all(e.exact for layer in tape.layers for values in layer.now.values() for e in values.ravel())


def bounds_of(elements: Array) -> Bounds:
    """Return an array on balls as values with budgets.

    Raises
    ------
    Undecided : if an order of evaluation may leave the range of the dtype.
    """
    if any(isinstance(e, Element) and e.overflows() for e in elements.ravel()):
        raise Undecided("a sum may overflow", do="draw another problem")
    flat = [_entry(e) if isinstance(e, Element) else (float(e), 0.0, 0.0) for e in elements.ravel()]
    values, budgets, roundings = np.array(flat, dtype=float).reshape(-1, 3).T
    return Bounds(*(column.reshape(elements.shape) for column in (values, budgets, roundings)))


def _entry(e: Element) -> tuple[float, float, float]:
    budget = e.budget()
    return e.value(), budget, budget or e.rearranged(1).budget()
