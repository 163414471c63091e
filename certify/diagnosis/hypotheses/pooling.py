"""Mistakes with max pooling: who gets the credit where several entries of a window are the largest.

Of spikes, which are 0 or 1, in nearly every window. Where nothing is the larger of two there is nothing to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit
from gradcert.certify.diagnosis.unrolled import Arc, Bench, Graph
from gradcert.reference.engines import LayerTape, Tape
from gradcert.reference.networks import Layer
from gradcert.reference.numbers import Array, Numbers

LARGER = re.compile(r"\W*max\((\w+), (\w+)\)")
Share = Callable[[Numbers, Array, Array, Any], tuple[Any, Any]]  # of a and b, a being the largest of so many so far


def _every(n: Numbers, a: Array, b: Array, count: Any) -> tuple[Any, Any]:
    return n.where(a, ">=", b, 1, 0), n.where(b, ">=", a, 1, 0)


def _last(n: Numbers, a: Array, b: Array, count: Any) -> tuple[Any, Any]:
    return n.where(a, ">", b, 1, 0), n.where(b, ">=", a, 1, 0)


def _equal(n: Numbers, a: Array, b: Array, count: Any) -> tuple[Any, Any]:
    first, second = _every(n, a, b, count)
    tie = first * second
    return first - tie / (count + 1), second - tie * (count / (count + 1))


WAYS: dict[str, Share] = {
    "every one of the largest of a window": _every,
    "the last of the largest of a window": _last,
    "the largest of a window, where there are several in equal shares": _equal,
}


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield other shares of the credit, in all windows."""
    if any(larger(layer) for layer in bench.network.layers):
        for who, share in WAYS.items():
            edit = partial(_shared, share)
            label = f"the credit of max pooling to {who}, in the place of the first"
            yield of_edit("pooling", f"credit to {who}", label, own=edit, down=edit)


def larger(layer: Layer) -> dict[str, tuple[str, str]]:
    """Return the nodes that are the larger of two others, in the order in which they compute."""
    cell: Any = layer.cell
    out: dict[str, tuple[str, str]] = {}
    for part in getattr(cell, "parts", (cell,)):
        if getattr(part, "larger", False):
            out[part.node] = (part.links[0].source, part.links[1].source)
        own: Any = getattr(getattr(part, "cell", part), "recipe", None)  # a cell of somebody's, or one that was read
        full = getattr(part, "full", str)
        for equation in own.equations if own is not None else ():
            found = LARGER.fullmatch(equation.rest)
            if found and {*found.groups()} <= {*own.nodes}:
                out[full(equation.node)] = (full(found[1]), full(found[2]))
    return out


def _shared(share: Share, graph: Graph, tape: LayerTape, run: Tape) -> Graph:
    """Return the graph with other factors into what is the larger of two."""
    factors: dict[tuple[str, str], Any] = {}
    counts: dict[str, Any] = {}
    n = run.numbers
    for node, (a, b) in larger(tape.layer).items():
        count = counts.get(a, 1)
        factors[node, a], factors[node, b] = share(n, tape.now[a], tape.now[b], count)
        more, other = n.where(tape.now[a], ">=", tape.now[b], 1, 0), n.where(tape.now[b], ">=", tape.now[a], 1, 0)
        counts[node] = more * count + other

    def change(arc: Arc) -> Arc:
        key = (arc.target, arc.source)
        return arc if key not in factors or arc.lag else Arc(arc.target, arc.source, 0, arc.origin, factors[key])

    return graph.arcs_as(change)
