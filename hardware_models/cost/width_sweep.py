"""Accuracy of the gradient, and of a trained toy task, against weight width and rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import Rounding
from gradcert.hardware_models.chips import q_format
from gradcert.hardware_models.cost.gradient_ledger import fixed_gradients, reference_gradients
from gradcert.hardware_models.cost.own_task import Own
from gradcert.hardware_models.cost.random_task import Task, started, task, units_of
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.rules import RULES
from gradcert.reference.errors import GradcertError

Array = np.ndarray[Any, Any]
ROUNDINGS = (Rounding.FLOOR, Rounding.NEAREST_EVEN, Rounding.STOCHASTIC)
EPOCHS = 12


@dataclass(frozen=True)
class Point:
    """One width and rounding: cosine with and distance from the real-valued rule's gradient, first and last loss."""

    weight_bits: int
    rounding: str
    cosine: float
    error: float
    first_loss: float
    last_loss: float


def point(
    rule: str, weight_bits: int, rounding: Rounding, *, steps: int = 40, seed: int = 0, own: Own | None = None
) -> Point:
    """Measure one width and rounding on the random task of the ledger, or on a network of one's own."""
    p = q_format(weight_bits=weight_bits, rounding=rounding, state_rounding=Rounding.NEAREST_EVEN)
    if own is None:
        step = RULES[rule](p, inputs=8, neurons=8, outputs=2)
        chosen = task(p, step, steps=steps, seed=seed)
    else:
        p = own.on(p)
        step = own.described(p, rule)
        chosen = own.task(p, step, seed)
    real, _ = reference_gradients(p, rule, step, chosen)
    fixed, _ = fixed_gradients(p, step, chosen)
    one, two = (np.concatenate([g[n].ravel() for n in chosen.weights]) for g in (real, fixed))
    size = float(np.linalg.norm(one) * np.linalg.norm(two))
    losses = train(step, chosen, given=own is not None)
    cosine = float(one @ two) / size if size else 0.0
    error = float(np.linalg.norm(one - two) / np.linalg.norm(one)) if one.any() else float("nan")
    return Point(weight_bits, rounding.value, cosine, error, losses[0], losses[-1])


def train(step: Program, chosen: Task, *, epochs: int = EPOCHS, given: bool = False) -> list[float]:
    """Learn one pattern on the chip, the task's spikes onto a constant target of one half; returns the loss per epoch.

    Where `given`, the target is the task's own. Every epoch starts from rest and keeps the weights; the loss is half
    the mean squared error over steps.
    """
    simulator = Simulator(step)
    rest = {k: v.copy() for k, v in simulator.state.items()}
    weights = started(step, chosen.weights)
    unit = units_of(step.node("error").numeric.format)
    half = int(0.5 / unit)
    losses = []
    for _ in range(epochs):
        simulator.state = {**{k: v.copy() for k, v in rest.items()}, **weights}
        errors = []
        for one in chosen.inputs:
            values = simulator.step(one if given else {**one, "target": np.full_like(one["target"], half)})
            errors.append(values["error"] * unit)
        weights = {k: simulator.state[k] for k in weights}
        losses.append(float(np.mean(np.square(errors)) / 2))
    return losses


def sweep(
    weight_bits: Iterable[int] = range(4, 17),
    *,
    rule: str = "ottt",
    seed: int = 0,
    own: Own | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Point]:
    """Return a point for every width and rounding (floor, nearest, stochastic).

    Parameters
    ----------
    weight_bits, rule, seed : widths, the rule, and the seed of the random task.
    own : a network and a sequence in the place of the random task.
    progress : is told how many of how many points are measured, and which comes next.

    Examples
    --------
    >>> points = sweep([4, 12])
    >>> fine = {p.rounding: p.error for p in points if p.weight_bits == 12}
    >>> coarse = {p.rounding: p.error for p in points if p.weight_bits == 4}
    >>> all(fine[r] < coarse[r] for r in fine)
    True
    """
    widths = list(weight_bits)
    if rule not in RULES:
        raise GradcertError(f"a sweep of rule {rule!r}", allowed=", ".join(RULES), do="choose one of them")
    if not widths:
        raise GradcertError("a sweep over no width", allowed="one width or more, such as range(4, 9)")
    for bits in widths:
        q_format(weight_bits=bits)  # says which widths there are, before any is measured
    wanted = [(bits, rounding) for bits in widths for rounding in ROUNDINGS]
    points = []
    for done, (bits, rounding) in enumerate(wanted):
        if progress:
            progress(done, len(wanted), f"{rule}, {bits} bits, {rounding.value}")
        points.append(point(rule, bits, rounding, seed=seed, own=own))
    return points


def plot_sweep(points: list[Point], path: Path) -> None:
    """Draw error of the gradient and final loss against weight width, one line per rounding."""
    from gradcert.hardware_models.cost.figures import new_figure

    figure, (left, right) = new_figure(2)
    for rounding in dict.fromkeys(p.rounding for p in points):
        mine = [p for p in points if p.rounding == rounding]
        left.plot([p.weight_bits for p in mine], [p.error for p in mine], marker="o", label=rounding)
        right.plot([p.weight_bits for p in mine], [p.last_loss for p in mine], marker="o", label=rounding)
    widths = sorted({p.weight_bits for p in points})
    left.set(xlabel="weight bits", ylabel="relative error", yscale="log", title="gradient against the real-valued rule")
    right.set(xlabel="weight bits", ylabel="loss", yscale="log", title=f"toy task after {EPOCHS} epochs of training")
    for axes in (left, right):
        axes.set_xticks(widths)
        axes.grid(alpha=0.3)
    left.legend(title="rounding of the update")
    figure.savefig(path)
