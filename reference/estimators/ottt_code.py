"""OTTT as its official code computes it: what has a trace, and with whose leak.

Paper: Xiao et al., NeurIPS 2022; code pkuxmq/OTTT-SNN (mathematics.md 7.1). The row ``ottt`` has the
equations that follow from the chain rule; the code differs, and three ports of it do in the first two::

    inputs    the first layer multiplies x^t, the network's input without a trace
    bias      grad b = sum_t g^t, without bh^t = lam bh^(t-1) + 1
    readout   the weight of a layer without memory on top multiplies the trace of the spikes below, not the spikes
    leak      the trace decays with the leak of the presynaptic layer; the derivation needs the postsynaptic one

Each is a setting. With inputs and bias traced, the readout not, and the postsynaptic leak it is the row.

Dropped: what OTTT drops, and the memory of inputs and biases.
Cost of a layer of n units per step: n values, n^2 operations.
Exact: T = 1.
"""

from __future__ import annotations

from gradcert.reference.engines import record
from gradcert.reference.errors import GradcertError
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

LEAKS = ("presynaptic", "postsynaptic")


def gradients(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    numbers: Numbers = FLOAT64,
    bias: bool = False,
    inputs_traced: bool = False,
    readout: bool = True,
    leak: str = "presynaptic",
) -> dict[str, Array]:
    """Return the gradient of the official code; see the module docstring. Layers: LIF, or without memory.

    Parameters
    ----------
    network, parameters, inputs, targets, numbers : as for the reverse engine.
    bias, inputs_traced, readout : whether biases, the network's input, and what a layer without memory multiplies have
        a trace.
    leak : whose leak a trace decays with: ``presynaptic`` or ``postsynaptic``.

    Raises
    ------
    GradcertError : for other leaks, or another stack.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference import Layer, Lif
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3), Layer(Lif(), inputs=3, units=2)))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 2))
    >>> gradients(network, network.parameters(), x, y)["layers.1.W"].shape
    (2, 3)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "ottt-code")
    check_no_graph(network, "ottt-code")
    check_stack(network, "ottt-code", gains=("one", "one_minus_leak"))
    if leak not in LEAKS:
        raise GradcertError(f"leak={leak!r}", allowed=", ".join(LEAKS))
    tape = record(network, parameters, inputs, numbers=numbers)
    credit = same_step(tape, network.loss.gradient(tape.outputs, targets, numbers))
    out = []
    for i, (layer, adjoints) in enumerate(zip(tape.layers, credit, strict=True)):
        below = tape.layers[i - 1] if i else None
        pre = one_leak(below, "ottt-code") if below is not None and is_spiking(below) else None
        if not is_spiking(layer):
            grads = stateless_gradients(layer, adjoints)
            if readout and pre is not None:
                grads["W"] = layer.layer.synapse("W").pull_weight(adjoints["a"], filtered(layer.x, pre))
            out.append(grads)
            continue
        own = one_leak(layer, "ottt-code")
        decay = own if leak == "postsynaptic" or pre is None else pre
        trace = filtered(layer.x, decay) if i or inputs_traced else layer.x
        ones = 0 * adjoints["a"] + 1
        out.append(traced_gradients(layer, adjoints["a"], {"W": trace}, filtered(ones, own) if bias else ones))
    return named(network, out)


ESTIMATOR = Estimator(
    "ottt-code",
    "OTTT as its official code computes it",
    gradients,
    source="code pkuxmq/OTTT-SNN",
    exact="T = 1",
    drops="what OTTT drops; the memory of the network's input and of biases",
    time="n^2",
    memory="n",
    page=__doc__,
)
