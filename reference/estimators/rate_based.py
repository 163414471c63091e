"""Rate-based backpropagation: one backward pass over firing rates, for the whole sequence.

Paper: Yu, Liu, Wang, Li & Li, arXiv 2410.11488, NeurIPS 2024; code Tab-ct/rate-based-backpropagation.

The equations (mathematics.md 10), for the rate r = mean_t z^t and a current I that is constant in time::

    dr/dI = mean_t psi^t kappa^t
    soft reset, detached   kappa^t = 1 + lam kappa^(t-1)
    soft reset, live       kappa^t = 1 + lam (1 - th psi^(t-1)) kappa^(t-1)
    hard reset, live       kappa^t = 1 + [lam (1 - z) - lam v psi]^(t-1) kappa^(t-1)
    g_l = dE/dr_l * dr_l/dI_l        grad W_l = g_l (x) mean_t x_l^t        dE/dr_(l-1) = W_l^T g_l

In all three kappa^t = gain + (dv^t/dv^(t-1)) kappa^(t-1). The code writes th = 1 into the second form; here th is the
cell's. A layer without memory has dr/dI = mean_t of its slope.

Choice made: the loss is a function of rates, so it is the network's loss of one step, at the mean output and the mean
target; the options of the loss about time do not enter.

Dropped: every change of the current over time, and with it the correlation of spikes and slopes.
Cost of a layer of n units: n values (kappa) per step, n^2 operations once per sequence.
Exact: the derivative with respect to a current that is constant in time, such as a bias, in one layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.reference.engines import LayerTape, record, sweep
from gradcert.reference.estimators.common import check_stack, is_spiking, membrane_step, named, slopes
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
    live_reset: bool = True,
) -> dict[str, Array]:
    """Return the rate-based gradient; see the module docstring. Layers: LIF, or without memory, dense.

    Examples
    --------
    >>> from gradcert.reference import Layer, Lif
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3), Layer(Lif(), inputs=3, units=2)))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 2))
    >>> gradients(network, network.parameters(), x, y)["layers.0.W"].shape
    (3, 2)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "rate-based")
    check_no_graph(network, "rate-based")
    check_stack(network, "rate-based", gains=("one", "one_minus_leak"))
    tape = record(network, parameters, inputs, numbers=numbers)
    steps, batch = inputs.shape[:2]
    delta = network.loss.error(tape.outputs.sum(axis=0) / steps, targets.sum(axis=0) / steps, numbers)
    if network.loss.batch == "mean":
        delta = delta / batch
    out: list[dict[str, Array]] = []
    for i in reversed(range(network.depth)):
        layer = tape.layers[i]
        g = delta * rate_slope(layer, live_reset=live_reset)
        synapse = layer.layer.synapse("W")
        grads = {"W": synapse.pull_weight(g, layer.x.sum(axis=0) / steps)}
        out.insert(0, {**grads, **({"b": g.sum(axis=0)} if "b" in layer.layer.cell.trained else {})})
        delta = synapse.pull_input(layer.p["W"], g)
    return named(network, out)


def rate_slope(layer: LayerTape, *, live_reset: bool = True) -> Array:
    """Return dr/dI, (batch, units), for a current that is constant in time."""
    steps = len(layer.x)
    if not is_spiking(layer):
        return sweep(layer, 0 * layer.now["z"] + 1, frozenset())["a"].sum(axis=0) / steps
    psi, kappa = slopes(layer), np.empty_like(slopes(layer))
    previous: Any = 0
    for t in range(steps):
        jacobian = membrane_step(layer, t, live_reset=live_reset) if t else 0
        previous = layer.factors[lif.GAIN] + jacobian * previous
        kappa[t] = previous
    return (psi * kappa).sum(axis=0) / steps


ESTIMATOR = Estimator(
    "rate-based",
    "Rate-based backpropagation",
    gradients,
    source="arXiv 2410.11488",
    exact="one layer, the derivative with respect to a current that is constant in time",
    drops="changes of the current over time; the loss is taken at the mean output",
    time="n per step, n^2 per sequence",
    memory="n",
    page=__doc__,
)
