"""S-TLLR, OTPE, rate-based and SLTT-K with one line done otherwise (mathematics.md 7, 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from gradcert.certify.variations.variation import Posed, Variation, Vector, published
from gradcert.reference.engines import Adjoints, LayerTape, credit_below, record, sweep, tape_gradients
from gradcert.reference.estimators import (
    filtered,
    is_spiking,
    membrane_step,
    named,
    one_leak,
    slopes,
    stateless_gradients,
)
from gradcert.reference.networks import lif
from gradcert.reference.numbers import Array
from gradcert.reference.rules import RULES


def sltt_k(posed: Posed) -> Iterator[Variation]:
    """Yield SLTT-K scaled to be unbiased."""
    yield Variation("times T / K", "the factor T / K", partial(published, "sltt-k", {"unbiased": True}))


def s_tllr(posed: Posed) -> Iterator[Variation]:
    """Yield S-TLLR with its acausal trace off by a factor or a step, and its settings in another order."""
    s = posed.settings
    swapped = {"lq": s["lp"], "lp": s["lq"], "a_post": s["a_pre"], "a_pre": s["a_post"]}
    yield Variation("settings swapped", "lq and lp, a_post and a_pre swapped", partial(published, "s-tllr", swapped))
    code = {"acausal": "code"}
    yield Variation(
        "acausal trace a factor short", "an acausal trace without one lq", partial(published, "s-tllr", code)
    )

    def current(p: Posed) -> Vector:
        """Add the term of the same step, which is SLTT's."""
        right = published("s-tllr", {}, p)
        tape = record(p.network, p.parameters, p.inputs, numbers=p.numbers)
        now = tape_gradients(tape, p.targets, rule=RULES["sltt"], feedback={})
        spiking = [f"layers.{i}.W" for i, layer in enumerate(tape.layers) if is_spiking(layer)]
        weight = p.numbers.array(p.settings["a_post"])[()]
        return {k: g + weight * now[k] if k in spiking else g for k, g in right.items()}

    yield Variation("acausal trace too new", "an acausal trace that includes the current psi", current)


def otpe(posed: Posed) -> Iterator[Variation]:
    """Yield OTPE with other filters."""
    yield Variation("filter on the last layer", "the second filter on the last layer too", partial(_otpe, _own_if_none))
    yield Variation("filter of the own leak", "the second filter with the layer's own leak", partial(_otpe, _own))
    yield Variation("no membrane trace", "no membrane trace", partial(_otpe, _next, kept=0))
    yield Variation("updated twice", "the input added twice in a step", partial(_otpe, _next, times=2))


Up = Callable[[Any, Any], Any]


def _next(own: Any, above: Any) -> Any:
    return above


def _own(own: Any, above: Any) -> Any:
    return own if above is not None else None


def _own_if_none(own: Any, above: Any) -> Any:
    return own if above is None else above


def _otpe(up_of: Up, p: Posed, *, kept: int = 1, times: int = 1) -> Vector:
    tape = record(p.network, p.parameters, p.inputs, numbers=p.numbers)
    delta = p.network.loss.gradient(tape.outputs, p.targets, p.numbers)
    out: list[dict[str, Array]] = []
    for i in reversed(range(p.network.depth)):
        layer = tape.layers[i]
        if not is_spiking(layer):
            adjoints: Adjoints = sweep(layer, delta, frozenset())
            out.insert(0, stateless_gradients(layer, adjoints))
        else:
            higher = tape.layers[i + 1] if i + 1 < p.network.depth else None
            above = one_leak(higher, "otpe") if higher is not None and is_spiking(higher) else None
            up = up_of(one_leak(layer, "otpe"), above)
            up = 0 if up is None else up
            out.insert(0, _twice_filtered(layer, delta, up, kept=kept, times=times))
            psi = slopes(layer)
            smooth = filtered(psi, up) / filtered(0 * psi + 1, up)
            adjoints = {"z": delta, "v": smooth * delta, "a": smooth * delta * layer.factors[lif.GAIN]}
        if i:
            delta = credit_below(layer, adjoints, layer.p)
    return named(p.network, out)


def _twice_filtered(layer: LayerTape, delta: Array, up: Any, *, kept: int, times: int) -> dict[str, Array]:
    synapse, psi, gain = layer.layer.synapse("W"), slopes(layer), layer.factors[lif.GAIN]
    e_w: Any = 0
    r_w: Any = 0
    e_b: Any = 0
    r_b: Any = 0
    g_w: Any = 0
    g_b: Any = 0
    for t in range(len(delta)):
        before = membrane_step(layer, t, live_reset=True) if t else one_leak(layer, "otpe")  # at rest there is no slope
        jacobian = before * kept + 0 * psi[t]
        for _ in range(times):
            e_w = jacobian[:, :, None] * e_w + gain * synapse.expand(layer.x[t])
        r_w = up * r_w + psi[t][:, :, None] * e_w
        g_w = g_w + (delta[t][:, :, None] * r_w).sum(axis=0)
        e_b = jacobian * e_b + gain
        r_b = up * r_b + psi[t] * e_b
        g_b = g_b + (delta[t] * r_b).sum(axis=0)
    return {"W": synapse.fold(g_w), **({"b": g_b} if "b" in layer.layer.cell.trained else {})}


def rate_based(posed: Posed) -> Iterator[Variation]:
    """Yield rate-based backpropagation with kappa done otherwise."""
    yield Variation("kappa of the new slope", "kappa with psi of the same step", partial(_rate, False))
    yield Variation(
        "kappa with threshold 1", "kappa with a threshold of 1 in the place of the layer's", partial(_rate, True)
    )


def _rate(unit: bool, p: Posed) -> Vector:
    tape = record(p.network, p.parameters, p.inputs, numbers=p.numbers)
    steps, batch = p.inputs.shape[:2]
    delta = p.network.loss.error(tape.outputs.sum(axis=0) / steps, p.targets.sum(axis=0) / steps, p.numbers)
    delta = delta / batch if p.network.loss.batch == "mean" else delta
    out: list[dict[str, Array]] = []
    for layer in reversed(tape.layers):
        g = delta * _rate_slope(layer, unit)
        synapse = layer.layer.synapse("W")
        grads = {"W": synapse.pull_weight(g, layer.x.sum(axis=0) / steps)}
        out.insert(0, {**grads, **({"b": g.sum(axis=0)} if "b" in layer.layer.cell.trained else {})})
        delta = synapse.pull_input(layer.p["W"], g)
    return named(p.network, out)


def _rate_slope(layer: LayerTape, unit: bool) -> Array:
    steps = len(layer.x)
    if not is_spiking(layer):
        return sweep(layer, 0 * layer.now["z"] + 1, frozenset())["a"].sum(axis=0) / steps
    psi, leak, gain = slopes(layer), one_leak(layer, "rate-based"), layer.factors[lif.GAIN]
    threshold = 1 if unit else layer.p["threshold"]
    kappa: Any = 0
    total: Any = 0
    for t in range(steps):
        seen = psi[t - 1] if unit else psi[t]
        kappa = gain + (leak * (1 - threshold * seen) * kappa if t else 0)
        total = total + psi[t] * kappa
    return total / steps
