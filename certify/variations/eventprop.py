"""EventProp with one line done otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.variations.variation import Posed, Variation, Vector, published
from gradcert.reference.engines import LayerTape, record, sweep
from gradcert.reference.estimators import eventprop, named, stateless_gradients
from gradcert.reference.numbers import Array


def variations(posed: Posed) -> Iterator[Variation]:
    """Yield no jump at a spike, one of BPTT, slopes of another step, a weight on the other side of the function."""
    other = "inside" if posed.settings.get("weights", "outside") == "outside" else "outside"
    moved = partial(published, "eventprop", {"weights": other})
    yield Variation(f"weights {other}", f"weights {other} the function", moved)
    yield Variation("no jump", "lam_v lost at a spike", partial(_run, jump=0))
    yield Variation("jump of 1", "lam_v that passes a spike as it is", partial(_run, jump=1))
    yield Variation("factor of the membrane", "1 - leak in the place of 1 - rho", partial(_run, membrane=True))
    yield Variation("slope after the spike", "the slope after the spike for what arrives", partial(_run, late=True))


def _run(p: Posed, *, jump: int | None = None, membrane: bool = False, late: bool = False) -> Vector:
    settings = {"dt": 0.001, "weights": "outside", **p.settings}
    tape = record(p.network, p.parameters, p.inputs, numbers=p.numbers)
    delta = p.network.loss.gradient(tape.outputs, p.targets, p.numbers)
    out: list[dict[str, Array]] = []
    for layer in reversed(tape.layers):
        synapse = layer.layer.synapse("W")
        if layer.layer.cell.name == "synaptic":
            early, after = _adjoint(layer, delta, p.numbers.array(settings["dt"])[()], jump, membrane, late)
            used = after if settings["weights"] == "outside" else early
            bias = {"b": used.sum(axis=(0, 1))} if "b" in layer.layer.cell.trained else {}
            out.insert(0, {"W": synapse.pull_weight(used, layer.x), **bias})
            delta = synapse.pull_input(layer.p["W"], after)
        else:
            adjoints = sweep(layer, delta, frozenset())
            out.insert(0, stateless_gradients(layer, adjoints))
            delta = synapse.pull_input(layer.p["W"], adjoints["a"])
    return named(p.network, out)


def _adjoint(
    tape: LayerTape, delta: Array, dt: Any, jump: int | None, membrane: bool, late: bool
) -> tuple[Array, Array]:
    leak, rho = tape.p["leak"], tape.p["rho"]
    before, after = eventprop.slopes_of(tape)
    lam_v = lam_i = 0 * delta[0]
    early: list[Array] = []
    updated: list[Array] = []
    for t in reversed(range(len(delta))):
        z = tape.now["z"][t]
        early.insert(0, lam_i)
        lam_i = rho * lam_i + (1 - (leak if membrane else rho)) * lam_v
        updated.insert(0, lam_i)
        slope = before[t] * z + (1 - z)
        other = after[t] * z + (1 - z) if late else slope
        passed = after[t] / slope if jump is None else jump
        lam_v = leak * lam_v * (1 - z + z * passed) + z * (dt / (1 - leak)) / other * delta[t]
    return np.stack(early), np.stack(updated)
