"""NDOT, OTTT as in code, ETLP, OPZO and TESS with one line done otherwise (mathematics.md 7.1, 7.4, 10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.variations.variation import Posed, Variation, Vector, published
from gradcert.reference.engines import LayerTape, record, sweep
from gradcert.reference.estimators import (
    filtered,
    is_spiking,
    named,
    one_leak,
    opzo,
    same_step,
    stateless_gradients,
    traced_gradients,
)
from gradcert.reference.estimators import ndot as ndot_rule
from gradcert.reference.estimators import s_tllr as s_tllr_rule
from gradcert.reference.estimators import tess as tess_rule
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array


def ndot(posed: Posed) -> Iterator[Variation]:
    """Yield NDOT with another ratio, or none."""
    yield Variation("leak for the ratio", "the leak of the layer itself for the ratio", partial(_ndot, _leak))
    yield Variation("leak below for the ratio", "the leak of the layer below for the ratio", partial(_ndot, _below))
    yield Variation("ratio of the same step", "the ratio of the same step, not of the one before", partial(_ndot, _new))
    yield Variation("ratio unclamped", "a ratio that is not clamped", partial(_ndot, _unclamped))


Trace = Callable[[LayerTape, LayerTape, Any], Array]


def _leak(layer: LayerTape, below: LayerTape, numbers: Any) -> Array:
    return filtered(layer.x, one_leak(layer, "ndot"))


def _below(layer: LayerTape, below: LayerTape, numbers: Any) -> Array:
    return filtered(layer.x, one_leak(below, "ndot"))


def _new(layer: LayerTape, below: LayerTape, numbers: Any) -> Array:
    ratio = ndot_rule.ratios(below, numbers)
    return ndot_rule.presynaptic_trace(layer.x, np.concatenate([ratio[1:], ratio[-1:]]))


def _unclamped(layer: LayerTape, below: LayerTape, numbers: Any) -> Array:
    threshold = below.p["threshold"]
    now = below.now["v"] - threshold * below.now["z"]
    before = below.prev["v"] - threshold * below.prev["z"]
    silent = numbers.array((before == 0).astype(int))
    leak = one_leak(below, "ndot")
    return ndot_rule.presynaptic_trace(layer.x, (now * (1 - silent) + leak * silent) / (before + silent))


def _ndot(trace_of: Trace, p: Posed) -> Vector:
    tape = record(p.network, p.parameters, p.inputs, numbers=p.numbers)
    credit = same_step(tape, p.network.loss.gradient(tape.outputs, p.targets, p.numbers))
    out = []
    for i, (layer, adjoints) in enumerate(zip(tape.layers, credit, strict=True)):
        if not is_spiking(layer):
            out.append(stateless_gradients(layer, adjoints))
            continue
        leak, below = one_leak(layer, "ndot"), tape.layers[i - 1] if i else None
        spiking = below is not None and is_spiking(below)
        trace = trace_of(layer, below, p.numbers) if spiking and below is not None else filtered(layer.x, leak)
        bias = filtered(0 * adjoints["a"] + 1, leak)
        out.append(traced_gradients(layer, adjoints["a"], {"W": trace}, bias))
    return named(p.network, out)


def ottt_code(posed: Posed) -> Iterator[Variation]:
    """Yield the official code's OTTT with one of its options the other way round."""
    words = {
        "bias": ("no trace on biases", "a trace on biases"),
        "inputs_traced": ("no trace on the network's input", "a trace on the network's input"),
        "readout": ("no trace under the readout", "a trace under the readout"),
    }
    for name, labels in words.items():
        other = not posed.settings.get(name, name == "readout")
        yield Variation(labels[other], labels[other], partial(published, "ottt-code", {name: other}))
    leak = "postsynaptic" if posed.settings.get("leak", "presynaptic") == "presynaptic" else "presynaptic"
    yield Variation(f"{leak} leak", f"traces with the {leak} leak", partial(published, "ottt-code", {"leak": leak}))
    row = {"bias": True, "inputs_traced": True, "readout": False, "leak": "postsynaptic"}
    yield Variation("everything traced", "what the row ottt traces", partial(published, "ottt-code", row))


def _with(name: str, change: Callable[[Problem], Problem], p: Posed) -> Vector:
    return published(name, {}, Posed(change(p.problem), p.settings))


def etlp(posed: Posed) -> Iterator[Variation]:
    """Yield ETLP with events that are not read, or of another step, and projections of the other sign."""

    def every(problem: Problem) -> Problem:
        return _drawn(problem, {"events": np.ones_like(problem.drawn["events"])})

    def late(problem: Problem) -> Problem:
        events = problem.drawn["events"]
        return _drawn(problem, {"events": np.concatenate([events[:1] * 0, events[:-1]])})

    yield Variation("every step an event", "an event at every step", partial(_with, "etlp", every))
    yield Variation("events one step late", "events one step late", partial(_with, "etlp", late))
    yield Variation("projection sign", "projections of the opposite sign", partial(_with, "etlp", _turned))


def opzo_variations(posed: Posed) -> Iterator[Variation]:
    """Yield OPZO with its running mean done otherwise, or its perturbation not divided by its size."""
    forgetful = {"momentum": 0.0}
    yield Variation("no running mean", "the estimate of the last step alone", partial(published, "opzo", forgetful))
    yield Variation("noise turned", "noise of the opposite sign in the estimate", partial(_estimated, -1))
    yield Variation("not divided by alpha", "an estimate that is not divided by alpha", partial(_estimated, None))


def _estimated(sign: int | None, p: Posed) -> Vector:
    """Return OPZO's update with its feedback estimated, then turned or multiplied by alpha."""
    settings = {"alpha": 0.1, "momentum": 0.9, **p.settings}
    signs = [p.problem.drawn[f"signs.{i}"] for i in range(p.network.depth - 1)]
    found = opzo.estimate_feedback(p.network, p.parameters, p.inputs, signs=signs, numbers=p.numbers, **settings)
    factor = p.numbers.array(settings["alpha"])[()] if sign is None else sign
    feedback = {name: factor * b for name, b in found.items()}
    given = (p.network, p.parameters, p.inputs, p.targets)
    return opzo.gradients(*given, numbers=p.numbers, feedback=feedback, **settings)


def tess(posed: Posed) -> Iterator[Variation]:
    """Yield TESS with its settings in another order, or with the acausal trace of the code."""
    usual = {"lq": 0.5, "lp": 0.8, "a_post": -0.2, "a_pre": 1.0, **posed.settings}
    swapped = {"lq": usual["lp"], "lp": usual["lq"], "a_post": usual["a_pre"], "a_pre": usual["a_post"]}
    yield Variation("settings swapped", "lq and lp, a_post and a_pre swapped", partial(published, "tess", swapped))
    other = {"acausal": "code" if usual.get("acausal", "paper") == "paper" else "paper"}
    words = f"the acausal trace of the {other['acausal']}"
    yield Variation("other acausal trace", words, partial(published, "tess", other))
    alone = {"a_post": 0.0}
    yield Variation("no acausal term", "no acausal term", partial(published, "tess", alone))
    if any(_zeros(posed.targets.shape[2], layer.units) for layer in posed.network.layers[:-1]):
        words = "signs of sines as they are rounded: 1 or -1 where a sine is 0"
        yield Variation("rounded sines", words, partial(_rounded, usual))
    yield Variation(
        "credit from above", "credit from the layer above, not from a loss of its own", partial(_as_s_tllr, usual)
    )


def _zeros(outputs: int, units: int) -> bool:
    """Return whether some sine of TESS's basis is 0."""
    return not tess_rule.basis(outputs, units).all()


def _rounded(settings: dict[str, Any], p: Posed) -> Vector:
    """Return TESS with sign(sin(...)) of floats for its basis."""
    numbers, tape = p.numbers, record(p.network, p.parameters, p.inputs, numbers=p.numbers)
    given = {k: numbers.array(settings[k])[()] for k in ("lq", "lp", "a_post", "a_pre")}
    loss, out = p.network.loss, []
    for i, layer in enumerate(tape.layers):
        delta = loss.gradient(tape.outputs, p.targets, numbers)
        if i < p.network.depth - 1:
            units, outputs = layer.layer.units, p.targets.shape[2]
            angles = np.outer(np.arange(1, outputs + 1), 2 * np.pi * (np.arange(units) + 0.5) / units)
            readout = numbers.array(np.sign(np.sin(angles))) / units
            delta = np.matmul(loss.gradient(np.matmul(layer.now["z"], readout.T), p.targets, numbers), readout)
        adjoints = sweep(layer, delta, frozenset())
        acausal = settings.get("acausal", "paper")
        if is_spiking(layer):
            out.append(s_tllr_rule.layer_update(layer, adjoints, **given, acausal=acausal))
        else:
            out.append(stateless_gradients(layer, adjoints))
    return named(p.network, out)


def _as_s_tllr(settings: dict[str, Any], p: Posed) -> Vector:
    return published("s-tllr", settings, Posed(p.problem, {}))


def _turned(problem: Problem) -> Problem:
    return replace(problem, feedback={name: -b for name, b in problem.feedback.items()})


def _drawn(problem: Problem, drawn: dict[str, Array]) -> Problem:
    return replace(problem, drawn={**problem.drawn, **drawn})
