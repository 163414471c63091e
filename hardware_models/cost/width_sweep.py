"""Accuracy of the gradient, and of a trained toy task, against weight width and rounding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import Rounding
from gradcert.hardware_models.chips import Profile, q_format
from gradcert.hardware_models.cost.gradient_ledger import fixed_gradients, reference_gradients
from gradcert.hardware_models.cost.random_task import Task, started, task, units_of
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


def point(rule: str, weight_bits: int, rounding: Rounding, *, steps: int = 40, seed: int = 0) -> Point:
    """Measure one width and rounding on the random task of the ledger."""
    p = q_format(weight_bits=weight_bits, rounding=rounding, state_rounding=Rounding.NEAREST_EVEN)
    step = RULES[rule](p, inputs=8, neurons=8, outputs=2)
    chosen = task(p, step, steps=steps, seed=seed)
    real, _ = reference_gradients(p, rule, step, chosen)
    fixed, _ = fixed_gradients(p, step, chosen)
    one, two = (np.concatenate([g[n].ravel() for n in chosen.weights]) for g in (real, fixed))
    size = float(np.linalg.norm(one) * np.linalg.norm(two))
    losses = train(p, rule, chosen)
    cosine = float(one @ two) / size if size else 0.0
    error = float(np.linalg.norm(one - two) / np.linalg.norm(one))
    return Point(weight_bits, rounding.value, cosine, error, losses[0], losses[-1])


def train(p: Profile, rule: str, chosen: Task, *, epochs: int = EPOCHS) -> list[float]:
    """Learn one pattern (the task's spikes onto a constant target of one half) on the chip; returns the loss per epoch.

    Every epoch starts from rest and keeps the weights; the loss is half the mean squared error over steps.
    """
    step = RULES[rule](p, inputs=8, neurons=8, outputs=2)
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
            values = simulator.step({**one, "target": np.full_like(one["target"], half)})
            errors.append(values["error"] * unit)
        weights = {k: simulator.state[k] for k in weights}
        losses.append(float(np.mean(np.square(errors)) / 2))
    return losses


def sweep(weight_bits: Iterable[int] = range(4, 17), *, rule: str = "ottt", seed: int = 0) -> list[Point]:
    """Return a point for every width and rounding (floor, nearest, stochastic).

    Examples
    --------
    >>> points = sweep([4, 12])
    >>> fine = {p.rounding: p.error for p in points if p.weight_bits == 12}
    >>> coarse = {p.rounding: p.error for p in points if p.weight_bits == 4}
    >>> all(fine[r] < coarse[r] for r in fine)
    True
    """
    widths = list(weight_bits)
    if rule not in RULES or not widths:
        raise GradcertError(
            f"a sweep of rule {rule!r} over {widths}", allowed=", ".join(RULES), do="name a rule and widths"
        )
    return [point(rule, bits, rounding, seed=seed) for bits in widths for rounding in ROUNDINGS]


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
