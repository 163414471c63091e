"""NDOT: OTTT with a data-dependent decay, the ratio of successive membrane potentials.

Paper: Jiang, De Masi, Xiong & Gu, ICML 2024 (NDOT, neuronal dynamics-based online training); read through third-party
notes only (mathematics.md 7.4).

The equations::

    ratio^t = (v^t - th z^t) / (v^(t-1) - th z^(t-1))          clamped to [-lam, lam]
    xh^t    = ratio^(t-1) * xh^(t-1) + z^t                      of the presynaptic layer
    grad W_l = sum_t g_l^t (x) xh_(l-1)^t                       g by backpropagation within the step

Choices made where the sources leave them open: the clamp is always on; where the denominator is zero (the first step,
from rest) the ratio is lam; the ratio is the presynaptic layer's, as in practice, although the derivation concerns
the postsynaptic membrane; the input of the first layer has no membrane, so its trace decays with the first layer's
leak, as in OTTT; so does the trace of every bias.

Dropped: the reset (but for its effect on the ratio), time inside upper layers.
Cost of a layer of n units per step: n values, n^2 operations.
Exact: T = 1.
"""

from __future__ import annotations

import numpy as np

from gradcert.reference.engines import LayerTape, record
from gradcert.reference.estimators.common import (
    check_stack,
    filtered,
    is_spiking,
    named,
    one_leak,
    same_step,
    stateless_gradients,
    traced_gradients,
)
from gradcert.reference.estimators.estimator import Estimator
from gradcert.reference.networks import Network, Parameters, check_no_graph, check_plain, check_problem
from gradcert.reference.numbers import FLOAT64, Array, Numbers


def ratios(tape: LayerTape, numbers: Numbers) -> Array:
    """Return the clamped ratio^t of a LIF layer, (time, batch, units); ratio^0 is that of the step from rest."""
    leak = one_leak(tape, "ndot")
    now = tape.now["v"] - tape.p["threshold"] * tape.now["z"]
    before = tape.prev["v"] - tape.p["threshold"] * tape.prev["z"]
    silent = numbers.where(before, ">=", 0, 1, 0) * numbers.where(before, "<=", 0, 1, 0)
    ratio = (now * (1 - silent) + leak * silent) / (before + silent)
    top = numbers.where(ratio, ">", leak, leak, ratio)
    return numbers.where(top, "<", -leak, -leak, top)


def presynaptic_trace(values: Array, ratio: Array) -> Array:
    """Return xh^t = ratio^(t-1) xh^(t-1) + z^t."""
    out, trace = np.empty_like(values), 0 * values[0]
    for t in range(len(values)):
        trace = (ratio[t - 1] * trace if t else trace) + values[t]
        out[t] = trace
    return out


def gradients(
    network: Network, parameters: Parameters, inputs: Array, targets: Array, *, numbers: Numbers = FLOAT64
) -> dict[str, Array]:
    """Return the NDOT update direction; see the module docstring. Layers: LIF, or without memory.

    Examples
    --------
    >>> from gradcert.reference import Layer, Lif
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3), Layer(Lif(), inputs=3, units=2)))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 2))
    >>> gradients(network, network.parameters(), x, y)["layers.1.W"].shape
    (2, 3)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "ndot")
    check_no_graph(network, "ndot")
    check_stack(network, "ndot")
    tape = record(network, parameters, inputs, numbers=numbers)
    credit = same_step(tape, network.loss.gradient(tape.outputs, targets, numbers))
    out = []
    for i, (layer, adjoints) in enumerate(zip(tape.layers, credit, strict=True)):
        if not is_spiking(layer):
            out.append(stateless_gradients(layer, adjoints))
            continue
        below = tape.layers[i - 1] if i else None
        leak = one_leak(layer, "ndot")
        if below is not None and is_spiking(below):
            trace = presynaptic_trace(layer.x, ratios(below, numbers))
        else:
            trace = filtered(layer.x, leak)
        bias = filtered(0 * adjoints["a"] + 1, leak)
        out.append(traced_gradients(layer, adjoints["a"], {"W": trace}, bias))
    return named(network, out)


ESTIMATOR = Estimator(
    "ndot",
    "NDOT: neuronal dynamics-based online training",
    gradients,
    source="Jiang et al., ICML 2024, through third-party notes",
    exact="T = 1",
    drops="the reset but for its effect on the decay; time inside upper layers",
    time="n^2",
    memory="n",
    page=__doc__,
)
