"""Weights of the loss: not read, padding that counts, a mean that is divided by other steps than those that count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_run
from gradcert.certify.diagnosis.unrolled import Bench
from gradcert.reference.networks import with_loss
from gradcert.reference.numbers import Array

READ: dict[str, tuple[str, Callable[[Array], Array | None]]] = {
    "not read": ("every step weighed alike: the loss's weights are not read", lambda w: None),
    "padding counted": ("steps of weight 0 counted like others", lambda w: np.where(w == 0, 1.0, w)),
    "taken for 0 and 1": ("every weight that is not 0 taken for one", lambda w: (w != 0).astype(float)),
    "squared": ("the weights applied twice", lambda w: w * w),
    "of the step before": ("the weights of the step before", lambda w: np.concatenate([w[:1], w[:-1]])),
    "of the step after": ("the weights of the step after", lambda w: np.concatenate([w[1:], w[-1:]])),
    "of the first sample": ("the weights of the first sample for all", lambda w: np.repeat(w[:, :1], w.shape[1], 1)),
}


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield other readings of the weights."""
    if "weights" not in bench.data:
        return
    for what, (label, change) in READ.items():
        yield of_run("given", f"weights {what}", label, _weighed(change))
    if bench.network.loss.time in ("mean", "pooled"):
        label = "a mean over time that is divided by the padded steps too"
        yield of_run("given", "weights averaged over padding", label, _over_all_steps)
    for time, label in (("pooled", "one mean over the steps of all samples"), ("mean", "a mean over a sample's steps")):
        if bench.network.loss.time != time and bench.network.loss.batch == "sum":
            yield of_run("given", f"weights {time}", label, _reduced(time))


def _weighed(change: Callable[[Array], Array | None]) -> Callable[[Bench], Bench | None]:
    def run(bench: Bench) -> Bench | None:
        weights = bench.data.get("weights")
        return None if weights is None else bench.again(data={**bench.data, "weights": change(weights)})

    return run


def _over_all_steps(bench: Bench) -> Bench | None:
    weights, loss = bench.data.get("weights"), bench.network.loss
    if weights is None or loss.time == "sum" or loss.when != "every":  # there is nothing over time to average
        return bench
    summed = with_loss(bench.network, time="sum")
    counted = weights * (1 / (weights.size if loss.time == "pooled" else len(weights)))
    return bench.again(network=summed, data={**bench.data, "weights": counted})


def _reduced(time: str) -> Callable[[Bench], Any]:
    return lambda bench: bench.again(network=with_loss(bench.network, time=time))
