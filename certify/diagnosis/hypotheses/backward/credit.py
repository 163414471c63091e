"""The way down: weights misread, a broadcast signal of another kind, sign, scale or moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit
from gradcert.certify.diagnosis.unrolled import Bench, graph_of, sweep
from gradcert.reference.engines import error_node
from gradcert.reference.numbers import Array


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield other ways for credit to come down."""
    if bench.network.depth < 2:
        return
    yield of_edit(
        "credit", "weights in the other memory order", "the weights read in the other memory order", weights=_misread
    )
    yield of_edit("credit", "weights transposed", "square weights transposed on the way down", weights=_transposed)
    yield of_edit("credit", "nothing below", "no credit for the layers below", below=lambda c, d, i, b: 0 * c)
    yield of_edit("credit", "sign", "the learning signal of the layers below negated", below=lambda c, d, i, b: -1 * c)
    if bench.rule.feedback in ("direct", "target"):
        yield from _broadcasts(bench)


def _misread(weights: dict[str, Array], i: int, bench: Bench) -> dict[str, Array]:
    return {k: w.T.reshape(w.shape) if np.ndim(w) == 2 else w for k, w in weights.items()}


def _transposed(weights: dict[str, Array], i: int, bench: Bench) -> dict[str, Array]:
    return {k: w.T if np.ndim(w) == 2 and w.shape[0] == w.shape[1] else w for k, w in weights.items()}


def _broadcasts(bench: Bench) -> Iterator[Hypothesis]:
    def everywhere(signal: Array, bench: Bench) -> Array:
        divisor = bench.network.loss.divisor(*bench.targets.shape[:2])
        return bench.targets / divisor if divisor != 1 else bench.targets

    def unscaled(signal: Array, bench: Bench) -> Array:
        return signal * bench.network.loss.divisor(*bench.targets.shape[:2])

    yield of_edit("credit", "broadcast sign", "the broadcast signal negated", broadcast=lambda s, b: -1 * s)
    yield of_edit("credit", "broadcast unscaled", "the broadcast signal without the loss's scale", broadcast=unscaled)
    for word, scale in (("T", lambda b: b.steps), ("B", lambda b: b.targets.shape[1])):
        yield of_edit(
            "credit",
            f"broadcast times {word}",
            f"the broadcast signal times {word}",
            broadcast=lambda s, b, scale=scale: s * scale(b),
        )
    if bench.rule.feedback == "target":
        yield of_edit(
            "credit", "broadcast at every step", "the target projected at steps without a loss", broadcast=everywhere
        )
    if bench.rule.feedback == "direct":

        def filtered(signal: Array, bench: Bench) -> Array:
            """Send the target the way that the error takes: through what the readout remembers."""
            last, loss = bench.tape.layers[-1], bench.network.loss
            targets = loss.gradient_of(bench.targets, bench.numbers)
            graph = graph_of(last, bench.rule.kept_above(last.layer.cell.name))
            return sweep(graph, targets)[error_node(last.layer)]

        yield of_edit("credit", "target for error", "the target projected in place of the error", broadcast=filtered)
    other = {"direct": "target", "target": "direct"}[bench.rule.feedback]
    names = {"direct": "the error", "target": "the target"}

    def compute(bench: Bench) -> Any:
        return bench.gradients(replace(bench.rule, feedback=other))

    yield Hypothesis(
        "credit", f"{other} projected", f"{names[other]} projected, not {names[bench.rule.feedback]}", compute
    )
