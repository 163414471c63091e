"""What an arc carries back: another node's credit, its square, one; through other weights, with another factor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit, unique, written
from gradcert.certify.diagnosis.unrolled import COPY, Arc, Bench, Feed, Graph, output_apart
from gradcert.reference.engines import LayerTape, Tape
from gradcert.reference.networks import Link, Use


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield what may be carried back instead."""
    cells = [layer.cell for layer in bench.network.layers]
    for what, label, change in MATRICES:
        yield of_edit("arc", what, label, own=partial(_matrices, change))
    yield from _adjoints(cells)
    yield from _redirected(cells)
    for origin in unique([k for cell in cells for k in cell.links if k.target == "z" and not k.lag]):
        for place, node in (("in the recursion", "z" + COPY), ("in the eligibility trace", "z")):
            for word, change in AT_COPY:
                assert isinstance(origin, Link)
                what = f"{written(origin)} {word} {place}"
                yield of_edit("factor", what, f"the factor of {what}", own=partial(_at_copy, origin, node, change))


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


MATRICES: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("lateral weights of one", "a sum over the units in the place of H in the recursion", lambda m: 0 * m + 1),
    ("lateral weights squared", "H squared, entry by entry, in the recursion", lambda m: m * m),
    ("lateral weights negative", "-H in the place of H in the recursion", lambda m: -1 * m),
)


def _matrices(change: Callable[[Any], Any], graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    def arc(a: Arc) -> Arc:
        return replace(a, matrix=change(a.matrix)) if np.ndim(a.matrix) == 2 and a.lag else a

    return graph.arcs_as(arc)
