"""An arc dropped, or read from the wrong copy: paths that are missing although the rule keeps their edge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit, unique, written
from gradcert.certify.diagnosis.unrolled import COPY, Arc, Bench, Feed, Graph, GraphEdit, output_apart
from gradcert.reference.engines import LayerTape, Tape
from gradcert.reference.networks import Link, Use


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield arcs that may be missing, and weights on them that may be misread."""
    cells = [layer.cell for layer in bench.network.layers]
    for link in unique([k for cell in cells for k in cell.links if k.source != "x"]):
        if isinstance(link, Link):
            weight = f" through {link.weight}" if link.weight else ""
            what = f"{written(link)}{weight} dropped"
            yield of_edit("arc", what, f"the path {what}", own=_without(link))
    yield from _copies(cells)
    yield from _together(cells)
    for link in unique([k for cell in cells for k in cell.links if _could_be_now(k, cell)]):
        what = f"{written(link)} followed within the step"
        yield of_edit("arc", what, f"the path {what}", own=_now(link), down=_now(link))
    yield of_edit("arc", "lateral weights transposed", "the lateral weights transposed in the recursion", own=_turned)
    without, other = partial(_lateral, led=False), partial(_lateral, led=True)
    label = "the slope left out where credit comes back through the lateral weights"
    yield of_edit("arc", "lateral weights without slope", label, own=without, down=without)
    label = "the slope of the unit that the lateral weights lead to, in the place of that from which they come"
    yield of_edit("arc", "lateral weights with the other slope", label, own=other, down=other)
    yield of_edit("arc", "one row per parameter", "one row of the trace per parameter", own=_own_row)
    for word in ("mean", "sum"):
        what = f"batch {'averaged' if word == 'mean' else 'summed'} before the product with the trace"
        yield of_edit("arc", what, f"the {what}", own=_shared(word))


def _together(cells: list[Any]) -> Iterator[Hypothesis]:
    """Yield several paths of one kind dropped together, and paths that carry the credit at another node."""
    lateral = unique([k for c in cells for k in c.links if k.weight is not None and k.source != "x"])
    for kept in lateral if len(lateral) > 1 else ():
        assert isinstance(kept, Link)
        others = frozenset(lateral) - {kept}
        edit = lambda g, t, w, others=others: g.arcs_as(lambda a: None if a.origin in others else a)  # noqa: E731
        yield of_edit("arc", f"{kept.weight} alone", f"no path back but through {kept.weight}", own=edit)
    for link in lateral:
        for node in dict.fromkeys(n for c in cells if link in c.links for n in c.nodes):

            def moved(graph: Graph, tape: LayerTape, _: Tape, link: Any = link, node: str = node) -> Graph:
                return graph.arcs_as(lambda a: replace(a, target=node) if a.origin == link and a.lag else a)

            if isinstance(link, Link) and link.lag and node != link.target:
                label = f"{link.weight} carrying back the credit at {node}"
                yield of_edit("arc", f"{link.weight} from {node}", label, own=moved)


def _could_be_now(link: Link, cell: Any) -> bool:
    """Return whether a path from the step before could have been one within the step."""
    after = link.source != "x" and cell.nodes.index(link.source) < cell.nodes.index(link.target)
    return bool(link.lag) and link.weight is None and after


def _now(link: Link | Use) -> GraphEdit:
    return lambda graph, tape, whole: graph.arcs_as(lambda a: replace(a, lag=0) if a.origin == link else a)


def _without(link: Link) -> GraphEdit:
    return lambda graph, tape, whole: graph.arcs_as(lambda a: None if a.origin == link else a)


def _copies(cells: list[Any]) -> Iterator[Hypothesis]:
    """Yield what the output, or what the next step reads of it, is missing: arcs and parameters that act on it."""
    into = unique([k for cell in cells for k in cell.links if k.target == "z" and not k.lag])
    uses = unique([u for cell in cells for u in cell.uses if u.target == "z" and u.parameter in cell.trained])
    for origin in [*into, *uses]:
        for place, node in (("in the recursion", "z" + COPY), ("in the eligibility trace", "z")):

            def edit(graph: Graph, tape: LayerTape, _: Tape, origin: Link | Use = origin, node: str = node) -> Graph:
                def arc(a: Arc) -> Arc | None:
                    return None if a.origin == origin and a.target == node else a

                def feed(f: Feed) -> Feed | None:
                    return replace(f, factor=0 * f.factor) if f.origin == origin and f.node == node else f

                return output_apart(graph).arcs_as(arc).feeds_as(feed)

            what = f"{written(origin)} dropped {place}"
            yield of_edit("arc", what, f"the path {what}", own=edit)


def _turned(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    def arc(a: Arc) -> Arc:
        square = a.matrix is not None and np.ndim(a.matrix) == 2 and a.matrix.shape[0] == a.matrix.shape[1]
        return replace(a, matrix=a.matrix.T) if square and a.lag else a

    return graph.arcs_as(arc)


def _lateral(graph: Graph, tape: LayerTape, _: Tape, *, led: bool) -> Graph:
    """Let lateral weights lead back to what the output is a function of, past its slope, with another or none."""
    into = [a for a in graph.arcs if a.target == "z" and not a.lag and a.synapse is None]
    if len(into) != 1:
        return graph
    slope = into[0].factor if led else 1

    def arc(a: Arc) -> Arc:
        lateral = a.lag and a.synapse is not None and a.source == "z"
        return replace(a, source=into[0].source, factor=a.factor * slope) if lateral else a

    return graph.arcs_as(arc)


def _own_row(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    """Let parameters of a node that reaches others within the step reach their own unit alone, at that step.

    A node that leads to weights within the step gets a copy that parameters feed, with the weights' diagonal; what
    arrives from the step before takes the whole matrix.
    """
    inner = [a for a in graph.arcs if a.synapse is not None and not a.lag]
    for a in inner:
        if np.ndim(a.matrix) != 2 or a.matrix.shape[0] != a.matrix.shape[1]:
            continue
        fresh = [a.source]  # nodes whose same-step influence passes through the weights, with what leads to them
        for node in reversed(graph.nodes):
            leads = [b for b in graph.arcs if b.source == node and not b.lag]
            if leads and all(b.target in fresh for b in leads):
                fresh.append(node)
        fed = {f.node for f in graph.feeds} & set(fresh)
        if not fed:
            continue
        twin = {n: n + COPY for n in fresh}
        arcs = list(graph.arcs)
        for b in graph.arcs:
            if b.target in twin and b.source in twin and not b.lag:
                arcs.append(replace(b, target=twin[b.target], source=twin[b.source]))
        diagonal = np.diagonal(a.matrix) + 0
        arcs.append(Arc(a.target, twin[a.source], 0, a.origin, diagonal))
        feeds = [replace(f, node=twin.get(f.node, f.node)) for f in graph.feeds]
        nodes: list[str] = []
        for n in graph.nodes:
            nodes += [twin[n], n] if n in twin else [n]
        graph = replace(graph, nodes=tuple(nodes), arcs=tuple(arcs), feeds=tuple(feeds))
    return graph


def _shared(word: str) -> GraphEdit:
    def edit(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
        apart = output_apart(graph)
        return apart.arcs_as(lambda a: replace(a, shared=word) if a.target == "z" and not a.lag else a)

    return edit
