"""A measured envelope: how far apart correct evaluations of one large problem lie in the subject's dtype.

Enclosures of large problems would be slow and wide. Instead the reference itself is evaluated eight times in the
subject's dtype, each time with units, inputs and samples in another random order (so that every sum over them is taken
in another order), with sums over time in the orders that programs use, and with everything that is computed and stored
on the way moved at random by up to what programs and libraries may be off (`shaken`). The centre is an evaluation in
extended precision.

The allowance of an array is lambda s times the root mean square, over the evaluations, of the largest deviation of an
entry. lambda = 7.5: sums of independent rounding errors are sub-Gaussian, P(> lambda sigma) <= 2 exp(-lambda^2 / 2),
which is less than 2e-12 (Higham and Mary, SIAM J. Sci. Comput. 41, 2019, whose model is that of independent errors). s
is the slack that an enclosure too allows for other arrangements of the computation. Two bounds that are not measured
are added. The gradient of a weight or bias is a sum of n = T B terms: any order of it is off by at most gamma(n) times
the sum of their absolute values, so that no allowance is below the rounding of the accumulated terms, however lucky
the eight were (for other parameters: gamma(n) times the gradient, which is no more than that sum). And what a flush of
subnormal numbers to zero can do: the smallest normal number, for each of 2^12 terms, times the largest factors of a
term.

This is weaker evidence than an enclosure: it is a measurement under a model of rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradcert.certify.problems.budget.expected import PRECISIONS, Bounds, Expected
from gradcert.certify.problems.budget.shaken import ORDERS, Shaken, other_form, shaken
from gradcert.certify.problems.budget.stored import DECAYS
from gradcert.reference.engines import objective, record, tape_gradients
from gradcert.reference.networks import PREFIX, Problem
from gradcert.reference.numbers import FORMATS, Array
from gradcert.reference.rules import Rule, check_feedback

EVALUATIONS = 8
LAMBDA = 7.5
TERMS = 2**12


@dataclass(frozen=True)
class Run:
    """One evaluation, in the problem's own order.

    Attributes
    ----------
    margins : distances from the threshold, by spiking layer.
    sizes : the largest sum of absolute values of a weight's gradient, by name.
    """

    outputs: Array
    loss: Array
    gradients: Mapping[str, Array]
    margins: Mapping[int, Array]
    sizes: Mapping[str, float]

    @property
    def finite(self) -> bool:
        """Whether there is neither an infinity nor NaN."""
        return all(np.isfinite(a).all() for a in (self.outputs, self.loss, *self.gradients.values()))


def envelope(problem: Problem, rule: Rule, dtype: str, rng: np.random.Generator) -> tuple[Expected, Run] | None:
    """Return the reference with its measured allowance, or None where evaluations disagree about a spike.

    Parameters
    ----------
    rng : draws orders and function errors.
    """
    with np.errstate(all="ignore"):
        centre = _evaluated(problem, rule, Shaken("longdouble"))
        runs = [_evaluated(problem, rule, Shaken(dtype))]
        for number in range(1, EVALUATIONS):
            orders = [rng.permutation(n) for n in _sizes(problem)]
            samples = rng.permutation(problem.inputs.shape[1])
            order = ORDERS[number % len(ORDERS)]
            moved = _evaluated(ordered(problem, orders, samples), rule, Shaken(dtype, rng=rng), order)
            runs.append(_restored(problem, moved, orders, samples))
    if not all(run.finite for run in (centre, *runs)) or not _decided(centre, runs, dtype):
        return None
    slack = LAMBDA * PRECISIONS[dtype].slack

    def bounds(take: Callable[[Run], Array]) -> Bounds:
        value = np.asarray(take(centre), dtype=float)
        worst = [float(np.abs(np.asarray(take(run), dtype=float) - value).max()) for run in runs]
        # hypot, because the square of a deviation of 1e-180 is no number any more
        allowed = slack * math.hypot(*worst) / math.sqrt(len(worst)) + flushed(problem, dtype)
        return Bounds(value, np.full(value.shape, allowed + float(np.abs(value).max()) * 2.0**-53))

    # the terms of a loss are positive: any order of its sum is off by gamma times the loss, whatever was measured
    total = bounds(lambda run: run.loss)
    many = problem.targets.size * (1 + len(problem.readouts))
    reordered = PRECISIONS[dtype].gamma(many + 8) * np.abs(total.value)
    total = Bounds(total.value, total.budget + reordered)
    gradients = {name: bounds(lambda run, name=name: run.gradients[name]) for name in problem.asked(centre.gradients)}  # type: ignore[misc]
    terms = math.prod(problem.inputs.shape[:2]) * PRECISIONS[dtype].unit
    for name, found in gradients.items():
        size = max(centre.sizes.get(name, 0.0), float(np.abs(found.value).max()))
        gradients[name] = Bounds(found.value, found.budget + terms / (1 - terms) * size)
    return Expected(bounds(lambda run: run.outputs), total, gradients), centre


def flushed(problem: Problem, dtype: str) -> float:
    """Return what flushing subnormal numbers to zero can cost: tiny, times terms, times the largest factor there is."""
    largest = max(
        1.0, *(float(np.abs(v).max()) for v in (*problem.parameters.values(), problem.inputs, problem.targets))
    )
    return FORMATS[dtype].tiny * TERMS * largest**2


def _sizes(problem: Problem) -> list[int]:
    return [problem.network.layers[0].inputs, *(layer.units for layer in problem.network.layers)]


def ordered(problem: Problem, orders: list[Array], samples: Array) -> Problem:
    """Return the same problem with inputs, units of every layer and samples in another order."""
    feedback = {}
    for name, value in problem.feedback.items():
        index = int(name.split(".")[1])
        above = problem.parameters.get(f"layers.{index}.W")
        random = above is not None and value.shape == above.shape
        rows, columns = (orders[index + 1], orders[index]) if random else (orders[-1], orders[index + 1])
        feedback[name] = value[rows][:, columns]
    return replace(
        problem,
        parameters={name: _moved(problem, name, value, orders) for name, value in problem.parameters.items()},
        feedback=feedback,
        inputs=np.ascontiguousarray(problem.inputs[:, samples][:, :, orders[0]]),
        targets=np.ascontiguousarray(problem.targets[:, samples][:, :, orders[-1]]),
        initial={k: _moved(problem, f"{PREFIX}{k}", v, orders, samples) for k, v in problem.initial.items()},
        weights=None if problem.weights is None else problem.weights[:, samples],
        begins=None if problem.begins is None else problem.begins[:, samples],
        masks={k: v[:, samples][:, :, orders[int(k.split(".")[1]) + 1]] for k, v in problem.masks.items()},
        readouts={k: v[orders[-1]][:, orders[int(k.split(".")[1]) + 1]] for k, v in problem.readouts.items()},
    )


def _moved(problem: Problem, name: str, value: Array, orders: list[Array], samples: Array | None = None) -> Array:
    """Return a parameter, an initial value (with its samples), or their gradients, with axes in another order."""
    index, local = name.removeprefix(PREFIX).split(".")[1:]
    below, own = orders[int(index)], orders[int(index) + 1]
    if name.startswith(PREFIX):
        return value[own] if value.ndim == 1 else value[samples][:, own]
    if value.ndim == 1:
        return value[own]
    links = problem.network.layers[int(index)].cell.links
    outside = any(link.weight == local and link.source == "x" for link in links)
    return value[own][:, below if outside else own]


def _restored(problem: Problem, run: Run, orders: list[Array], samples: Array) -> Run:
    back = [np.argsort(order) for order in orders]
    order = np.argsort(samples)
    gradients = {name: _moved(problem, name, value, back, order) for name, value in run.gradients.items()}
    margins = {i: m[:, order][:, :, back[i + 1]] for i, m in run.margins.items()}
    return Run(run.outputs[:, order][:, :, back[-1]], run.loss, gradients, margins, run.sizes)


def _evaluated(problem: Problem, rule: Rule, numbers: Shaken, order: str = "at once") -> Run:
    def given(arrays: Mapping[str, Array]) -> dict[str, Array]:
        return {
            name: np.asarray(
                other_form(value, numbers) if name.rpartition(".")[2] in DECAYS else value, dtype=numbers.dtype
            )
            for name, value in arrays.items()
        }

    inputs, targets = (np.asarray(v, dtype=numbers.dtype) for v in (problem.inputs, problem.targets))
    network, sizes = shaken(problem.network, numbers, order)
    data = problem.mapped(lambda v: np.asarray(v, dtype=numbers.dtype), numbers).data
    tape = record(network, given(problem.parameters), inputs, numbers=numbers, **data)
    margins, rows, seen = {}, inputs.shape[0] * inputs.shape[1], list(numbers.margins)
    for i, layer in enumerate(problem.network.layers):
        if hasattr(layer.cell, "surrogate"):
            mine: list[Array] = []
            while sum(len(m) for m in mine) < rows:
                mine.append(seen.pop(0).reshape(-1, layer.units))
            margins[i] = np.concatenate(mine).reshape(*inputs.shape[:2], layer.units)
    feedback = check_feedback(problem.network, rule, given(problem.feedback))
    gradients = tape_gradients(tape, targets, rule=rule, feedback=feedback)
    loss = np.asarray(objective(tape, targets))
    largest = {name: float(np.max(sum(found))) for name, found in sizes.items() if found}
    return Run(tape.outputs, loss, gradients, margins, largest)


def _decided(centre: Run, runs: list[Run], dtype: str) -> bool:
    """Return whether every spike's argument is farther from 0 than evaluations can move it."""
    for i, middle in centre.margins.items():
        moved = max(float(np.abs(run.margins[i] - middle).max()) for run in runs)
        if float(np.abs(middle).min()) <= LAMBDA * PRECISIONS[dtype].slack * moved:
            return False
    return True
