"""Losses of hidden layers' own: not read, or without their strength."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_run
from gradcert.certify.diagnosis.unrolled import Bench
from gradcert.reference.networks import Local, with_loss


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield other losses of hidden layers."""
    own = bench.network.loss.local
    if not own:
        return
    yield of_run("given", "local losses not read", "the output's loss in every hidden layer", partial(_other, own=()))
    plain = tuple(replace(one, strength=1) for one in own)
    yield of_run(
        "given", "local losses unscaled", "layers' own losses without their strength", partial(_other, own=plain)
    )
    scaled = tuple(replace(one, kind=str(bench.network.loss.kind)) for one in own)
    label = "the output's loss in every hidden layer, with the strength of their own"
    yield of_run("given", "local losses of the output's form", label, partial(_other, own=scaled))


def _other(bench: Bench, own: tuple[Local, ...]) -> Bench | None:
    return bench.again(network=with_loss(bench.network, local=own))
