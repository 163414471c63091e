"""Central differences of the loss in place of a gradient."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Gradient, Hypothesis
from gradcert.certify.diagnosis.unrolled import Bench
from gradcert.reference.engines import objective, record
from gradcert.reference.numbers import Array

STEPS = (*(2.0**-k for k in (10, 16, 20, 26)), *(10.0**-k for k in range(3, 9)))


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield differences with the usual steps, of losses that spikes make piecewise constant."""
    if any(hasattr(layer.cell, "surrogate") for layer in bench.network.layers):
        for h in STEPS:
            label = f"differences of the loss, h = {h:.3g}, which do not see a spike move"
            yield Hypothesis("value", "differences of a step", label, partial(central, h=h))


def central(bench: Bench, h: float) -> Gradient | None:
    """Return (E(w + h) - E(w - h)) / 2h for every entry of every parameter."""
    if not any(hasattr(layer.cell, "surrogate") for layer in bench.network.layers):
        return None

    def loss(name: str, index: tuple[int, ...], by: float) -> Any:
        value = bench.parameters[name].copy()
        value[index] = value[index] + by
        given = {**bench.parameters, name: value}
        tape = record(bench.tape.network, given, bench.inputs, numbers=bench.numbers, **bench.data)
        return objective(tape, bench.targets)

    out: dict[str, Array] = {}
    for name, value in bench.parameters.items():
        out[name] = np.empty(value.shape, dtype=value.dtype)
        for i in np.ndindex(value.shape):
            out[name][i] = (loss(name, i, h) - loss(name, i, -h)) * (1 / (2 * h))
    return out
