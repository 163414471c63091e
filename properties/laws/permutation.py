"""Structure: units have no order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure
from gradcert.properties.subject import Subject
from gradcert.reference import Layer
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array

Order = list[int]


def _cell(layer: Layer, order: Order) -> Layer:
    """Return the layer with the constants of its units in another order."""
    cell: Any = layer.cell
    moved = {}
    for f in fields(cell):
        value = getattr(cell, f.name)
        if isinstance(value, tuple) and len(value) == layer.units and f.name != "train":
            moved[f.name] = tuple(value[i] for i in order)
    return replace(layer, cell=replace(cell, **moved))


def mover(problem: Problem, orders: list[Order]) -> Callable[[str, Array], Array]:
    """Return what rearranges an array named like a parameter or a feedback matrix."""
    network = problem.network

    def move(key: str, value: Array) -> Array:
        _, index, name = key.split(".")
        i = int(index)
        layer, order = network.layers[i], orders[i]
        below = orders[i - 1] if i else list(range(layer.inputs))
        if (
            name == "B"
            and key in problem.feedback
            and value.shape == (network.layers[-1].units, layer.units)
            and (i < network.depth - 1)
        ):
            return value[orders[-1]][:, order]
        if name.startswith("B"):
            return value[order][:, below]
        if value.ndim == 1:
            return value[order]
        link = next(k for k in layer.cell.links if k.weight == name)
        return value[order][:, below if link.source == "x" else order]

    return move


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Rearrange the units of every layer, and the targets with those of the last."""
    problem = draw(subject.problems(units=(2, 3), convolution=False))
    orders = [draw(st.permutations(range(layer.units))) for layer in problem.network.layers]
    assume(any(order != sorted(order) for order in orders))
    # random feedback matrices have the weights' shapes, direct ones (n_out, units): in a middle layer both may fit
    if subject.rule.feedback == "random":
        assume(all(k.split(".")[1] != "0" for k in problem.feedback))
        shapes = {(problem.network.layers[-1].units, layer.units) for layer in problem.network.layers[1:-1]}
        assume(not any(np.shape(v) in shapes for v in problem.feedback.values()))
    move = mover(problem, orders)
    layers = tuple(_cell(layer, order) for layer, order in zip(problem.network.layers, orders, strict=True))
    moved = replace(
        problem,
        network=replace(problem.network, layers=layers),
        parameters={k: move(k, v) for k, v in problem.parameters.items()},
        targets=problem.targets[:, :, orders[-1]],
        feedback={k: move(k, v) for k, v in problem.feedback.items()},
    )
    return differ(LAW.name, moved, measure(subject, moved), measure(subject, problem).moved(move))


LAW = Law(
    name="permutation",
    group="structure",
    statement="Rearranging the units of a layer, with everything that refers to them, rearranges the gradient.",
    source="trap T92; symmetry of the network",
    applies=has_gradients,
    check=check,
)
