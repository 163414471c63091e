"""Graphs of populations: the network of a case, how late its inputs arrive, which weights read an input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from itertools import pairwise
from typing import Any

import numpy as np

from gradcert.certify.claims import Claim, graph_of, usual_sizes
from gradcert.certify.problems.cases.options import CONTINUOUS, member_options
from gradcert.reference.networks import Dense, Graph, Network, cell_named, cell_with

FAR = 1 << 20  # steps: from nowhere


def draw_graph(claim: Claim, turn: int, family: Any, rng: np.random.Generator) -> Graph:
    """Return the graph of a claim with sizes and constants of a family."""
    sizes = usual_sizes(claim.network, _widths(family))
    cells = {}
    for population in claim.network["populations"]:
        kind: Any = cell_named(population["cell"])
        options, own = member_options(claim, population, turn), {f.name for f in fields(kind)}
        constants = {
            name: family.constant(name, rng, spiking="surrogate" in own)
            for name in CONTINUOUS
            if name in own and name not in options
        }
        cells[population["name"]] = cell_with(kind, {**options, **constants})
    return graph_of(claim.network, cells, sizes)


def _widths(family: Any) -> tuple[int, ...]:
    """Return the sizes of a family: of inputs, then of populations; () where it has none of its own."""
    sizes: Mapping[int, tuple[int, ...]] = getattr(family, "sizes", None) or {}
    return sizes[max(sizes)] if sizes else ()


def latest(graph: Graph) -> int:
    """Return after how many steps, at the earliest, something of every connection has reached the output.

    Examples
    --------
    >>> from gradcert.reference.networks import Connection, Population, Rnn
    >>> low, out = Population("low", Rnn(), 2), Population("out", Rnn(), 1)
    >>> late = Connection("low", "out", lag=3, name="late")
    >>> latest(Graph({"x": 1}, (low, out), (Connection("x", "low"), Connection("low", "out"), late)))
    3
    """
    there = dict.fromkeys((name for name, _ in graph.inputs), 0)
    back = {str(graph.output): 0}
    for _ in graph.populations:
        for c in graph.connections:
            source = c.origin[0]
            there[c.target] = min(there.get(c.target, FAR), there.get(source, FAR) + c.lag)
            back[source] = min(back.get(source, FAR), back.get(c.target, FAR) + c.lag)
    return max(there[c.origin[0]] + c.lag + back[c.target] for c in graph.connections)


def sizes_of(network: Network) -> list[int]:
    """Return the sizes of a network: its inputs together, then the units of every layer, or of every population."""
    units = [p.units for p in network.graph.populations] if network.graph else [x.units for x in network.layers]
    return [network.inputs, *units]


def pairs_of(network: Network) -> list[tuple[int, int]]:
    """Return (inputs, units) of every layer, or of every connection between populations of a graph."""
    if network.graph is None:
        return [(layer.inputs, layer.units) for layer in network.layers]
    graph = network.graph
    return [(graph.size(c.origin[0]), graph.by_name[c.target].units) for c in graph.connections]


def alike(network: Network) -> bool:
    """Return whether a layer is like the next one, or a population like one that it reads: one cell, one shape."""
    if network.graph is None:
        kinds = [(type(x.cell), x.inputs, x.units) for x in network.layers]
        return any(a == b for a, b in pairwise(kinds))
    graph = network.graph
    between = [c for c in graph.connections if c.origin[0] in graph.by_name and c.origin[0] != c.target]
    pairs = [(graph.by_name[c.origin[0]], graph.by_name[c.target]) for c in between]
    return any(type(a.cell) is type(b.cell) and a.units == b.units for a, b in pairs)


def readers(network: Network, column: int) -> dict[str, int] | None:
    """Return the weights that read one entry of the input, each with the number of its column.

    None where something else than a dense matrix reads it, which has no column for it.

    Examples
    --------
    >>> from gradcert.reference.networks import Connection, Population, Rnn
    >>> links = (Connection("a", "z0"), Connection("b", "z0"))
    >>> readers(Network(graph=Graph({"a": 2, "b": 3}, (Population("z0", Rnn(), 1),), links)), 4)
    {'z0.W.b': 2}
    """
    if network.graph is None:
        layer = network.layers[0]
        return {layer.full_name(0, k.weight): column for k in layer.cell.links if k.weight and k.source == "x"}
    out: dict[str, int] = {}
    for name, size in network.graph.inputs:
        for c in (c for c in network.graph.connections if c.source == name and 0 <= column < size):
            if c.chain and not isinstance(c.chain[0], Dense):
                return None
            out |= {weights[0]: column for weights in network.graph.weights(c)}
        column -= size
    return out
