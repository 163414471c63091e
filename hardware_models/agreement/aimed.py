"""Steps on which the two sides of a comparison are equal, or apart by one: `>` for `>=` shows there and nowhere else.

Random steps meet an equality of 16-bit registers once in thousands. But a step is judged from given inputs and states,
so one of them can be moved until the sides meet: bisection, on many random steps at once, each with its own element.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.hardware_models.description.program import Program, with_lanes
from gradcert.hardware_models.description.random import random_inputs, random_states
from gradcert.hardware_models.description.simulate import Simulator

Array = np.ndarray[Any, Any]
TRIED = 384  # random steps that are moved, per comparison


def comparisons(described: Program) -> list[str]:
    """Return the names of the nodes that compare two fixed-point values."""
    return [n.name for n in described.operations if n.kind in ("ge", "gt")]


def aimed_steps(described: Program, name: str, seed: int, *, tried: int = TRIED) -> dict[str, Array]:
    """Return steps, (steps, *shape) by leaf, on which an element of a comparison has sides at most one apart.

    Parameters
    ----------
    described : a fixed-point description.
    name : of a comparison (`ge`, `gt`); the distance is counted in the finer of its sides' last places.
    seed : of the steps that are moved.
    tried : how many; those whose sides cannot be made to meet by one element are left out.

    Examples
    --------
    >>> from gradcert.hardware_models.catalogue import program
    >>> found = aimed_steps(program("q-format", "ottt"), "z.next", seed=0)
    >>> len(found["v"]) > 10
    True
    """
    wide = with_lanes(described, tried)
    leaves: dict[str, Array] = {**random_inputs(wide, 1, seed)[0], **random_states(wide, seed)}
    part = _part(wide, name)
    movable = [n for n in part.of_kind("input", "random", "state")]
    rng = np.random.default_rng([seed, 2])
    lanes = np.arange(tried)
    which = rng.integers(0, len(movable), tried)
    element = np.zeros(tried, dtype=np.int64)
    low, high = np.zeros((2, tried), dtype=np.int64)
    for index, node in enumerate(movable):
        mine = which == index
        element[mine] = rng.integers(0, leaves[node.name][0].size, mine.sum())
        low[mine], high[mine] = node.bounds
    seat = rng.integers(0, _gap(part, name, leaves)[0].size, tried)
    goal = rng.integers(-1, 2, tried)

    def moved(values: Array) -> dict[str, Array]:
        out = dict(leaves)
        for index, node in enumerate(movable):
            mine = lanes[which == index]
            flat = np.array(leaves[node.name]).reshape(tried, -1)
            flat[mine, element[mine]] = values[mine]
            out[node.name] = flat.reshape(leaves[node.name].shape)
        return out

    def short(values: Array) -> Array:
        return _gap(part, name, moved(values))[lanes, seat] - goal

    rising = np.where(short(high) >= short(low), 1, -1)
    while (low < high).any():
        middle = (low + high) >> 1
        far = rising * short(middle) >= 0
        low, high = np.where(far, low, np.minimum(middle + 1, high)), np.where(far, middle, high)
    met = short(high) == 0
    final = moved(high)
    return {leaf: np.asarray(column)[met] for leaf, column in final.items()}


def _part(program: Program, name: str) -> Program:
    """Return the nodes that a comparison depends on, without next states."""
    needed, order = {name}, []
    for node in reversed(program.nodes):
        if node.name in needed:
            needed |= {*node.args, *(n for n in (node.word, node.held) if n is not None)}
            order.append(node)
    return replace(program, nodes=tuple(reversed(order)), next={})


def _gap(part: Program, name: str, leaves: Mapping[str, Array]) -> Array:
    """Return the left side minus the right one, (steps, elements), in the finer of their last places."""
    simulator = Simulator(part)
    simulator.state = {n.name: leaves[n.name] for n in part.of_kind("state")}
    values = simulator.step({n.name: leaves[n.name] for n in part.of_kind("input", "random")})
    node = part.node(name)
    radixes = [part.node(a).format.radix for a in node.args]
    sides = simulator.aligned(node, values)
    left, right = (sides[a] << (max(radixes) - q) for a, q in zip(node.args, radixes, strict=True))
    return np.broadcast_to(left - right, part.shape(node)).reshape(part.shape(node)[0], -1)


__all__ = ["aimed_steps", "comparisons"]
