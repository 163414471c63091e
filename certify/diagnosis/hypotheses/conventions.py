"""Another convention, forward and backward: threshold test, reset, gain, transfer, when the loss counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gradcert.certify.diagnosis.bench import Bench, layers_as
from gradcert.certify.diagnosis.hypotheses.hypothesis import Gradient, Hypothesis
from gradcert.reference.networks import conventions, with_convention


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield networks with another convention in every layer that has it, or turned round in each (``not strict``)."""
    known = [(c.option, value) for layer in bench.network.layers for c in conventions(layer.cell) for value in c.values]
    for option, value in dict.fromkeys(known):
        yield Hypothesis("convention", f"{option} = {value}", f"{option}={value!r}", _switched(option, value))
    yield Hypothesis("convention", "not strict", "the other threshold test, > for >= or the reverse", _turned)
    yield Hypothesis("convention", "the other reset", "the reset on the other side of the product", _other_side)
    for when in ("every", "last"):
        yield Hypothesis("loss", f"when = {when}", f"a loss at {when} step", _when(when))


def _changed(bench: Bench, change: Any) -> Gradient | None:
    network = layers_as(bench.network, change)
    return bench.again(network=network).gradients() if network != bench.network else None


def _switched(option: str, value: Any) -> Any:
    return lambda bench: _changed(bench, lambda cell: with_convention(cell, option, value))


def _turned(bench: Bench) -> Gradient | None:
    return _changed(bench, lambda cell: with_convention(cell, "strict", not getattr(cell, "strict", True)))


def _other_side(bench: Bench) -> Gradient | None:
    sides = {"before": "after", "after": "before"}
    return _changed(bench, lambda cell: with_convention(cell, "reset", sides.get(getattr(cell, "reset", ""))))


def _when(when: str) -> Any:
    def compute(bench: Bench) -> Gradient | None:
        if bench.network.loss.when == when:
            return bench.gradients()
        return bench.again(network=replace(bench.network, loss=replace(bench.network.loss, when=when))).gradients()

    return compute
