"""Initial values: not read, without a gradient, or with one that is averaged, or of the first sequence alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Gradient, Hypothesis, of_run
from gradcert.certify.diagnosis.unrolled import Bench, graph_of, initial_gradients, sweep
from gradcert.reference.engines import named
from gradcert.reference.networks import PREFIX
from gradcert.reference.numbers import Array


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield other initial values, and other gradients of them."""
    if not bench.data.get("initial"):
        return
    label = "states that start from zero: the initial values are not read"
    yield of_run("given", "initial not read", label, partial(_started, change=lambda v: 0 * v))
    first = "the initial values of the first sample for all"
    yield of_run("given", "initial of the first sample", first, partial(_started, change=_first))
    if not bench.data.get("initial_gradient"):
        return
    nodes = sorted({name.rpartition(".")[2] for name in bench.data.get("initial") or ()})
    for node in nodes:
        label = f"no gradient of the initial {node}"
        yield Hypothesis(
            "given", f"initial {node} without a gradient", label, partial(_changed, node, lambda g, _: 0 * g)
        )
    label = "no gradient of the initial values"
    yield Hypothesis("given", "initial without a gradient", label, partial(_changed, "", _nothing))
    label = "the gradient of initial values averaged over the batch"
    yield Hypothesis("given", "initial averaged", label, partial(_changed, "", _averaged))
    if bench.data.get("begins") is not None:
        label = "the gradient of initial values at the first step of a row alone, without those of later sequences"
        yield Hypothesis("given", "initial of the first sequence", label, _first_row)


def _started(bench: Bench, change: Callable[[Array], Array]) -> Bench | None:
    initial = {name: change(value) for name, value in (bench.data.get("initial") or {}).items()}
    return bench.again(data={**bench.data, "initial": initial})


def _first(value: Array) -> Array:
    return np.repeat(value[:1], len(value), axis=0) if value.ndim == 2 else value


def _nothing(gradient: Array, _: Bench) -> Array:
    return 0 * gradient


def _averaged(gradient: Array, bench: Bench) -> Array:
    return gradient * (1 / bench.inputs.shape[1])


def _changed(node: str, change: Callable[[Array, Bench], Array], bench: Bench) -> Gradient:
    mine = f".{node}" if node else ""
    return {
        name: change(g, bench) if name.startswith(PREFIX) and name.endswith(mine) else g
        for name, g in bench.gradients().items()
    }


def _first_row(bench: Bench) -> Gradient | None:
    if bench.rule.window or bench.rule.reach or bench.rule.feedback != "symmetric":
        return None
    out, delta = bench.gradients(), bench.credit
    last = bench.tape.network.depth - 1
    if last:  # what arrives at lower layers is the engine's business
        return None
    layer = bench.tape.layers[last]
    graph = graph_of(layer, bench.rule.own, chunk=bench.rule.chunk)
    adjoints = sweep(graph, delta[last])
    return {**out, **named(layer.layer, last, {}, initial_gradients(replace(graph, begins=None), layer, adjoints))}
