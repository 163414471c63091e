"""Smaller problems: fewer steps, one sequence of a batch, fewer units and inputs, simpler numbers.

Every function yields variants of a problem, the boldest first; which of them still shows a mistake is for `search`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import PREFIX, Layer, Network, Problem, with_cells
from gradcert.reference.numbers import Array
from gradcert.reference.published import Claimed
from gradcert.reference.rules import feedback_shapes

PROBES = (101, 103, 107, 109, 113, 127, 131, 137, 139)  # sizes that tell the axes of an array apart
EACH = 3  # lengths just below the one there is, each of which is tried


def steps(problem: Problem) -> Iterator[Problem]:
    """Yield shorter stretches of the sequence, the shortest first; early ones before late ones.

    Of long ones each is an eighth longer than the one before, so that a sequence of hundreds is not asked for at each.
    """
    length = len(problem.inputs)
    sizes_, size = [], 1
    while size < length:
        sizes_.append(size)
        size += max(1, size // 8)
    for size in dict.fromkeys((*sizes_, *range(max(1, length - EACH), length))):
        for start in dict.fromkeys((0, length - size)):
            try:
                yield problem.part(steps=slice(start, start + size))
            except GradcertError:  # of steps none of which counts
                continue


def batch(problem: Problem) -> Iterator[Problem]:
    """Yield the sequences of the batch, one at a time."""
    if problem.inputs.shape[1] > 1:
        for b in range(problem.inputs.shape[1]):
            yield problem.part(samples=[b])


def sizes(problem: Problem, rule: Claimed) -> Iterator[Problem]:
    """Yield problems with fewer units or inputs: one of a layer alone, then all but one."""
    widths = (problem.network.layers[0].inputs, *(layer.units for layer in problem.network.layers))
    if problem.network.graph is not None or any(layer.synapses for layer in problem.network.layers):
        return  # sizes of a convolution hang together, and those of a graph may
    for keep in ("one", "all but one"):
        for boundary, width in enumerate(widths):
            if width == 1 or (boundary and not _uniform(problem.network.layers[boundary - 1])):
                continue
            for unit in range(width):
                chosen = [unit] if keep == "one" else [k for k in range(width) if k != unit]
                if (found := kept(problem, rule, boundary, chosen)) is not None:
                    yield found


def kept(problem: Problem, rule: Claimed, boundary: int, chosen: list[int]) -> Problem | None:
    """Return a problem with some of the inputs (boundary 0) or of the units of layer ``boundary - 1`` alone.

    None where the targets of a cross-entropy would name a class that is gone.
    """
    layers = list(problem.network.layers)
    if boundary > 0:
        layers[boundary - 1] = replace(layers[boundary - 1], units=len(chosen))
    if boundary < len(layers):
        layers[boundary] = replace(layers[boundary], inputs=len(chosen))
    network = replace(problem.network, layers=tuple(layers))
    last = boundary == len(layers)
    targets = problem.targets[..., chosen] if last else problem.targets
    if last and network.loss.kind == "cross_entropy" and (targets.sum(axis=-1) != 1).any():
        return None
    axes = _axes(problem.network, rule)

    def cut(name: str, array: Array) -> Array:
        for axis, where in enumerate(axes[name]):
            if where == boundary:
                array = np.take(array, chosen, axis=axis)
        return array

    return replace(
        problem,
        network=network,
        parameters={name: cut(name, value) for name, value in problem.parameters.items()},
        inputs=problem.inputs[..., chosen] if boundary == 0 else problem.inputs,
        targets=targets,
        feedback={name: cut(name, value) for name, value in problem.feedback.items() if name in axes},
        **_kept_data(problem, boundary, chosen),
    )


def _kept_data(problem: Problem, boundary: int, chosen: list[int]) -> dict[str, Any]:
    """Return the optional arrays of the units of one layer, with some of the units alone."""
    own = f"layers.{boundary - 1}"

    def cut(name: str, array: Array) -> Array:
        return array[..., chosen] if name == own or name.startswith(f"{own}.") else array

    parts = {"initial": problem.initial, "masks": problem.masks, "readouts": problem.readouts}
    out = {part: {name: cut(name, array) for name, array in given.items()} for part, given in parts.items()}
    if boundary == problem.network.depth:
        out["readouts"] = {name: array[chosen] for name, array in out["readouts"].items()}
    return out


def _uniform(layer: Layer) -> bool:
    """Return whether no constant of a layer's cell is given unit by unit."""
    return all(np.ndim(value) == 0 for value in layer.cell.constants().values())


def _axes(network: Network, rule: Claimed) -> dict[str, tuple[int, ...]]:
    """Return, for every axis of every array, the boundary between layers that it counts: 0 for the inputs."""
    layers = tuple(replace(k, inputs=PROBES[i], units=PROBES[i + 1]) for i, k in enumerate(network.layers))
    probe = replace(network, layers=layers)
    shapes: Mapping[str, tuple[int, ...]] = {**probe.shapes(), **feedback_shapes(probe, rule)}
    return {name: tuple(PROBES.index(size) for size in shape) for name, shape in shapes.items()}


def constants(problem: Problem, *, fixed: frozenset[str]) -> Iterator[Problem]:
    """Yield problems in which a constant of a cell, one that the claim leaves open, is 1/2 or 1."""
    for number, cell in enumerate(problem.network.cells):
        for name, value in cell.constants().items():
            if name in fixed or not hasattr(cell, name) or name in getattr(cell, "train", ()) or np.ndim(value):
                continue
            for other in (0.5, 1.0):
                if complexity(other) < complexity(float(value)):
                    changed: Any = replace(cell, **{name: other})  # type: ignore[type-var]
                    yield replace(problem, network=_with_cell(problem.network, number, changed))


def _with_cell(network: Network, number: int, cell: Any) -> Network:
    """Return the network with another cell in one of its layers, or populations."""
    numbers = count()
    return with_cells(network, lambda old: cell if next(numbers) == number else old)


def rounded(problem: Problem, *, targets: bool) -> Iterator[Problem]:
    """Yield problems in which one array is replaced as a whole: zeros, ones, then rounded to 1, 1/2, 1/4, 1/10."""
    for name, array in _arrays(problem, targets=targets):
        if (usual := _usual(name)) is not None:
            if (array != usual).any():
                yield _with(problem, name, np.full_like(array, usual))
            continue
        whole = [np.zeros_like(array), np.ones_like(array), *(_round(array, grain) for grain in (1, 2, 4, 10))]
        for value in whole:
            if (value != array).any() and simplicity(value) < simplicity(array):
                yield _with(problem, name, value)


def _usual(name: str) -> float | None:
    """Return the number of an optional array that is as if it were not there, where there is one."""
    return 1.0 if name == "weights" or name.startswith("masks.") else 0.0 if name == "begins" else None


def entries(problem: Problem, position: int, *, targets: bool) -> Iterator[Problem] | None:
    """Yield problems with a simpler number at one position of all numbers in a row; None beyond the last."""
    for name, array in _arrays(problem, targets=targets):
        if position < array.size:
            return _entry(problem, name, array, position)
        position -= array.size
    return None


def _entry(problem: Problem, name: str, array: Array, position: int) -> Iterator[Problem]:
    value = array.flat[position]
    simple = (0.0, 1.0, -1.0, *(float(_round(np.asarray(value, dtype=float), grain)) for grain in (1, 2, 4, 10)))
    usual = _usual(name)
    for other in dict.fromkeys(simple) if usual is None else (usual,):
        if (complexity(other) < complexity(float(value))) if usual is None else value != usual:
            changed = array.copy()
            changed.flat[position] = other
            yield _with(problem, name, changed)


def _arrays(problem: Problem, *, targets: bool) -> list[tuple[str, Array]]:
    out = [*problem.parameters.items(), *problem.feedback.items(), ("inputs", problem.inputs)]
    out += [("targets", problem.targets)] if targets else []
    out += [(f"{PREFIX}{name}", array) for name, array in problem.initial.items()]
    out += [(f"{part}.{k}", array) for part in ("masks", "readouts") for k, array in getattr(problem, part).items()]
    return [*out, *((k, v) for k, v in (("weights", problem.weights), ("begins", problem.begins)) if v is not None)]


def _with(problem: Problem, name: str, value: Array) -> Problem:
    if name in ("inputs", "targets", "weights", "begins"):
        changed: dict[str, Any] = {name: value}
        return replace(problem, **changed)
    for part in ("initial", "masks", "readouts"):
        if name.startswith(f"{part}."):
            changed = {part: {**getattr(problem, part), name.removeprefix(f"{part}."): value}}
            return replace(problem, **changed)
    if name in problem.feedback:
        return replace(problem, feedback={**problem.feedback, name: value})
    return replace(problem, parameters={**problem.parameters, name: value})


def _round(array: Array, grain: int) -> Array:
    return np.asarray(np.round(array * grain) / grain, dtype=array.dtype) + 0.0  # no -0


def complexity(value: float) -> int:
    """Return how hard a number is to read: 0, 1, -1, then by its digits.

    Examples
    --------
    >>> [complexity(v) for v in (0.0, 1.0, -1.0, 0.5, 0.25, 0.3718)]
    [0, 1, 2, 5, 6, 8]
    """
    plain = {0.0: 0, 1.0: 1, -1.0: 2}
    return plain[value] if value in plain else 2 + len(repr(abs(value)).removesuffix(".0"))


def simplicity(array: Array) -> int:
    """Return the sum of `complexity` over an array."""
    return sum(complexity(float(v)) for v in array.flat)
