"""Masks: not read, another one in the pull-back, the first for all steps, scaled once more or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit, of_run
from gradcert.certify.diagnosis.unrolled import Arc, Bench, Graph
from gradcert.reference.engines import LayerTape, Tape
from gradcert.reference.numbers import Array

Change = Callable[[Array], Array]
READ: dict[str, tuple[str, Change]] = {
    "first step's": ("the mask of the first step at every step", lambda m: np.repeat(m[:1], len(m), axis=0)),
    "halved": ("masks that hold their scale scaled by one half again", lambda m: m * 0.5),
    "squared": ("masks applied twice", lambda m: m * m),
    "inverted": ("masks that drop what they should keep", lambda m: 1 - m),
    "of the step before": ("the masks of the step before", lambda m: np.concatenate([m[:1], m[:-1]])),
    "of the first sample": ("the mask of the first sample for all", lambda m: np.repeat(m[:, :1], m.shape[1], axis=1)),
}
BACK: dict[str, tuple[str, Change]] = {
    "reversed": ("the masks reversed in time", lambda m: m[::-1]),
    "of the step before": ("the mask of the step before", lambda m: np.concatenate([m[:1], m[:-1]])),
    "of the step after": ("the mask of the step after", lambda m: np.concatenate([m[1:], m[-1:]])),
    "of the sample before": ("the mask of the sample before", lambda m: np.roll(m, 1, axis=1)),
    "squared": ("the mask twice", lambda m: m * m),
    "left out": ("no mask", lambda m: 0 * m + 1),
}


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield other masks, in the step and in the pull-back."""
    if not bench.data.get("masks"):
        return
    yield of_run("given", "masks not read", "nothing masked: the masks are not read", _unmasked)
    for what, (label, change) in READ.items():
        yield of_run("given", f"masks {what}", label, _masked(change))
    for what, (label, change) in BACK.items():
        edit = _pulled(change)
        label = f"{label} in the pull-back of the outputs"
        yield of_edit("given", f"masks {what}, in the pull-back", label, own=edit, down=edit)
    label = "a held value whose own past is left out"
    yield of_edit("given", "masks without what is held", label, own=_forgetful, down=_forgetful)


def _unmasked(bench: Bench) -> Bench | None:
    return bench.again(data={**bench.data, "masks": {}})


def _masked(change: Change) -> Callable[[Bench], Bench | None]:
    def run(bench: Bench) -> Bench | None:
        masks = {name: change(mask) for name, mask in (bench.data.get("masks") or {}).items()}
        return bench.again(data={**bench.data, "masks": masks})

    return run


def _pulled(change: Change) -> Callable[[Graph, LayerTape, Tape], Graph]:
    def edit(graph: Graph, tape: LayerTape, whole: Tape) -> Graph:
        if not getattr(tape.layer.cell, "dropped", False):
            return graph

        def other(arc: Arc) -> Arc:
            return replace(arc, factor=change(np.asarray(arc.factor))) if arc.target == "z" and not arc.lag else arc

        return graph.arcs_as(other)

    return edit


def _forgetful(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    held = {tape.layer.cell.left(node) for node in getattr(tape.layer.cell, "held", ())}  # type: ignore[attr-defined]
    return graph.arcs_as(lambda a: None if a.lag and a.source == a.target and a.target in held else a)
