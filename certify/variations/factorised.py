"""ES-D-RTRL with one line done otherwise: its correction, its smoothing, what carries a trace on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from gradcert.certify.variations.variation import Posed, Variation, Vector, published
from gradcert.reference.engines import LayerTape, record
from gradcert.reference.estimators import (
    es_d_rtrl,
    filtered,
    is_spiking,
    membrane_step,
    named,
    one_leak,
    presynaptic,
    same_step,
    stateless_gradients,
    traced_gradients,
)
from gradcert.reference.numbers import Array

Made = Callable[..., Array]


def variations(posed: Posed) -> Iterator[Variation]:
    """Yield other corrections, and other traces."""
    corrected = {**{"corrected": True}, **posed.settings}["corrected"]
    label = "no division by 1 - alpha^t" if corrected else "a division by 1 - alpha^t"
    yield Variation("correction", label, partial(published, "es-d-rtrl", {"corrected": not corrected}))
    yield Variation("no reset", "D without the reset", partial(_otherwise, _without_reset, _low_pass))
    yield Variation("leak for D", "D without the smoothing", partial(_otherwise, _unsmoothed, _low_pass))
    yield Variation("no D", "a postsynaptic trace that is smoothed without D", partial(_otherwise, _no_step, _low_pass))
    both = "a presynaptic trace that is smoothed as the postsynaptic one is"
    yield Variation("both smoothed", both, partial(_otherwise, es_d_rtrl.postsynaptic, _smooth))
    leak = "a presynaptic trace with the leak in the place of alpha"
    yield Variation("leak for alpha", leak, partial(_otherwise, es_d_rtrl.postsynaptic, _leaky))
    yield Variation(
        "traced bias", "a trace on biases", partial(_otherwise, es_d_rtrl.postsynaptic, _low_pass, bias=True)
    )


def _otherwise(post: Made, pre: Made, p: Posed, *, bias: bool = False) -> Vector:
    chosen = {"decay": 0.9, "corrected": True, **p.settings}
    alpha, corrected = p.numbers.array(chosen["decay"])[()], chosen["corrected"]
    tape = record(p.network, p.parameters, p.inputs, numbers=p.numbers)
    delta = p.network.loss.gradient(tape.outputs, p.targets, p.numbers)
    out: list[dict[str, Array]] = []
    for layer, adjoints in zip(tape.layers, same_step(tape, delta), strict=True):
        if not is_spiking(layer):
            out.append(stateless_gradients(layer, adjoints))
            continue
        traces = {name: pre(layer, x, alpha) for name, x in presynaptic(layer).items()}
        credit = adjoints["v"] * post(layer, alpha, corrected=corrected)
        out.append(traced_gradients(layer, credit, traces, filtered(0 * credit + 1, alpha) if bias else 1))
    return named(p.network, out)


def _low_pass(_: LayerTape, x: Array, alpha: Any) -> Array:
    return filtered(x, alpha)


def _smooth(_: LayerTape, x: Array, alpha: Any) -> Array:
    return filtered((1 - alpha) * x, alpha)


def _leaky(layer: LayerTape, x: Array, _: Any) -> Array:
    return filtered(x, one_leak(layer, "es-d-rtrl"))


def _without_reset(layer: LayerTape, alpha: Any, *, corrected: bool) -> Array:
    return es_d_rtrl.postsynaptic(layer, alpha, corrected=corrected, live_reset=False)


def _unsmoothed(layer: LayerTape, alpha: Any, *, corrected: bool) -> Array:
    """Return the trace of D alone, as that of D-RTRL."""
    out = es_d_rtrl.postsynaptic(layer, 0 * alpha, corrected=False)  # dv/da alone
    for t in range(1, len(out)):
        out[t] = out[t] + membrane_step(layer, t, live_reset=True) * out[t - 1]
    return out


def _no_step(layer: LayerTape, alpha: Any, *, corrected: bool) -> Array:
    gain = es_d_rtrl.postsynaptic(layer, 0 * alpha, corrected=False)
    smooth = filtered((1 - alpha) * gain, alpha)
    return smooth / filtered((1 - alpha) * (0 * gain + 1), alpha) if corrected else smooth
