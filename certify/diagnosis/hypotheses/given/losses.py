"""Losses that claims beyond the usual ones name: of something else of the sequence, reduced otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from gradcert.certify.claims import REDUCED
from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit, of_run
from gradcert.certify.diagnosis.unrolled import Bench
from gradcert.reference.networks import FORMS, WHEN, conventions, with_cells, with_convention, with_loss
from gradcert.reference.numbers import Array


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield other losses, where the loss is not of the usual ones."""
    loss = bench.network.loss
    if loss.plain and not bench.data:
        return
    for when in WHEN:
        if when != loss.when:
            label = f"the loss of {when} in the place of {loss.when}"
            yield of_run("loss", f"of {when}", label, partial(_other, when=when))
    for kind in FORMS:
        if kind != loss.kind:
            label = f"a {kind.replace('_', ' ')} for the loss"
            yield of_run("loss", f"kind = {kind}", label, partial(_other, kind=kind))
    for axis, ways in REDUCED.items():
        for how in ways:
            if how != getattr(loss, axis) and not _twice({"time": loss.time, "batch": loss.batch, axis: how}):
                label = f"the {how} over {axis} in the place of the {getattr(loss, axis)}"
                yield of_run("loss", f"{axis} = {how}", label, partial(_reduced, axis, how))
    for node in bench.network.layers[-1].cell.nodes:
        if node != loss.node:
            label = f"the loss of {node} in the place of {loss.node}"
            yield of_run("loss", f"of node {node}", label, partial(_other, node=node))
    if loss.node == "v" and any(_known(cell) for cell in bench.network.cells):
        now = {getattr(cell, "stored", "pre") for cell in bench.network.cells}
        other, it = ("pre", "before") if now == {"post"} else ("post", "after")
        label = f"the membrane potential {it} the reset as the output"
        yield of_run("loss", f"of v {it} the reset", label, partial(_stored, stored=other))
    if loss.when == "first":
        yield of_edit("loss", "first sign", "a later crossing for more output", error=lambda d, b: -1 * d)
        yield of_edit("loss", "first silent", "no credit for outputs that never cross", error=_crossing)


def _crossing(error: Array, bench: Bench) -> Array:
    """Return the credit of the outputs that cross the level at a step that counts, and none of the others."""
    numbers, loss, o = bench.numbers, bench.network.loss, bench.tape.outputs
    one, none = numbers.array(np.ones(o.shape)), numbers.zeros(o.shape)
    over = numbers.where(o, ">", numbers.array(loss.level), one, none)
    weights = bench.data.get("weights")
    times = (over if weights is None else over * (weights != 0)[..., None]).sum(axis=0)
    return error * numbers.where(times, ">", 0, one[0], none[0])


def _twice(reduced: Mapping[str, str]) -> bool:
    """Return whether it would be a mean over all samples, and over the samples again, which no loss is."""
    return reduced["time"] == "pooled" and reduced["batch"] == "mean"


def _reduced(axis: str, how: str, bench: Bench) -> Bench | None:
    return _other(bench, **{axis: how})


def _known(cell: object) -> bool:
    return getattr(cell, "reset", "none") != "none" and any(c.option == "stored" for c in conventions(cell))


def _stored(bench: Bench, stored: str) -> Bench | None:
    return bench.again(network=with_cells(bench.network, lambda cell: with_convention(cell, "stored", stored)))


def _other(bench: Bench, **options: str) -> Bench | None:
    return bench.again(network=with_loss(bench.network, **options))
