"""Terms about activity: not read, pushed the wrong way, kept in their own layer, a rate of the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Gradient, Hypothesis, of_layer, of_run
from gradcert.certify.diagnosis.unrolled import Bench
from gradcert.reference.engines import arriving, tape_gradients
from gradcert.reference.networks import Activity, with_loss
from gradcert.reference.numbers import Array

CHANGED: dict[str, tuple[str, Callable[[Activity], Activity]]] = {
    "sign": ("activity pushed away from where it should go", lambda a: replace(a, strength=-a.strength)),
    "doubled": ("terms about activity times 2", lambda a: replace(a, strength=2 * a.strength)),
    "without strength": ("terms about activity without their strength", lambda a: replace(a, strength=1.0)),
    "without target": ("a rate pushed towards zero", lambda a: replace(a, target=0.0) if a.kind == "rate" else a),
    "pooled": (
        "one rate of all samples together in the place of each sample's",
        lambda a: replace(a, batch="pooled") if a.kind == "rate" else a,
    ),
    "batch": ("terms about activity averaged over the batch", lambda a: replace(a, batch="mean")),
}


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield other terms about activity."""
    terms = bench.network.loss.activity
    if not terms:
        return
    yield of_run("given", "activity not read", "no terms about activity", partial(_terms, change=None))
    for what, (label, change) in CHANGED.items():
        yield of_run("given", f"activity {what}", label, partial(_terms, change=change))
    label = "terms about activity averaged over the steps once more"
    yield of_run("given", "activity averaged again", label, _averaged_again)
    label = "terms about activity that act in their own layer alone, and not below"
    yield Hypothesis("given", "activity not below", label, _own_alone)
    label = "terms about activity through the trace that the readout filters"
    yield Hypothesis("given", "activity filtered", label, _filtered)
    if any(term.kind == "rate" for term in terms):
        yield Hypothesis(
            "given", "activity rate of the batch", "rates averaged over the batch before the square", _batch
        )


def _terms(bench: Bench, change: Callable[[Activity], Activity] | None) -> Bench | None:
    terms = tuple(change(term) for term in bench.network.loss.activity) if change else ()
    return bench.again(network=with_loss(bench.network, activity=terms))


def _averaged_again(bench: Bench) -> Bench | None:
    return _terms(bench, lambda a: replace(a, strength=a.strength / len(bench.inputs)))


def _plain(bench: Bench) -> dict[int, Array]:
    """Return what the loss says without its terms about activity."""
    network = with_loss(bench.tape.network, activity=())
    return arriving(replace(bench.tape, network=network), bench.targets)


def _with(bench: Bench, credit: dict[int, Array]) -> Gradient:
    return tape_gradients(bench.tape, bench.targets, rule=bench.rule, feedback=bench.feedback, delta=credit)


def _sums(bench: Bench, parts: dict[int, Array]) -> dict[int, Array]:
    plain = _plain(bench)
    return plain | {i: plain[i] + part if i in plain else part for i, part in parts.items()}


def _own_alone(bench: Bench) -> Gradient | None:
    if bench.rule.feedback != "symmetric":
        return None
    plain, last = _plain(bench), bench.network.depth - 1
    out = _with(bench, plain)
    for i, whole in bench.credit.items():
        own = whole - plain[i] if i in plain else whole
        found = _with(bench, {last: 0 * plain[last], i: own})
        out |= {name: out[name] + g for name, g in of_layer(bench, found, i).items()}
    return out


def _filtered(bench: Bench) -> Gradient | None:
    """Return the gradient with a regulariser inside the learning signal, which the readout's decay then filters."""
    decay = bench.tape.layers[-1].p.get("kappa")
    if decay is None or bench.network.depth < 2 or np.ndim(decay) > 0:
        return None
    plain, credit = _plain(bench), dict(bench.credit)
    for i, whole in bench.credit.items():
        if i < bench.network.depth - 1:
            own = whole - plain[i] if i in plain else whole + 0
            for t in reversed(range(len(own) - 1)):
                own[t] = own[t] + decay * own[t + 1]
            credit[i] = plain[i] + own if i in plain else own
    return _with(bench, credit)


def _batch(bench: Bench) -> Gradient | None:
    weights = bench.data.get("weights")
    parts: dict[int, Array] = {}
    for term in bench.network.loss.activity:
        for i in term.numbers_of(bench.network.depth):
            z = bench.tape.layers[i].now["z"]
            g = _of_batch(term, z, weights) if term.kind == "rate" else term.gradient(z, bench.numbers, weights)
            parts[i] = parts[i] + g if i in parts else g
    return _with(bench, _sums(bench, parts))


def _of_batch(term: Activity, z: Array, weights: Any) -> Array:
    share = np.ones(z.shape[:2])[..., None] if weights is None else np.asarray(weights)[..., None]
    share = share / share.sum(axis=0)
    rate = (share * z).sum(axis=0).sum(axis=0) * (1 / z.shape[1])
    return np.asarray(share * (rate - term.target) * term.strength) + 0 * z
