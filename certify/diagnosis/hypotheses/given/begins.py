"""Sequences that begin inside a row: state, or credit, that is carried over a beginning; traces cleared too late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit, of_run
from gradcert.certify.diagnosis.unrolled import Bench, Graph
from gradcert.reference.engines import LayerTape, Tape
from gradcert.reference.numbers import Array

MOVED: dict[str, tuple[str, Callable[[Array], Array | None]]] = {
    "not read": ("state and credit carried over a beginning: they are not read", lambda b: None),
    "one step late": ("beginnings one step late", lambda b: np.concatenate([b[:1], b[:-1]])),
    "one step early": ("beginnings one step early", lambda b: np.concatenate([b[1:], 0 * b[:1]])),
    "of any sample": (
        "every sample begun anew where one begins",
        lambda b: np.repeat(b.any(1, keepdims=True), b.shape[1], 1),
    ),
    "of the first sample": ("the beginnings of the first sample for all", lambda b: np.repeat(b[:, :1], b.shape[1], 1)),
}


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield what may be carried over."""
    if bench.data.get("begins") is None:
        return
    for what, (label, change) in MOVED.items():
        yield of_run("given", f"begins {what}", label, _begun(change))
    edit = {"own": _uncut, "down": _uncut}
    label = "credit carried over a beginning, where the state begins anew"
    yield of_edit("given", "begins without the credit", label, **edit)
    label = "traces carried over a beginning, where state and what goes down begin anew"
    yield of_edit("given", "begins without the traces", label, own=_uncut)
    yield of_run("given", "begins without the state", "the state carried over a beginning, where credit ends", _carried)


def _begun(change: Callable[[Array], Array | None]) -> Callable[[Bench], Bench | None]:
    def run(bench: Bench) -> Bench | None:
        begins = bench.data.get("begins")
        return None if begins is None else bench.again(data={**bench.data, "begins": change(begins)})

    return run


def _uncut(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    return replace(graph, begins=None)


def _carried(bench: Bench) -> Bench | None:
    ran = bench.again(data={**bench.data, "begins": None})
    layers = tuple(replace(layer, begins=bench.data.get("begins")) for layer in ran.tape.layers)
    return replace(ran, tape=replace(ran.tape, layers=layers))
