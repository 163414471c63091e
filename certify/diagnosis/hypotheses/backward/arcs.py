"""An arc dropped, or read from the wrong copy: paths that are missing although the rule keeps their edge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    yield from _adjoints(cells)
    yield from _redirected(cells)
    yield of_edit("arc", "lateral weights transposed", "the lateral weights transposed in the recursion", own=_turned)
    for what, label, change in MATRICES:
        yield of_edit("arc", what, label, own=partial(_matrices, change))
    yield of_edit("arc", "one row per parameter", "one row of the trace per parameter", own=_own_row)
    for word in ("mean", "sum"):
        what = f"batch {'averaged' if word == 'mean' else 'summed'} before the product with the trace"
        yield of_edit("arc", what, f"the {what}", own=_shared(word))


def _redirected(cells: list[Any]) -> Iterator[Hypothesis]:
    """Yield links that carry back the credit of another node than their target's."""
    for cell in unique_cells(cells):
        for link in cell.links:
            for node in cell.nodes:
                if node == link.target or link.source == "x" or (link.weight is not None and link.lag):
                    continue  # see `feeds` and `_together` for the weights
                if not link.lag and cell.nodes.index(node) <= cell.nodes.index(link.source):
                    continue  # credit that is not there yet

                def edit(g: Graph, t: LayerTape, w: Tape, link: Any = link, node: str = node) -> Graph:
                    return g.arcs_as(lambda a: replace(a, target=node) if a.origin == link else a)

                label = f"the credit at {node} in the place of that at {link.target}, for {link.source}"
                yield of_edit("arc", f"{written(link)} of {node}", label, own=edit)


def unique_cells(cells: list[Any]) -> list[Any]:
    """Return one cell of every kind of nodes and links."""
    return list({(c.nodes, c.links): c for c in cells}.values())


def _adjoints(cells: list[Any]) -> Iterator[Hypothesis]:
    """Yield links and parameters that are credited with the square of a credit, or with one."""
    for origin in unique([*(k for c in cells for k in c.links), *(u for c in cells for u in c.uses)]):
        for how, words in (("squared", "the square of the credit at"), ("one", "one in the place of the credit at")):

            def edit(g: Graph, t: LayerTape, w: Tape, origin: Link | Use = origin, how: str = how) -> Graph:
                def arc(a: Arc) -> Arc:
                    return replace(a, adjoint=how) if a.origin == origin else a

                def feed(f: Feed) -> Feed:
                    return replace(f, adjoint=how) if f.origin == origin else f

                return g.arcs_as(arc).feeds_as(feed)

            what = origin.weight or written(origin) if isinstance(origin, Link) else origin.parameter
            yield of_edit("arc", f"{how} for {what}", f"{words} {origin.target} for {what}", own=edit)


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
            if isinstance(origin, Link):
                for word, change in AT_COPY:
                    what, at_copy = f"{written(origin)} {word} {place}", partial(_at_copy, origin, node, change)
                    yield of_edit("factor", what, f"the factor of {what}", own=at_copy)


AT_COPY: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("= 1", lambda f: 0 * f + 1),
    ("squared", lambda f: f * f),
    ("times -1", lambda f: -1 * f),
    ("times 2", lambda f: 2 * f),
)


def _at_copy(origin: Link, node: str, change: Callable[[Any], Any], graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    """Change the factor of an arc into what the next step reads of the output, or into the output itself."""

    def arc(a: Arc) -> Arc:
        return replace(a, factor=change(a.factor)) if a.origin == origin and a.target == node else a

    return output_apart(graph).arcs_as(arc)


def _turned(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    def arc(a: Arc) -> Arc:
        square = a.matrix is not None and np.ndim(a.matrix) == 2 and a.matrix.shape[0] == a.matrix.shape[1]
        return replace(a, matrix=a.matrix.T) if square and a.lag else a

    return graph.arcs_as(arc)


MATRICES: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("lateral weights of one", "a sum over the units in the place of H in the recursion", lambda m: 0 * m + 1),
    ("lateral weights squared", "H squared, entry by entry, in the recursion", lambda m: m * m),
    ("lateral weights negative", "-H in the place of H in the recursion", lambda m: -1 * m),
)


def _matrices(change: Callable[[Any], Any], graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    def arc(a: Arc) -> Arc:
        return replace(a, matrix=change(a.matrix)) if np.ndim(a.matrix) == 2 and a.lag else a

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
