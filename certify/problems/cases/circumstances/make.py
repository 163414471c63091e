"""A problem in given circumstances: what a family draws, then moved to the levels of a row.

Numbers keep to their grain: a column of inputs is scaled by a power of two, and the weights that read it by its
inverse, so that drives stay what they were and dyadic cases dyadic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.certify.claims import Claim
from gradcert.certify.problems.cases.circumstances.ruled import LEAKS
from gradcert.certify.problems.cases.draw import Family
from gradcert.certify.problems.cases.graphs import readers
from gradcert.certify.problems.cases.owners import owners
from gradcert.reference.networks import Layer, Problem
from gradcert.reference.numbers import Array

STEPS = {"1": 1, "2": 2, "odd": 5, "even": 4}
BATCH = {"1": 1, "2": 2, "more": 3}
SIZES = {
    "more inputs": (4, 3, 2, 3, 2),
    "fewer inputs": (2, 3, 4, 2, 3),
    "square": (3, 3, 2, 3, 2),
    "one unit": (3, 1, 2, 3, 2),
    "one input": (1, 3, 2, 3, 2),
    "layers alike": (3, 3, 3, 3, 3),
    "tens": (2, 10, 3, 2, 3),
}
POWERS = {"above 5": 5, "above 1e6": 22, "tiny": -24}  # of two, by which a column of inputs is scaled
LOUD, LATER = 2.0**6, 24  # of the first step's inputs; steps after which a state is back, leaks being below 0.9
FAR = 2.0**17  # of targets
LOGIT = {"float64": 1024.0, "float32": 1024.0, "float16": 16.0}  # exp of it overflows; bfloat16 has too few digits


class Placed:
    """A family whose sizes, constants and lengths are those of a row; T, B and units may be numbers too."""

    def __init__(self, base: Family, row: Mapping[str, str], claim: Claim) -> None:
        self.base, self.row = base, row
        steps, batch, sizes = row.get("T", "even"), row.get("B", "2"), row.get("sizes", "more inputs")
        self.steps = STEPS[steps] if steps in STEPS else int(steps)
        if row.get("inputs") == "a loud first step":
            self.steps = LATER
        if claim.time == "mean" and self.steps == 5 and type(base).__name__ == "Dyadic":
            self.steps = 3
        self.batch = BATCH[batch] if batch in BATCH else int(batch)
        widths: tuple[int, ...] = SIZES[sizes] if sizes in SIZES else (2, int(sizes.partition(" ")[0]), 2, 3, 2)
        widths += widths[1:] * 2
        self.sizes = {depth: widths[: depth + 1] for depth in range(1, 9)}

    def constant(self, name: str, rng: np.random.Generator, *, spiking: bool) -> float:
        """Return a leak of 0 or 1, a threshold of 1 or below 0, or what the family draws."""
        leak, threshold = self.row.get("leak", "between"), self.row.get("threshold", "other")
        if name in LEAKS and leak in ("0", "1"):
            return float(leak)
        if name == "threshold" and spiking and threshold in ("1", "below 0"):
            return 1.0 if threshold == "1" else float(rng.choice([-0.25, -0.5]))
        return self.base.constant(name, rng, spiking=spiking)

    def weight(self, shape: tuple[int, ...], columns: int, scale: float, rng: np.random.Generator) -> Array:
        """Return what the family draws."""
        return self.base.weight(shape, columns, scale, rng)

    def vector(self, shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> Array:
        """Return what the family draws."""
        return self.base.vector(shape, scale, rng)

    def signal(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Return what the family draws."""
        return self.base.signal(shape, rng)


def moved(problem: Problem, row: Mapping[str, str], rng: np.random.Generator) -> Problem:
    """Return the problem at the levels of a row, as far as they are a matter of its numbers."""
    parameters = {name: np.array(value) for name, value in problem.parameters.items()}
    inputs, targets = np.array(problem.inputs), np.array(problem.targets)
    _weights(problem, parameters, row, rng)
    if row.get("biases") == "0":
        for name in vectors(problem):
            parameters[name][:] = 0
    inputs = _inputs(problem, parameters, inputs, row, rng)
    if row.get("samples") == "equal" and inputs.shape[1] > 1:
        inputs[:, 1:], targets[:, 1:] = inputs[:, :1], targets[:, :1]
    elif row.get("samples") == "one silent" and inputs.shape[1] > 1:
        inputs[:, -1] = 0
    targets = _targets(problem, targets, row, rng)
    if row.get("samples") == "equal" and inputs.shape[1] > 1:
        targets[:, 1:] = targets[:, :1]
    if row.get("numbers") == "logits beyond exp":
        graph = problem.network.graph
        name = f"layers.{problem.network.depth - 1}.b" if graph is None else f"{graph.output}.b"
        if name in parameters:
            parameters[name] += LOGIT[problem.dtype]
    return replace(problem, parameters=parameters, inputs=inputs, targets=targets)


def vectors(problem: Problem) -> list[str]:
    """Return the names of the biases: vectors that are no constants of a cell."""
    out = []
    for owner in owners(problem.network):
        layer = problem.network.layers[owner.layer]
        constants = {*owner.cell.constants(), *getattr(owner.cell, "train", ())}
        weights = {link.weight for link in layer.cell.links}
        for n, shape in owner.shapes(layer).items():
            if len(shape) == 1 and n not in constants and owner.prefix + n not in weights:
                out.append(f"{owner.name}.{n}")
    return out


def lateral(layer: Layer) -> set[str]:
    """Return the names of a layer's lateral weights."""
    return {link.weight for link in layer.cell.links if link.weight is not None and link.lag}


def reading(layer: Layer) -> set[str]:
    """Return the names of the weights that read a layer's inputs."""
    return {link.weight for link in layer.cell.links if link.weight is not None and link.source == "x"}


def _weights(problem: Problem, parameters: dict[str, Array], row: Mapping[str, str], rng: np.random.Generator) -> None:
    level = row.get("weights", "of both signs")
    for i, layer in enumerate(problem.network.layers):
        for local in layer.shapes():
            w = parameters[layer.full_name(i, local)]
            if w.ndim != 2:
                continue
            if level == "one exactly 0":
                w[tuple(rng.integers(0, n) for n in w.shape)] = 0
            elif level == "a zero row":
                w[rng.integers(0, w.shape[0])] = 0
            elif level in ("all positive", "all negative"):
                w[...] = np.abs(w) if level == "all positive" else -np.abs(w)
            elif level == "lateral 0" and local in lateral(layer):
                w[...] = 0
            elif level == "large" and i == 0 and local in reading(layer):
                w[rng.integers(0, w.shape[0]), rng.integers(0, w.shape[1])] *= 256.0
            if row.get("numbers") == "saturated" and i == 0 and local in reading(layer):
                w[0] *= 128.0


def _inputs(
    problem: Problem, parameters: dict[str, Array], inputs: Array, row: Mapping[str, str], rng: np.random.Generator
) -> Array:
    level = row.get("inputs", "real")
    steps = len(inputs)
    if level == "0 and 1":
        return (inputs > 0.4).astype(inputs.dtype)
    if level == "all 0":
        return 0 * inputs
    if level == "a silent step" and steps > 1:
        inputs[(steps - 1) // 2 if steps > 2 else 1] = 0
    elif level == "a loud first step":
        inputs[0] *= LOUD
    elif level == "subnormal":
        inputs[..., int(rng.integers(0, inputs.shape[2]))] = np.finfo(inputs.dtype).tiny / 8
    elif level in POWERS:
        column, factor = int(rng.integers(0, inputs.shape[2])), 2.0 ** POWERS[level]
        if level != "tiny":
            inputs[..., column] = np.where(np.abs(inputs[..., column]) < 0.5, 0.5, inputs[..., column])
        inputs[..., column] *= factor
        for name, own in (readers(problem.network, column) or {}).items():
            parameters[name][:, own] /= factor
    return inputs


def _targets(problem: Problem, targets: Array, row: Mapping[str, str], rng: np.random.Generator) -> Array:
    level = row.get("targets", "ordinary")
    steps, batch, units = targets.shape
    if level == "all 0":
        return 0 * targets
    if level == "a step without" and steps > 1:
        targets[(steps - 1) // 2] = 0
    elif level == "one class":
        targets[...] = np.eye(units)[0]
    elif level == "soft" and units > 1:
        parts = np.zeros(units)
        parts[:2] = 0.75, 0.25
        for t in range(steps):
            for b in range(batch):
                targets[t, b] = rng.permutation(parts)
    elif level == "above 1e5":
        targets *= FAR
    elif level == "any sum":
        targets[...] = rng.integers(0, 7, targets.shape) / 4.0
        targets[..., 0] += 0.25 * (targets.sum(axis=-1) == 1)
    return targets


def laid_out(level: str) -> Any:
    """Return the word under which a worker lays arrays out (`gradcert.certify.subjects.serving`), or None."""
    return None if level == "C order" else level
