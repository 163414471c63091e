"""The error at the outputs written otherwise, and what a backward pass starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Gradient, Hypothesis, of_edit
from gradcert.certify.diagnosis.unrolled import Bench, Graph, earlier, later
from gradcert.reference.engines import LayerTape, Tape
from gradcert.reference.numbers import Array

ERRORS: dict[str, tuple[str, Callable[[Array, Array, Array], Array]]] = {  # of the error and the scaled target
    "o + y": ("the target added to the output", lambda d, y, o: d + 2 * y),
    "o": ("an error without the target", lambda d, y, o: d + y),
    "-y": ("an error of the target alone", lambda d, y, o: -1 * y),
    "y": ("the target in the place of the error", lambda d, y, o: y),
    "1/2": ("an error of one half", lambda d, y, o: 0 * d + 0.5),
    "3/2 squared": ("half the third power of the difference for a loss", lambda d, y, o: 1.5 * (d * d)),
    "1": ("an error of one", lambda d, y, o: 0 * d + 1),
    "squared": ("the error squared", lambda d, y, o: d * d),
    "times o": ("the error times the output", lambda d, y, o: d * o),
}


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield other errors, and sweeps that do not start from zero or leave steps out."""
    for what, (label, change) in ERRORS.items():
        yield of_edit("loss", f"error {what}", label, error=_error(change))
    late, early = (lambda d, b: earlier(d)), (lambda d, b: later(d))
    yield of_edit("loss", "error late", "the error of the step before at the outputs", error=late)
    yield of_edit("loss", "error early", "the error of the step after at the outputs", error=early)
    for by, word in ((1, "before"), (-1, "after")):
        moved = partial(_rolled, by)
        label = f"the error of the step {word} at the outputs, wrapped around"
        yield of_edit("loss", f"error {word}, wrapped", label, error=moved)
    yield of_edit("loss", "error times slope", "the error times the slope of the output", error=_sloped)
    if bench.network.loss.kind == "cross_entropy":
        for what, (label, given) in SOFTMAX.items():
            yield of_edit("loss", f"softmax {what}", label, error=partial(_softmax, given))
    squared = {"signal": lambda d, i, b: d * d}
    yield of_edit("loss", "signal squared", "the learning signal squared, for a layer's own parameters", **squared)
    below = {**squared, "below": lambda c, d, i, b: c * c}
    yield of_edit("loss", "signal squared, below", "the learning signal squared in every layer", **below)
    nodes = dict.fromkeys(k.target for x in bench.network.layers for k in x.cell.links if k.lag)
    for node in nodes:
        yield of_edit(
            "timing",
            f"{node} after the end",
            f"one in the place of zero after the last step, at {node}",
            own=_after(node),
        )
    if len(nodes) > 1:
        label = f"one in the place of zero after the last step, at {' and '.join(nodes)}"
        yield of_edit("timing", "all after the end", label, own=_after(*nodes))
    for node in dict.fromkeys(n for x in bench.network.layers for n in x.cell.nodes):
        yield of_edit(
            "timing", f"{node} started at one", f"credit of one at the last step, at {node}", own=_seeded(node)
        )
    for name in dict.fromkeys(k.rpartition(".")[2] for k in bench.parameters):
        yield Hypothesis("value", f"{name} plus one", f"one added to every entry of {name}", _plus(name, 1))
    yield Hypothesis("value", "plus one", "one added to every entry", _plus("", 1))
    yield Hypothesis(
        "value", "parameter", "the parameter itself in the place of its gradient", lambda b: dict(b.parameters)
    )
    yield Hypothesis("value", "plus parameter", "the parameter added to its gradient", _with_parameter)
    yield from _shares(bench.steps)
    mean = "the credit averaged over the batch before it is multiplied with what came in"
    yield of_edit("share", "averaged credit", mean, share=_averaged)


def _averaged(adjoint: Array) -> Array:
    return np.repeat(adjoint.sum(axis=1, keepdims=True) / adjoint.shape[1], adjoint.shape[1], axis=1)


SOFTMAX: dict[str, tuple[str, Callable[[Array, Any], Array]]] = {
    "unnormalised": ("a softmax that is not divided by its sum", lambda o, n: n.exp(o)),
    "without exp": ("a softmax without its exponentials", lambda o, n: o / o.sum(axis=-1, keepdims=True)),
    "over the batch": ("a softmax over the batch", lambda o, n: n.exp(o) / n.exp(o).sum(axis=1, keepdims=True)),
}


def _softmax(given: Callable[[Array, Any], Array], delta: Array, bench: Bench) -> Array:
    error = given(bench.tape.outputs, bench.numbers) - bench.targets
    return bench.network.loss.reduced(error, bench.numbers, bench.tape.weights)


def _rolled(by: int, delta: Array, bench: Bench) -> Array:
    return np.roll(delta, by, axis=0)


def _sloped(delta: Array, bench: Bench) -> Array:
    last = bench.tape.layers[-1]
    into = [last.factors[k] for k in last.layer.cell.links if k.target == "z" and not k.lag and k.weight is None]
    return delta * into[0] if into else delta


def _error(change: Callable[[Array, Array, Array], Array]) -> Callable[[Array, Bench], Array]:
    """Return a change of the error before it is reduced over time and batch."""

    def error(delta: Array, bench: Bench) -> Array:
        loss, o = bench.network.loss, bench.tape.outputs
        changed = change(loss.error(o, bench.targets, bench.numbers), bench.targets, o)
        return loss.reduced(changed, bench.numbers, bench.tape.weights)

    return error


def _after(*nodes: str) -> Any:
    return lambda graph, tape, whole: replace(graph, after=graph.after.union(nodes))


def _seeded(node: str) -> Any:
    def edit(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
        return replace(graph, seeded=graph.seeded | {node})

    return edit


def _plus(name: str, by: int) -> Callable[[Bench], Gradient]:
    def compute(bench: Bench) -> Gradient:
        found = bench.gradients()
        return {k: g + by if not name or k.rpartition(".")[2] == name else g for k, g in found.items()}

    return compute


def _with_parameter(bench: Bench) -> Gradient:
    return {k: g + bench.parameters[k] for k, g in bench.gradients().items()}


def _shares(steps: int) -> Iterator[Hypothesis]:
    """Yield sums that keep a part: ``=`` where ``+=`` belongs, a loop that starts late or ends early."""
    every = slice(None)
    parts: dict[str, tuple[slice, slice]] = {
        "first step": (slice(0, 1), every),
        "last step": (slice(-1, None), every),
        "last sample": (every, slice(-1, None)),
        "first sample": (every, slice(0, 1)),
        "first step and last sample": (slice(0, 1), slice(-1, None)),
        "last step and last sample": (slice(-1, None), slice(-1, None)),
        "steps after the first": (slice(1, None), every),
        "steps before the last": (slice(0, -1), every),
        "steps after the second": (slice(2, None), every),
    }
    for what, (when, who) in parts.items():

        def share(adjoint: Array, when: slice = when, who: slice = who) -> Array:
            kept = np.zeros((*adjoint.shape[:2], 1), dtype=int)
            kept[when, who] = 1
            return adjoint * kept

        label = f"the {what} alone in the sum"
        yield of_edit("share", what, label, share=share)
        yield of_edit(
            "share",
            f"error of the {what}",
            f"the error of the {what} alone",
            signal=lambda d, i, b, share=share: share(d),
        )

        def below(credit: Array, delta: Array, i: int, bench: Bench, share: Any = share) -> Array:
            return share(credit)

        yield of_edit("share", f"{what}, below too", f"{label}, and in what goes down", share=share, below=below)
