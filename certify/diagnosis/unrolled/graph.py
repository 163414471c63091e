"""A layer's unrolled graph as data that a hypothesis can edit: arcs, feeds of parameters, and a sweep over them.

Most mistakes in a hand-written recursion are one edit of this graph: a factor replaced, an arc dropped or one step off,
a parameter that is fed with the wrong value, the recursion and the output reading different copies of one node. A
hypothesis is such an edit; its gradient is the sweep over the edited graph, in floats to be tried and on balls to be
proven. Without an edit the sweep is that of `gradcert.reference.engines.reverse`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcert.reference.engines import LayerTape, at, kept_links, left_by, pull_use, weight_of
from gradcert.reference.engines import nothing as zeros
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Edge, Link, Synapse, Use
from gradcert.reference.numbers import Array

COPY = " copy"  # the suffix of a node's copy


class CircleError(GradcertError):
    """Nodes of an edited graph that depend on each other within a step: it has no gradient."""


@dataclass(frozen=True, eq=False)
class Arc:
    """``target^t`` depends on ``source^(t - lag)``.

    Attributes
    ----------
    target, source, lag : as for a `Link`.
    origin : the link that it was.
    factor : local derivative at the target's step: (time, batch, units), (units,) or a number.
    synapse, matrix : of a weighted link.
    shared : whether what is pulled back is averaged (``mean``) or added up (``sum``) over the batch, for every sample.
    adjoint : what is pulled back: the adjoint, or its square (``squared``), or ``one`` in its place.
    """

    target: str
    source: str
    lag: int
    origin: Link
    factor: Any = 1
    synapse: Synapse | None = None
    matrix: Any = None
    shared: str = ""
    adjoint: str = ""

    def pull(self, adjoint: Array, t: int) -> Array:
        """Pull an adjoint of the target at step t back to the source."""
        f, adjoint = at(self.factor, t), _instead(self.adjoint, adjoint)
        g = adjoint if isinstance(f, int) and f == 1 else adjoint * f
        if self.synapse is not None:
            g = self.synapse.pull_input(self.matrix, g)
        if self.shared:
            total = g.sum(axis=0, keepdims=True)
            total = total / len(g) if self.shared == "mean" else total
            g = np.repeat(total, len(g), axis=0)
        return g


@dataclass(frozen=True, eq=False)
class Feed:
    """A parameter that acts on a node: through a synapse that multiplies ``source``, or with a local derivative.

    Attributes
    ----------
    parameter, node : local names.
    origin : the link or use that it was.
    factor : local derivative, or a factor on the node's adjoint.
    synapse, source : of a weight, with what it multiplies, (time, batch, features).
    adjoint : as of an arc.
    """

    parameter: str
    node: str
    origin: Link | Use
    factor: Any = 1
    synapse: Synapse | None = None
    source: Any = None
    adjoint: str = ""

    def gradient(self, adjoint: Array) -> Array:
        """Return what the adjoint of the node, (time, batch, units), says about the parameter."""
        adjoint = _instead(self.adjoint, adjoint)
        if self.synapse is None:
            return pull_use(adjoint, self.factor)
        g = adjoint if isinstance(self.factor, int) and self.factor == 1 else adjoint * self.factor
        return self.synapse.pull_weight(g, self.source)


def _instead(how: str, adjoint: Array) -> Array:
    return adjoint if not how else adjoint * adjoint if how == "squared" else 0 * adjoint + 1


@dataclass(frozen=True, eq=False)
class Graph:
    """One layer's nodes in topological order, its kept arcs and feeds.

    Attributes
    ----------
    nodes, arcs, feeds : of one layer.
    cut : steps into which arcs of lag 1 are cut.
    begins : (time, batch), where a new sequence begins and nothing is carried over; None where none does.
    after : nodes whose adjoint after the last step is one, where it should be zero.
    seeded : nodes that get credit of one at the last step.
    sizes : units of every node, where not all have as many as the output.
    collected : what becomes of a gradient by what acts, by the name of the parameter (`Layer.collected`).
    """

    nodes: tuple[str, ...]
    arcs: tuple[Arc, ...]
    feeds: tuple[Feed, ...]
    cut: frozenset[int] = frozenset()
    after: frozenset[str] = frozenset()
    seeded: frozenset[str] = frozenset()
    begins: Array | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    collected: Callable[[str, Array], Array] = lambda name, gradient: gradient

    def arcs_as(self, change: Callable[[Arc], Arc | None]) -> Graph:
        """Return the graph with every arc changed; None drops it."""
        return replace(self, arcs=tuple(new for arc in self.arcs if (new := change(arc)) is not None))

    def feeds_as(self, change: Callable[[Feed], Feed | None]) -> Graph:
        """Return the graph with every feed changed; None drops it."""
        return replace(self, feeds=tuple(new for feed in self.feeds if (new := change(feed)) is not None))

    def in_order(self) -> Graph:
        """Return the graph with its nodes in an order of computation, its own where that is one.

        An edit moves arcs between steps, and whatever cell it is an edit of has nodes of its own in between.

        Raises
        ------
        CircleError : where there is none.
        """
        place = {node: i for i, node in enumerate(self.nodes)}
        within = [a for a in self.arcs if not a.lag]
        if all(place[a.source] < place[a.target] for a in within):
            return self
        needs = {node: {a.source for a in within if a.target == node} for node in self.nodes}
        order: list[str] = []
        while len(order) < len(self.nodes):
            ready = next((n for n in self.nodes if n not in order and needs[n] <= {*order}), None)
            if ready is None:
                left = ", ".join(n for n in self.nodes if n not in order)
                raise CircleError(f"nodes that depend on each other within a step: {left}")
            order.append(ready)
        return replace(self, nodes=tuple(order))


def graph_of(tape: LayerTape, kept: frozenset[Edge], *, chunk: int | None = None) -> Graph:
    """Return the graph that a rule keeps of a recorded layer."""
    cell, layer = tape.layer.cell, tape.layer
    arcs = []
    for k in kept_links(cell, kept):
        if k.weight is None:
            arcs.append(Arc(k.target, k.source, k.lag, k, tape.factors[k]))
        else:
            arcs.append(Arc(k.target, k.source, k.lag, k, 1, layer.synapse(k.weight), weight_of(tape.p, k.weight)))
    feeds = [
        Feed(k.weight, k.target, k, 1, layer.synapse(k.weight), tape.source(k))
        for k in cell.links
        if k.weight is not None and layer.synapse(k.weight).shape
    ]
    feeds += [Feed(u.parameter, u.target, u, tape.factors[u]) for u in cell.uses if u.parameter in cell.trained]
    steps = len(tape.x)
    cut = frozenset(range(chunk, steps, chunk)) if chunk else frozenset[int]()
    sizes = {node: layer.size(node) for node in cell.nodes}

    def collected(name: str, gradient: Array) -> Array:
        return layer.collected(name, gradient, tape.p)

    return Graph(cell.nodes, tuple(arcs), tuple(feeds), cut, begins=tape.begins, sizes=sizes, collected=collected)


def sweep(graph: Graph, delta: Array) -> dict[str, Array]:
    """Return the adjoint of every node, (time, batch, units), of credit that arrives at the output z.

    Raises
    ------
    CircleError : where nodes depend on each other within a step.
    """
    graph, steps = graph.in_order(), len(delta)
    leaving: dict[str, list[Arc]] = {node: [] for node in graph.nodes}
    for arc in graph.arcs:
        leaving[arc.source].append(arc)
    rows: dict[str, list[Any]] = {node: [None] * steps for node in graph.nodes}
    empty = {units: zeros(delta[0], units) for units in set(graph.sizes.values())}
    none = {node: empty[graph.sizes.get(node.removesuffix(COPY), delta.shape[-1])] for node in graph.nodes}
    for t in reversed(range(steps)):
        for node in reversed(graph.nodes):
            total = delta[t] if node == "z" else None
            for arc in leaving[node]:
                s = t + arc.lag
                if s < steps and not (arc.lag and s in graph.cut):
                    term = arc.pull(rows[arc.target][s], s)
                    if arc.lag and graph.begins is not None:
                        term = np.where(graph.begins[s][:, None], 0 * term, term)
                    total = term if total is None else total + term
                elif s == steps and arc.target in graph.after:
                    term = arc.pull(none[arc.target] + 1, t)
                    total = term if total is None else total + term
            if t == steps - 1 and node in graph.seeded:
                total = none[node] + 1 if total is None else total + 1
            rows[node][t] = none[node] if total is None else total
    return {node: np.stack(values) for node, values in rows.items()}


def gradients(graph: Graph, adjoints: Mapping[str, Array]) -> dict[str, Array]:
    """Return the gradient of every parameter that feeds a node."""
    out: dict[str, Array] = {}
    for feed in graph.feeds:
        g = feed.gradient(adjoints[feed.node])
        out[feed.parameter] = out[feed.parameter] + g if feed.parameter in out else g
    return {k: graph.collected(k, g) for k, g in out.items()}


def initial_gradients(graph: Graph, tape: LayerTape, adjoints: Mapping[str, Array]) -> dict[str, Array]:
    """Return the gradient of every initial value that is asked for, by its node."""
    out: dict[str, Array] = {}
    for node, shape in tape.asked.items():
        left = left_by(tape.layer, node)
        total = zeros(adjoints["z"][0], tape.layer.size(node))
        for arc in graph.arcs:
            if arc.lag and arc.source in (left, left + COPY):
                total = total + arc.pull(adjoints[arc.target][0], 0)
                for t, begin in list(enumerate(graph.begins))[1:] if graph.begins is not None else ():
                    pulled = arc.pull(adjoints[arc.target][t], t)
                    total = total + np.where(begin[:, None], pulled, 0 * pulled)
        out[node] = total if len(shape) == 2 else total.sum(axis=0)
    return out


def recursion_apart(graph: Graph, node: str) -> Graph:
    """Give a node a copy at which everything from the step before arrives; parameters feed the node itself."""
    twin = node + COPY
    arcs = [replace(a, target=twin) if a.target == node and a.lag else a for a in graph.arcs]
    arcs += [replace(a, source=twin) for a in arcs if a.source == node]
    return replace(graph, nodes=_insert(graph.nodes, node), arcs=tuple(arcs))


def output_apart(graph: Graph, node: str = "z") -> Graph:
    """Give a node a copy that the next step reads; the node itself is read in its own step, and by the loss."""
    twin = node + COPY
    arcs = [replace(a, source=twin) if a.source == node and a.lag else a for a in graph.arcs]
    arcs += [replace(a, target=twin) for a in arcs if a.target == node]
    feeds = [*graph.feeds, *(replace(f, node=twin) for f in graph.feeds if f.node == node)]
    return replace(graph, nodes=_insert(graph.nodes, node), arcs=tuple(arcs), feeds=tuple(feeds))


def _insert(nodes: tuple[str, ...], node: str) -> tuple[str, ...]:
    place = nodes.index(node)
    return (*nodes[:place], node + COPY, *nodes[place:])


def later(values: Any) -> Any:
    """Return, at every step, the value of the next one; at the last step zero."""
    return np.concatenate([values[1:], 0 * values[:1]]) if np.ndim(values) > 2 else values


def earlier(values: Any) -> Any:
    """Return, at every step, the value of the one before; at the first step zero."""
    return np.concatenate([0 * values[:1], values[:-1]]) if np.ndim(values) > 2 else values
