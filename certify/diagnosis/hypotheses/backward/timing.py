"""One step off: a slope, a trace, an input or a learning signal of another step, a trace cleared or lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit
from gradcert.certify.diagnosis.unrolled import (
    COPY,
    Arc,
    Bench,
    Feed,
    Graph,
    earlier,
    graph_of,
    later,
    output_apart,
    recursion_apart,
    sweep,
)
from gradcert.reference.engines import LayerTape, Tape, credit_below, weights_down
from gradcert.reference.networks import Link


def _slopes(graph: Graph, node: str, move: Callable[[Any], Any]) -> Graph:
    """Move the factors of the arcs and feeds into one copy of the output by a step."""

    def arc(a: Arc) -> Arc:
        return replace(a, factor=move(a.factor)) if a.target == node and not a.lag else a

    def feed(f: Feed) -> Feed:
        return replace(f, factor=move(f.factor)) if f.node == node and f.synapse is None else f

    return graph.arcs_as(arc).feeds_as(feed)


def _new_slope(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    return _slopes(output_apart(graph), "z" + COPY, later)


def _old_slope(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    return _slopes(output_apart(graph), "z", earlier)


def _slopes_late(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    return _slopes(graph, "z", earlier)


def _early_read(graph: Graph, tape: LayerTape, _: Tape, of: str | None = None) -> Graph:
    """Let the output read its traces, or that of one node alone, as the step before left them."""
    apart = output_apart(graph)
    return apart.arcs_as(lambda a: replace(a, lag=1) if a.target == "z" and not a.lag and of in (None, a.source) else a)


def _new_trace(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    """Let what the next step's spike feeds read the trace of v of that same step; v must not depend on it."""
    apart = output_apart(graph)
    twin = "z" + COPY
    ways = [a for a in apart.arcs if a.source == twin and a.lag and a.synapse is None]
    slopes = [a for a in apart.arcs if a.target == twin and a.source == "v" and not a.lag]
    fed = {a.target for a in ways} - {"v"}
    if not slopes or not fed or fed & _within(apart, "v"):
        return graph
    arcs = [a for a in apart.arcs if a not in slopes]
    for way in ways:
        arcs += [
            Arc(way.target, "v", 0, way.origin, earlier(slope.factor) * way.factor)
            for slope in slopes
            if way.target in fed
        ]
    return replace(apart, arcs=tuple(arcs))


def _within(graph: Graph, node: str) -> set[str]:
    """Return the nodes that a node depends on within the step, on whatever way: an adaptation may act on a current."""
    out: set[str] = set()
    todo = [node]
    while todo:
        into = {a.source for a in graph.arcs if a.target == todo[-1] and not a.lag} - out
        todo.pop()
        out |= into
        todo += into
    return out


def _decayed_input(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    """Let weights feed a node one decay before their own: leak (trace + input)."""
    keep = [a for a in graph.arcs if a.lag and a.source == a.target and a.synapse is None]
    if len(keep) != 1:
        return graph
    decay = keep[0].factor

    def feed(f: Feed) -> Feed:
        return replace(f, factor=decay * f.factor) if f.synapse is not None else f

    return graph.feeds_as(feed)


def _without_now(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    """Let parameters reach the output by the state of the step before alone."""
    keep = [a.source for a in graph.arcs if a.lag and a.source == a.target and a.synapse is None]
    if len(keep) != 1:
        return graph
    apart = recursion_apart(graph, keep[0])
    return apart.arcs_as(lambda a: None if a.source == keep[0] and not a.lag else a)


def _cut_from(first: int, chunk: int, graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    """Cut before step `first`, and from there on in chunks."""
    return replace(graph, cut=frozenset(range(first, len(tape.x), chunk)))


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield what may be one step off."""
    if (chunk := bench.rule.chunk) is not None:
        for first in dict.fromkeys(n for n in (chunk - 1, chunk + 1, 1) if 0 < n != chunk):
            label = f"other cuts: the first chunk has {first} step{'s' * (first != 1)}, every other {chunk}"
            cut = partial(_cut_from, first, chunk)
            yield of_edit("timing", f"first cut at {first}", label, own=cut, down=cut)
    yield of_edit("timing", "slope too new", "psi of step t, not t - 1, in the recursion", own=_new_slope)
    yield of_edit("timing", "slope too old", "psi of step t - 1 in the eligibility trace", own=_old_slope)
    late = "psi of step t - 1 in the place of t"
    yield of_edit("timing", "every slope too old", late, own=_slopes_late, down=_slopes_late)
    yield of_edit("timing", "trace read before its update", "the trace read before it is updated", own=_early_read)
    for node in _read_beside(bench):
        label = f"the trace of {node} read before it is updated"
        yield of_edit("timing", f"trace of {node} read before its update", label, own=partial(_early_read, of=node))
    yield of_edit("timing", "trace too new", "the trace of the same step where the last one belongs", own=_new_trace)
    yield of_edit("timing", "input decayed", "the new input decayed once too often", own=_decayed_input)
    now = "the input of the same step left out of the trace"
    yield of_edit("timing", "trace without the new input", now, own=_without_now)
    yield of_edit("timing", "stale signal", "the learning signal of the step before", signal=lambda d, i, b: earlier(d))
    yield of_edit("timing", "hasty signal", "the learning signal of the step after", signal=lambda d, i, b: later(d))
    for word, move in (("after", later), ("before", earlier)):
        yield of_edit(
            "timing", f"credit of the step {word}", f"the credit of the step {word}, times what came in", share=move
        )
    yield from _filtered()
    yield from _sources(bench)
    yield from _cleared(bench.steps)
    yield from _doubled()


def _read_beside(bench: Bench) -> list[str]:
    """Return the nodes that an output reads within a step, where it reads several."""
    into = [[k.source for k in layer.cell.links if k.target == "z" and not k.lag] for layer in bench.network.layers]
    return list(dict.fromkeys(source for sources in into if len(sources) > 1 for source in sources))


def _filtered() -> Iterator[Hypothesis]:
    def below(credit: Any, delta: Any, i: int, bench: Bench) -> Any:
        """Filter forward in time what should be filtered backward: the trace is what has to be filtered."""
        layer = bench.tape.layers[i]
        graph = graph_of(layer, bench.rule.kept_above(layer.layer.cell.name))
        turned = replace(graph, arcs=tuple(replace(a, factor=_turned(a.factor)) for a in graph.arcs))
        adjoints = {node: g[::-1] for node, g in sweep(turned, delta[::-1]).items()}
        return credit_below(layer, adjoints, weights_down(layer.layer, i, layer.p, bench.rule, bench.feedback))

    yield of_edit("credit", "signal filtered", "the learning signal filtered in place of the trace", below=below)


def _turned(factor: Any) -> Any:
    return factor[::-1] if np.ndim(factor) > 2 else factor


def _sources(bench: Bench) -> Iterator[Hypothesis]:
    """Yield weights that are fed with their input of another step."""
    lateral = "the lateral weights", lambda k: k.source != "x"
    inputs = "the input weights", lambda k: k.source == "x"
    for name, wanted in (lateral, inputs):
        for word, move in (("one step late", earlier), ("one step early", later)):

            def edit(graph: Graph, tape: LayerTape, _: Tape, wanted: Any = wanted, move: Any = move) -> Graph:
                def feed(f: Feed) -> Feed:
                    if f.synapse is None or not isinstance(f.origin, Link) or not wanted(f.origin):
                        return f
                    exact = tape.now.get(f.origin.source) if f.origin.lag and move is later else None
                    return replace(f, source=exact if exact is not None else move(f.source))

                return graph.feeds_as(feed)

            what = f"{name.removeprefix('the ')} read {word}"
            yield of_edit("timing", what, f"{name} reading what they multiply {word}", own=edit)


def _cleared(steps: int) -> Iterator[Hypothesis]:
    for k in range(1, steps):
        yield of_edit(
            "timing",
            "trace cleared midway",
            f"the trace cleared before step {k + 1}",
            own=lambda g, t, w, k=k: replace(g, cut=g.cut | {k}),
        )


def _doubled() -> Iterator[Hypothesis]:
    for word, factor in (("twice", 2), ("never", 0)):

        def edit(graph: Graph, tape: LayerTape, _: Tape, factor: int = factor) -> Graph:
            def feed(f: Feed) -> Feed:
                if f.synapse is not None:
                    return replace(f, source=_first(f.source, factor))
                whole = f.factor + 0 * next(iter(tape.now.values()))
                return replace(f, factor=_first(whole, factor))

            return graph.feeds_as(feed)

        yield of_edit(
            "timing",
            f"first step {word}",
            {"twice": "the first step counted twice", "never": "the first step left out"}[word],
            own=edit,
        )


def _first(values: Any, factor: int) -> Any:
    out = values.copy()
    out[0] = factor * out[0]
    return out
