"""A third way to a rule's gradient: forward-mode differentiation of the cells' own steps, with stopped gradients.

The engines multiply the local derivatives that a cell states. This oracle uses none of them: it runs ``cell.step`` on
dual numbers and cuts an edge by taking the derivative off the value that flows along it. What is tested is a
directional derivative <gradient, direction>; in a prime field a random direction sees any difference with certainty
but for 1 / p.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcert.properties.numbers import Duals
from gradcert.properties.numbers.dual import make, primal, tangent
from gradcert.reference import Edge, Layer, Numbers, Rule
from gradcert.reference.engines import local_parameters, record
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array


def can_cut(layer: Layer, kept: frozenset[Edge]) -> bool:
    """Return whether the cut can be made from outside a cell: all unweighted links from one node share one fate.

    An ALIF spike feeds the reset and the adaptation by the same value; e-prop cuts the one and keeps the other.
    """
    fates: dict[str, set[bool]] = {}
    for link in layer.cell.links:
        if link.lag and link.source != "x" and link.weight is None:
            fates.setdefault(link.source, set()).add(link.edge in kept)
    return all(len(fate) == 1 for fate in fates.values())


def supports(problem: Problem, rule: Rule) -> bool:
    """Return whether the oracle can compute this row for this network."""
    if rule.feedback != "symmetric" or rule.reach is not None or problem.data or not problem.network.loss.plain:
        return False
    # dual numbers take psi where the step is taken; a cell may scale psi's argument, which no step shows
    if any(getattr(layer.cell, "scaling", "none") != "none" for layer in problem.network.layers):
        return False
    first = all(can_cut(layer, rule.own) for layer in problem.network.layers)
    above = problem.network.layers[1:]
    return first and all(can_cut(layer, rule.kept_above(layer.cell.name)) for layer in above)


def directional(problem: Problem, rule: Rule, index: int, direction: Mapping[str, Array]) -> Any:
    """Return the derivative of the loss along a direction of one layer's parameters (local name -> array).

    With a window, the perturbation lives for one step and is followed for `window` steps; the results are summed.
    """
    steps, n = problem.inputs.shape[0], problem.numbers
    tape = record(problem.network, problem.parameters, problem.inputs, numbers=n)
    delta = problem.network.loss.gradient(tape.outputs, problem.targets, n)
    x = tape.layers[index].x
    total = n.zeros(())
    for start in range(steps) if rule.window is not None else (None,):
        z = _run(problem, rule, index, direction, x, start)
        stop = steps if start is None or rule.window is None else min(steps, start + rule.window)
        for t in range(start or 0, stop):
            total = total + (delta[t] * tangent(z[t], n.zeros(())[()])).sum()
    return total


def _run(
    problem: Problem, rule: Rule, index: int, direction: Mapping[str, Array], x: Array, start: int | None
) -> list[Array]:
    n, network = Duals(problem.numbers), problem.network
    sequence: list[Array] = list(x)
    for m in range(index, network.depth):
        layer = network.layers[m]
        plain = local_parameters(layer, m, problem.parameters, problem.numbers)
        moved = dict(plain)
        if m == index:
            moved.update({k: make(np.asarray(plain[k], dtype=object), d) for k, d in direction.items()})
        kept = rule.own if m == index else rule.kept_above(layer.cell.name)
        sequence = _layer(layer, n, plain, moved, kept, rule.chunk, sequence, start)
    return sequence


def _layer(
    layer: Layer,
    n: Numbers,
    plain: Mapping[str, Array],
    moved: Mapping[str, Array],
    kept: frozenset[Edge],
    chunk: int | None,
    sequence: list[Array],
    start: int | None,
) -> list[Array]:
    cell, batch = layer.cell, sequence[0].shape[0]
    live = {k.source for k in cell.links if k.lag and k.weight is None and k.edge in kept}
    state = {node: n.zeros((batch, layer.units)) for node in cell.nodes}
    biases = [u for u in cell.uses if u.parameter in cell.trained and u.parameter not in cell.constants()]
    outputs = []
    for t, x in enumerate(sequence):
        if chunk and t % chunk == 0:
            state = {node: primal(value) for node, value in state.items()}
        p = moved if start is None or t == start else plain
        late = sequence[t - 1] if t else 0 * x

        def drive(
            node: str,
            p: Mapping[str, Array] = p,
            x: Array = x,
            late: Array = late,
            state: Mapping[str, Array] = state,
            **given: Array,
        ) -> Array:
            total: Any = 0
            for link in cell.links:
                if link.target == node and link.weight is not None:
                    if link.source == "x":
                        source = late if link.lag else x
                    elif link.lag:
                        source = state[link.source] if link.edge in kept else primal(state[link.source])
                    else:
                        source = given[link.source]
                    total = total + layer.synapse(link.weight).apply(p.get(link.weight), source)  # type: ignore[arg-type]
            return total + sum(p[u.parameter] for u in biases if u.target == node)

        seen = {node: value if node in live else primal(value) for node, value in state.items()}
        state = cell.step(n, p, drive, seen)
        outputs.append(state["z"])
    return outputs
