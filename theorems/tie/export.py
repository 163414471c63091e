"""The engine's recorded forward pass as a graph of numbers.

What is taken from the engine, and so is not checked by the tie: the values of the nodes, the cells' own local
derivatives (`Cell.factors`), the linear map of a synapse (`apply`), the gradient of the loss at the outputs, and for
SnAp which units a parameter reaches (`structure.reachable`). What is not used: any sweep, any trace, any pull-back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from gradcert.reference import FLOAT64, Link, Numbers, Rule, Tape
from gradcert.reference.engines import LayerTape, basis, weight_of
from gradcert.reference.networks import Synapse, check_no_graph
from gradcert.reference.rules import feedback_name
from gradcert.theorems.tie.graph import OPEN, Graph, Label

Array = np.ndarray[Any, Any]
Feedback = Mapping[str, Array]


def export(tape: Tape, targets: Array, rule: Rule, feedback: Feedback) -> Graph:
    """Return the graph of a recorded pass, with the edges that the rule's feedback needs.

    Parameters
    ----------
    tape : the recorded pass, in exact numbers.
    targets : (time, batch, n_out).
    rule, feedback : a row of the table and its fixed matrices.

    Labels
    ------
    ``("within", m)``        lag 0, inside layer m
    ``(edge, m, border)``    lag 1, inside layer m; border: whether it enters the first step of a chunk
    ``("input", m)``         from the layer below into layer m
    ``("feedback", m)``      the matrix that random feedback has in its place; ``("missing", m)``: W - B
    ``("projection", m)``    from layer m to what direct, target or local feedback projects
    ``("unit", m, node, i)`` site of a node that SnAp may close; ``("signal", m)``: of a node that only a rule has
    """
    check_no_graph(tape.network, "an export to the theorems")
    delta = tape.network.loss.gradient(tape.outputs, targets, tape.numbers)
    graph = Graph()
    steps, batch = targets.shape[:2]
    places = [(b, t, m) for b in range(batch) for t in range(steps) for m in range(len(tape.layers))]
    for b, t, m in places:
        _nodes(graph, tape.layers[m], rule, (b, t, m), delta[t, b] if m + 1 == len(tape.layers) else None)
    for m, layer in enumerate(tape.layers):
        for link in layer.layer.cell.links:
            _link(graph, layer, link, m, rule, feedback, (steps, batch), tape.numbers)
        for use in layer.layer.cell.uses:
            if use.parameter in layer.layer.cell.trained:
                for b, t, i in np.ndindex(batch, steps, layer.layer.units):
                    node = graph.number[b, t, m, use.target, i]
                    graph.use((m, use.parameter, (i,), i), node, _factor(layer.factors[use], t, b, i))
    return graph


def _nodes(graph: Graph, tape: LayerTape, rule: Rule, at: tuple[int, int, int], delta: Array | None) -> None:
    cell, m = tape.layer.cell, at[2]
    closable = basis(cell, rule.own)[0] if rule.reach is not None else ()
    for node in cell.nodes:
        for i in range(tape.layer.units):
            site: Label = ("unit", m, node, i) if node in closable else OPEN
            graph.add((*at, node, i), site=site, credit=delta[i] if delta is not None and node == "z" else 0)


def _link(
    graph: Graph,
    tape: LayerTape,
    link: Link,
    m: int,
    rule: Rule,
    feedback: Feedback,
    sizes: tuple[int, int],
    numbers: Numbers,
) -> None:
    """Add the edges of one link at every step, and the uses of its weight."""
    steps, batch = sizes
    if link.weight is None:
        for b, t, i in np.ndindex(batch, steps, tape.layer.units):
            source = graph.number.get((b, t - link.lag, m, link.source, i))
            if source is not None:
                target = graph.number[b, t, m, link.target, i]
                graph.join(source, target, _factor(tape.factors[link], t, b, i), _label(link, m, t, rule))
        return
    synapse: Any = tape.layer.synapse(link.weight)
    below = link.source == "x"
    matrix = _matrix(synapse, weight_of(tape.p, link.weight), numbers)
    name = feedback_name(tape.layer, m, link.weight)
    replaced = rule.feedback == "random" and below and name in feedback
    used = _matrix(synapse, feedback[name], numbers) if replaced else None
    values, uses = tape.source(link), _uses(synapse)
    for b, t, i in np.ndindex(batch, steps, tape.layer.units):
        target = graph.number[b, t, m, link.target, i]
        for j in range(synapse.inputs):
            source = graph.number.get((b, t - link.lag, m - below, "z" if below else link.source, j))
            if source is None or not _connected(synapse)[j, i]:
                continue
            if used is None:
                graph.join(source, target, matrix[j, i], _label(link, m, t, rule))
            else:
                graph.join(source, target, used[j, i], ("feedback", m))
                graph.join(source, target, matrix[j, i] - used[j, i], ("missing", m))
        for index, j in uses[i]:
            graph.use((m, link.weight, index, i), target, values[t, b, j])


def _label(link: Link, m: int, t: int, rule: Rule) -> Label:
    if link.source == "x":
        return ("input", m)
    return (link.edge, m, bool(rule.chunk and t % rule.chunk == 0)) if link.lag else ("within", m)


def _factor(factor: Any, t: int, b: int, i: int) -> Any:
    """Return one entry of a local derivative: a number, one per unit, or (time, batch, units)."""
    if np.ndim(factor) == 0:
        return factor.item() if isinstance(factor, np.ndarray) else factor
    return factor[i] if np.ndim(factor) == 1 else factor[t, b, i]


def _matrix(synapse: Synapse, weight: Any, numbers: Numbers) -> Array:
    """Return a synapse as a matrix (inputs, units), by what it does to unit vectors."""
    return synapse.apply(weight, numbers.array(np.eye(synapse.inputs)))


def _unit_weights(synapse: Synapse) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Yield every index of a weight, and the matrix of the synapse whose only weight is 1 there."""
    for index in np.ndindex(synapse.shape) if synapse.shape else ():
        one = np.zeros(synapse.shape, dtype=int)
        one[index] = 1
        yield index, synapse.apply(one, np.eye(synapse.inputs, dtype=int))


@cache
def _connected(synapse: Any) -> Array:
    """Return which inputs reach which units, boolean (inputs, units)."""
    if not synapse.shape:
        return _matrix(synapse, None, FLOAT64) != 0
    return np.logical_or.reduce([matrix != 0 for _, matrix in _unit_weights(synapse)])


@cache
def _uses(synapse: Any) -> list[list[tuple[tuple[int, ...], int]]]:
    """Return, for every unit, the (index, input) pairs of weights that multiply an input on its way to the unit."""
    found: list[list[tuple[tuple[int, ...], int]]] = [[] for _ in range(synapse.units)]
    for index, matrix in _unit_weights(synapse):
        for j, i in zip(*np.nonzero(matrix), strict=True):
            found[i].append((index, int(j)))
    return found
