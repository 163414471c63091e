"""A parameter that is fed at the wrong node, or with a value before or after a gate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit, unique
from gradcert.certify.diagnosis.unrolled import Arc, Bench, Feed, Graph, GraphEdit
from gradcert.reference.engines import LayerTape, Tape
from gradcert.reference.networks import Link, Use


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield gates forgotten between a parameter and what it acts on, or put on its other side."""
    cells = [layer.cell for layer in bench.network.layers]
    weights = [k for cell in cells for k in cell.links if k.weight is not None]
    uses = [u for cell in cells for u in cell.uses if u.parameter in cell.trained]
    for origin in unique([*weights, *uses]):
        name = origin.weight if isinstance(origin, Link) else origin.parameter
        yield of_edit("feed", f"{name} past its gate", f"the factor behind {name} forgotten", own=_past(origin, False))
        if isinstance(origin, Link):
            what = f"{name} gated at its source"
            yield of_edit("feed", what, f"the gate of {name} on its source", own=_past(origin, True))
            what = f"{name} before its gate"
            yield of_edit("feed", what, f"{name} fed with what its gate has not yet multiplied", own=_before(origin))
    yield of_edit("feed", "the signal itself", "parameters fed with the learning signal as it arrives", own=_arriving)
    yield from _elsewhere(cells)


def _arriving(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    feeds = tuple(
        replace(f, node="z", factor=1) if f.synapse is not None or isinstance(f.factor, int) else f for f in graph.feeds
    )
    return replace(graph, arcs=(), feeds=feeds)


def _elsewhere(cells: list[Any]) -> Iterator[Hypothesis]:
    """Yield parameters fed with another node's adjoint, and weights that multiply another node's value."""
    nodes = list(dict.fromkeys(n for cell in cells for n in cell.nodes))
    kinds = [[k for c in cells for k in c.links if k.weight and (k.source == "x") is x] for x in (True, False)]
    biases = [u for c in cells for u in c.uses if u.parameter in c.trained and u.parameter.startswith("b")]
    for name, mine in (("input weights", kinds[0]), ("lateral weights", kinds[1]), ("biases", biases)):
        origins = frozenset(mine)
        for node in nodes if origins else ():
            what = f"{name} fed at {node}"
            yield of_edit("feed", what, f"the {name} fed with the credit at {node}", own=_at(origins, node))
            if name == "lateral weights":
                for word in ("now", "prev"):
                    shown = node if word == "now" else f"{node}'"
                    label = f"the {name} multiplying {shown} in their gradient"
                    yield of_edit("feed", f"{name} times {shown}", label, own=_reading(origins, node, word))
    yield of_edit(
        "feed", "input weights times v", "the potential of the layer below in the place of its spike", own=_below
    )


def _at(origins: frozenset[Link | Use], node: str) -> GraphEdit:
    def edit(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
        if node not in graph.nodes:
            return graph
        return graph.feeds_as(lambda f: replace(f, node=node) if f.origin in origins else f)

    return edit


def _reading(origins: frozenset[Link | Use], node: str, word: str) -> GraphEdit:
    def edit(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
        values = getattr(tape, word).get(node)
        if values is None:
            return graph
        return graph.feeds_as(lambda f: replace(f, source=values) if f.origin in origins else f)

    return edit


def _below(graph: Graph, tape: LayerTape, whole: Tape) -> Graph:
    number = [k is tape for k in whole.layers].index(True)
    if not number or "v" not in whole.layers[number - 1].now:
        return graph
    source = whole.layers[number - 1].now["v"]

    def feed(f: Feed) -> Feed:
        return replace(f, source=source) if isinstance(f.origin, Link) and f.origin.source == "x" else f

    return graph.feeds_as(feed)


def _past(origin: Link | Use, at_source: bool) -> GraphEdit:
    """Let a parameter act one elementwise link further on, its factor left out, or multiplying the source instead."""

    def edit(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
        ways = [a for a in graph.arcs if a.source == origin.target and not a.lag and a.synapse is None]
        if len(ways) != 1:
            return graph
        way: Arc = ways[0]

        def feed(f: Feed) -> Feed:
            if f.origin != origin:
                return f
            source = f.source
            if at_source:
                gate = _gate(tape, way)
                if gate is None or np.shape(source) != np.shape(gate):
                    return f
                source = source * gate
                return replace(f, factor=_ungated(way, tape), source=source, node=way.target)
            if _gate(tape, way) is None:
                return replace(f, node=way.target)
            return replace(f, node=way.target, factor=_mul(f.factor, _ungated(way, tape)))

        return graph.feeds_as(feed)

    return edit


def _mul(a: Any, b: Any) -> Any:
    return b if isinstance(a, int) and a == 1 else a if isinstance(b, int) and b == 1 else a * b


def _gate(tape: LayerTape, way: Arc) -> Any:
    """Return the value of the other node that multiplies the link's source in its target."""
    links = tape.layer.cell.links
    linear = {k.target for k in links if k.source == "x"}
    for k in links:
        other = k.target == way.target and not k.lag and k.source != way.source and k.source not in linear
        if other and k.weight is None and np.ndim(tape.factors[k]) > 2:
            return tape.now[k.source]
    return None


def _ungated(way: Arc, tape: LayerTape) -> Any:
    """Return the link's factor without the gate: that of the target's linear drive, which has no gate."""
    for k in tape.layer.cell.links:
        linear = any(j.target == k.source and j.source == "x" for j in tape.layer.cell.links)
        if k.target == way.target and k.lag == 0 and k.weight is None and linear:
            return tape.factors[k]
    return 1


def _before(origin: Link) -> GraphEdit:
    """Let a weight multiply what its source was made of, before a gate."""

    def edit(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
        ways = [k for k in tape.layer.cell.links if k.target == origin.source and k.weight is None and k.lag]
        if origin.lag or len(ways) != 1:
            return graph
        source = tape.prev[ways[0].source]

        def feed(f: Feed) -> Feed:
            return replace(f, source=source) if f.origin == origin else f

        return graph.feeds_as(feed)

    return edit
