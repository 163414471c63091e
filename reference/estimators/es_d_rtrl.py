"""ES-D-RTRL, or pp-prop: a presynaptic and a postsynaptic trace, each smoothed, in the place of one per synapse.

Paper: Wang, Dong, Ji, Jiang, Liu & Wu, BrainScale, bioRxiv 2024.09.24.614728; code chaobrain/braintrace (before,
brainscale), ``ES_D_RTRL``, also called ``pp_prop`` and ``IODimVjpAlgorithm``.

The equations, alpha being the decay and L^t = dE^t/dv^t by backpropagation within the step::

    xh^t = alpha xh^(t-1) + x^t                        x: what a weight multiplies; a bias has 1
    f^t  = alpha D^t f^(t-1) + (1 - alpha) dv^t/da^t     D^t = dv^t/dv^(t-1), elementwise
    dE/dW = sum_t (L^t f^t / c^t) (x) xh^t              c^t = 1 - alpha^t

c undoes the bias of f towards 0 in its first steps: the code has it, the paper's equations do not (``corrected``). The
reset is live in D, as in the code. Lateral weights act on x, as any weights do, and are no part of D.

Choices made: one decay for both traces, as every preset of the code has it; the integer that the code takes in its
place, a rank n, is the decay (n - 1) / (n + 1).

Dropped: which input came when; lateral paths; memory above the layer. Exact: one step.
Cost of a layer of n units per step: 2 n values and n operations beside the product that makes a gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.reference.engines import LayerTape, record
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators.common import (
    check_stack,
    filtered,
    is_spiking,
    membrane_step,
    named,
    presynaptic,
    same_step,
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
    decay: float = 0.9,
    corrected: bool = True,
) -> dict[str, Array]:
    """Return the ES-D-RTRL gradient; see the module docstring. Layers: LIF, with lateral weights too, or no memory.

    Parameters
    ----------
    network, parameters, inputs, targets, numbers : as for the engines.
    decay : alpha, in [0, 1).
    corrected : whether the postsynaptic trace is divided by 1 - alpha^t.

    Examples
    --------
    >>> from gradcert.reference import Layer, Lif
    >>> network = Network(layers=(Layer(Lif(recurrent=True), inputs=2, units=3),))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 3))
    >>> gradients(network, network.parameters(), x, y, decay=0.5)["layers.0.H"].shape
    (3, 3)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "es-d-rtrl")
    check_no_graph(network, "es-d-rtrl")
    check_stack(network, "es-d-rtrl", lateral=True, gains=("one", "one_minus_leak"))
    if not 0 <= decay < 1:
        raise GradcertError(f"es-d-rtrl with decay={decay!r}", allowed="0 <= decay < 1")
    tape = record(network, parameters, inputs, numbers=numbers)
    delta = network.loss.gradient(tape.outputs, targets, numbers)
    alpha = numbers.array(decay)[()]
    out: list[dict[str, Array]] = []
    for layer, adjoints in zip(tape.layers, same_step(tape, delta), strict=True):
        if is_spiking(layer):
            traces = {name: filtered(x, alpha) for name, x in presynaptic(layer).items()}
            credit = adjoints["v"] * postsynaptic(layer, alpha, corrected=corrected)
            out.append(traced_gradients(layer, credit, traces, 1))
        else:
            out.append(stateless_gradients(layer, adjoints))
    return named(network, out)


def postsynaptic(layer: LayerTape, alpha: Any, *, corrected: bool, live_reset: bool = True) -> Array:
    """Return f^t of a LIF layer, over c^t where it is corrected, (time, batch, units)."""
    gain, rest = layer.factors[lif.GAIN], 0 * layer.now["v"][0]
    trace, left, out = rest, 1, np.empty_like(layer.now["v"])
    for t in range(len(out)):
        before = alpha * membrane_step(layer, t, live_reset=live_reset) * trace if t else rest
        trace = before + (1 - alpha) * gain
        left = left * alpha
        out[t] = trace / (1 - left) if corrected else trace
    return out


ESTIMATOR = Estimator(
    "es-d-rtrl",
    "ES-D-RTRL (pp-prop): exponentially smoothed presynaptic and postsynaptic traces",
    gradients,
    source="bioRxiv 2024.09.24.614728; braintrace",
    exact="one step",
    drops="which input came when; lateral paths; memory above the layer",
    time="n",
    memory="n",
    page=__doc__,
)
