"""Strategies for what a problem can have beside inputs and targets: initial values, weights, beginnings, masks.

All numbers are small whole numbers, so that a problem in the exact family stays one; weights of a sample sum to a power
of two, by which a mean divides exactly.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from gradcert.reference.networks import Activity, Problem
from gradcert.reference.numbers import Array

KINDS = ("initial", "weights", "begins", "masks", "holds", "activity")


@st.composite
def optional(draw: st.DrawFn, problem: Problem, kinds: Collection[str]) -> Problem:
    """Draw optional arrays for a problem, of the kinds that a subject reads.

    A rate needs the sequence as one: where one is drawn, no sequence begins inside a row.

    Examples
    --------
    >>> from gradcert.reference import Layer, Network, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> problem = Problem(network, network.parameters(), np.ones((4, 1, 2)), np.zeros((4, 1, 3)))
    >>> from hypothesis import Phase, find, settings
    >>> once = settings(phases=[Phase.generate], database=None, derandomize=True)
    >>> sorted(find(optional(problem, ("weights", "begins")), lambda p: True, settings=once).data)
    ['begins', 'weights']
    """
    array, layers = problem.numbers.array, problem.network.layers
    steps, batch = problem.inputs.shape[:2]
    given: dict[str, Any] = {}
    rate = "activity" in kinds and draw(st.booleans())
    if rate:
        term = Activity(kind="rate", target=0.5, layers=(draw(st.integers(0, len(layers) - 1)),))
        problem = problem.with_loss(activity=(term,))
    if "initial" in kinds:
        nodes = [f"layers.{i}.{n}" for i, layer in enumerate(layers) for n in ("v", "z") if n in layer.cell.nodes]
        sizes = {name: layers[int(name.split(".")[1])].units for name in nodes}
        given["initial"] = {name: array(draw(_whole((size,), 0, 1))) for name, size in sizes.items()}
    if "weights" in kinds:
        given["weights"] = array(draw(weights(steps, batch)))
    if "begins" in kinds and problem.network.loss.when == "every" and not rate:
        given["begins"] = draw(_whole((steps, batch), 0, 1)) == 1
    masks: dict[str, Array] = {}
    for i, layer in enumerate(layers):
        shape = (steps, batch, layer.units)
        if "masks" in kinds:
            masks[f"layers.{i}"] = array(draw(_whole(shape, 0, 2)))
        if "holds" in kinds and "v" in layer.cell.nodes:
            masks[f"layers.{i}.v"] = array(draw(_whole(shape, 0, 1)))
    return replace(problem, **given, masks=masks)


@st.composite
def weights(draw: st.DrawFn, steps: int, batch: int) -> Array:
    """Draw weights (steps, batch) with padding: 0, 1 or 2, but for the last step, which fills up a power of two."""
    out = draw(_whole((steps, batch), 0, 2))
    for b in range(batch):
        so_far = int(out[:-1, b].sum())
        out[-1, b] = (1 << so_far.bit_length()) - so_far
    return out


@st.composite
def _whole(draw: st.DrawFn, shape: tuple[int, ...], least: int, most: int) -> Array:
    size = int(np.prod(shape))
    flat = draw(st.lists(st.integers(least, most), min_size=size, max_size=size))
    return np.array(flat, dtype=float).reshape(shape)
