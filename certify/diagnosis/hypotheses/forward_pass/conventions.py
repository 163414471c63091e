"""Another convention, forward and backward: threshold test, reset, gain, transfer, when the loss counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_run
from gradcert.certify.diagnosis.unrolled import Bench
from gradcert.reference.networks import conventions, with_cells, with_convention


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield networks with another convention in every layer that has it, or turned round in each (``not strict``)."""
    known = [(c.option, value) for cell in bench.network.cells for c in conventions(cell) for value in c.values]
    for option, value in dict.fromkeys(known):
        yield of_run("convention", f"{option} = {value}", f"{option}={value!r}", _switched(option, value))
    yield of_run("convention", "not strict", "the other threshold test, > for >= or the reverse", _turned)
    yield of_run("convention", "the other reset", "the reset on the other side of the product", _other_side)
    for when in ("every", "last"):
        yield of_run("loss", f"when = {when}", f"a loss at {when} step", _when(when))


def _changed(bench: Bench, change: Any) -> Bench | None:
    network = with_cells(bench.network, change)
    return bench.again(network=network) if network != bench.network else None


def _switched(option: str, value: Any) -> Any:
    return lambda bench: _changed(bench, lambda cell: with_convention(cell, option, value))


def _turned(bench: Bench) -> Bench | None:
    return _changed(bench, lambda cell: with_convention(cell, "strict", not getattr(cell, "strict", True)))


def _other_side(bench: Bench) -> Bench | None:
    sides = {"before": "after", "after": "before"}
    return _changed(bench, lambda cell: with_convention(cell, "reset", sides.get(getattr(cell, "reset", ""))))


def _when(when: str) -> Any:
    def compute(bench: Bench) -> Bench | None:
        if bench.network.loss.when == when:
            return bench
        return bench.again(network=replace(bench.network, loss=replace(bench.network.loss, when=when)))

    return compute
