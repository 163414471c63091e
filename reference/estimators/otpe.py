"""OTPE: online training with postsynaptic estimates; one more leak filter stands for the memory of the next layer.

Paper: Summe, Schaefer & Joshi, arXiv 2311.16151; code Intelligent-Microsystems-Lab/OTPE.

The equations (mathematics.md 9)::

    E^t      = (dv^t/dv^(t-1)) E^(t-1) + x^t            dz^t = psi^t E^t
    Rh^t     = lam_up Rh^(t-1) + dz^t                   lam_up: the leak of the next layer
    grad W_l = sum_t (W_(l+1)^T g_(l+1)^t) . Rh^t        the last layer with memory: without Rh

g of the layer that is directly below the loss is psi^t * delta^t; deeper down the credit passes through psibar^t, the
normalised decaying average sum_k lam^k psi^(t-k) / sum_k lam^k. ``approximate``: xh = lam xh + x,
xhh = lam_up xhh + xh, grad = (delta * psibar) (x) xhh, which factorises.

Choices made: the leak in psibar is lam_up of the layer that the average belongs to, so that the last layer with memory
(whose lam_up is 0) uses psi itself; in the published code all layers share one leak. The reset in dv^t/dv^(t-1) is
live, as in the code; ``live_reset=False`` drops it.

Dropped: the reset of upper layers; of the memory above the next layer, all but the average psibar.
Cost of a layer of n units per step: 2 n^2 values and n^2 operations; approximate: 2 n values.
Exact: two LIF layers under a stateless head, with the upper reset out of the graph and one leak per layer.
"""

from __future__ import annotations

from typing import Any

from gradcert.reference.engines import Adjoints, LayerTape, credit_below, record, sweep
from gradcert.reference.estimators.common import (
    check_stack,
    filtered,
    is_spiking,
    membrane_step,
    named,
    one_leak,
    slopes,
    stateless_gradients,
    traced_gradients,
)
from gradcert.reference.estimators.estimator import Estimator
from gradcert.reference.networks import Network, Parameters, check_no_graph, check_plain, check_problem, lif
from gradcert.reference.numbers import FLOAT64, Array, Numbers


def gradients(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    numbers: Numbers = FLOAT64,
    approximate: bool = False,
    live_reset: bool = True,
) -> dict[str, Array]:
    """Return the OTPE gradient; see the module docstring. Layers: LIF without lateral weights, or without memory.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference import Layer, Lif
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3), Layer(Lif(), inputs=3, units=2)))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 2))
    >>> gradients(network, network.parameters(), x, y)["layers.0.W"].shape
    (3, 2)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "otpe")
    check_no_graph(network, "otpe")
    check_stack(network, "otpe", gains=("one", "one_minus_leak"))
    tape = record(network, parameters, inputs, numbers=numbers)
    delta = network.loss.gradient(tape.outputs, targets, numbers)
    out: list[dict[str, Array]] = []
    for i in reversed(range(network.depth)):
        layer = tape.layers[i]
        if is_spiking(layer):
            up = one_leak(tape.layers[i + 1], "otpe") if i + 1 < network.depth else 0
            smooth = _smoothed(slopes(layer), up)
            adjoints: Adjoints = {"z": delta, "v": smooth * delta}
            adjoints["a"] = adjoints["v"] * layer.factors[lif.GAIN]
            if approximate:
                leak = one_leak(layer, "otpe")
                trace = filtered(filtered(layer.x, leak), up)
                bias = filtered(filtered(0 * delta + 1, leak), up)
                out.insert(0, traced_gradients(layer, adjoints["a"], {"W": trace}, bias))
            else:
                out.insert(0, _full(layer, delta, up, live_reset=live_reset))
        else:
            adjoints = sweep(layer, delta, frozenset())
            out.insert(0, stateless_gradients(layer, adjoints))
        if i:
            delta = credit_below(layer, adjoints, layer.p)
    return named(network, out)


def _smoothed(psi: Array, leak: Any) -> Array:
    """Return sum_k leak^k psi^(t-k) / sum_k leak^k."""
    return filtered(psi, leak) / filtered(0 * psi + 1, leak)


def _full(layer: LayerTape, delta: Array, up: Any, *, live_reset: bool) -> dict[str, Array]:
    """Return sum_t delta^t . Rh^t, the traces being one matrix per sample."""
    synapse, psi, gain = layer.layer.synapse("W"), slopes(layer), layer.factors[lif.GAIN]
    with_bias = "b" in layer.layer.cell.trained
    e_w: Any = 0
    r_w: Any = 0
    e_b: Any = 0
    r_b: Any = 0
    g_w: Any = 0
    g_b: Any = 0
    for t in range(len(delta)):
        jacobian = membrane_step(layer, t, live_reset=live_reset) if t else 0
        jacobian = jacobian + 0 * psi[t]
        e_w = jacobian[:, :, None] * e_w + gain * synapse.expand(layer.x[t])
        r_w = up * r_w + psi[t][:, :, None] * e_w
        g_w = g_w + (delta[t][:, :, None] * r_w).sum(axis=0)
        e_b = jacobian * e_b + gain
        r_b = up * r_b + psi[t] * e_b
        g_b = g_b + (delta[t] * r_b).sum(axis=0)
    return {"W": synapse.fold(g_w), **({"b": g_b} if with_bias else {})}


ESTIMATOR = Estimator(
    "otpe",
    "OTPE: online training with postsynaptic estimates",
    gradients,
    source="arXiv 2311.16151",
    exact="two LIF layers under a stateless head, against BPTT with the upper reset detached",
    drops="the reset of upper layers; memory above the next layer but for an averaged pseudo-derivative",
    time="n^2",
    memory="n^2 (approximate: n)",
    page=__doc__,
)
