"""EventProp in discrete time: gradients through the times of spikes, as Norse's adjoint functions compute them.

Paper: Wunderlich & Pehle, Scientific Reports 2021; code norse/norse, norse/torch/functional/adjoint/lif_adjoint.py.

The neuron is current-based LIF, here `Synaptic` with ``order="old"``, a hard reset and ``gain="one_minus_leak"``. In
continuous time, with a loss l_p of spike times, backwards between spikes and at the spike t_k of a neuron (its other
terms are what arrives from neurons above)::

    tau_m lam_v' = -lam_v        tau_s lam_i' = lam_v - lam_i        dl/dw = -tau_s sum over spikes before lam_i
    lam_v^-  = (dv^+/dv^-) lam_v^+ + (1 / dv^-) (what arrives)       dv^-, dv^+: slope of v before and after the spike

In steps of dt the equations are, with leak = 1 - dt/tau_m, rho = 1 - dt/tau_s, lam_v and lam_i at the end of step t,
and delta^t = dE/dz^t::

    dv-  = (i' - v') / tau_m        dv+ = (i' - v) / tau_m           v', i' of the step before, v after the reset
    lam_i <- rho lam_i + (1 - rho) lam_v
    lam_v <- leak lam_v [ (1 - z) + z dv+/dv- ] + z delta / dv-
    dE/dw = sum_t lam_i^t x^t      credit below: W^T lam_i           lam_i after the update, or before (`weights`)

A weight outside the function meets lam_i after the update; the function that has its weights inside, before it, which
is the credit of the step after.

Against BPTT of the same network it is the same reverse sweep with other local derivatives (tests show it exactly): the
pseudo-derivative is z/dv-, about spikes that there are; the state's gate 1 - z' becomes (1 - z') + z' dv+'/dv-'; the
reset has no path of its own; the current acts on v with 1 - rho, not 1 - leak. The last makes the gradient tau_m/tau_s
times what it would be: for dt -> 0 and delta = dl/dt_k it goes to -(tau_m/tau_s) dl/dw (measured in tests).

Dropped: everything about spikes that there are not.
Cost: as BPTT.
Exact: never in discrete time; for dt -> 0 in proportion to the derivative of spike times.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.reference.checks import check_number
from gradcert.reference.engines import LayerTape, record, sweep
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators.common import named, stateless_gradients
from gradcert.reference.estimators.estimator import Estimator
from gradcert.reference.networks import Network, Parameters, check_no_graph, check_plain, check_problem
from gradcert.reference.numbers import FLOAT64, Array, Numbers

WEIGHTS = ("outside", "inside")
NEURON = {
    "order": "old",
    "reset": "hard",
    "gain": "one_minus_leak",
    "current_gain": "one",
    "recurrent": False,
    "train": (),
}


def check_neurons(network: Network) -> None:
    """Raise unless every layer is a current-based neuron that EventProp is written for, or has no memory."""
    for i, layer in enumerate(network.layers):
        cell: Any = layer.cell
        if cell.name != "synaptic":
            if any(link.lag for link in cell.links):
                raise GradcertError(f"eventprop with a layer of {cell.name!r} cells", allowed="synaptic, or no memory")
            continue
        wrong = [f"{k}={getattr(cell, k)!r}" for k, v in NEURON.items() if getattr(cell, k) != v]
        if wrong:
            allowed = ", ".join(f"{k}={v!r}" for k, v in NEURON.items())
            raise GradcertError(f"eventprop with {', '.join(wrong)} in layer {i}", allowed=allowed)


def gradients(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    numbers: Numbers = FLOAT64,
    dt: float = 0.001,
    weights: str = "outside",
) -> dict[str, Array]:
    """Return EventProp's gradient; see the module docstring.

    Parameters
    ----------
    network, parameters, inputs, targets, numbers : as for the reverse engine; layers: `Synaptic` neurons as in
        `NEURON`, or without memory.
    dt : length of a step, in the units of the time constants.
    weights : ``outside`` the function, as of a linear layer before it, or ``inside`` it.

    Raises
    ------
    GradcertError : for other neurons.

    Examples
    --------
    >>> from gradcert.reference import Layer, Synaptic
    >>> cell = Synaptic(order="old", reset="hard", gain="one_minus_leak")
    >>> network = Network(layers=(Layer(cell, inputs=2, units=3),))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 3))
    >>> gradients(network, network.parameters(), x, y)["layers.0.W"].shape
    (3, 2)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "eventprop")
    check_no_graph(network, "eventprop")
    check_neurons(network)
    check_number("dt", dt, above=0)
    if weights not in WEIGHTS:
        raise GradcertError(f"weights={weights!r}", allowed=", ".join(WEIGHTS))
    tape = record(network, parameters, inputs, numbers=numbers)
    delta = network.loss.gradient(tape.outputs, targets, numbers)
    out: list[dict[str, Array]] = []
    for layer in reversed(tape.layers):
        if layer.layer.cell.name == "synaptic":
            before, after = adjoint(layer, delta, numbers.array(dt)[()])
            used = after if weights == "outside" else before
            grads = {"W": layer.layer.synapse("W").pull_weight(used, layer.x)}
            if "b" in layer.layer.cell.trained:
                grads["b"] = used.sum(axis=(0, 1))
            delta = layer.layer.synapse("W").pull_input(layer.p["W"], after)
        else:
            adjoints = sweep(layer, delta, frozenset())
            grads = stateless_gradients(layer, adjoints)
            delta = layer.layer.synapse("W").pull_input(layer.p["W"], adjoints["a"])
        out.insert(0, grads)
    return named(network, out)


def slopes_of(tape: LayerTape) -> tuple[Array, Array]:
    """Return (i' - v', i' - v) at every step: tau_m times the slope of v before and after a spike."""
    z, v = tape.prev["z"], tape.prev["v"]
    reset = tape.p["reset_value"] if "reset_value" in tape.p else 0
    before = tape.prev["i"] - (v * (1 - z) + reset * z)
    after = tape.prev["i"] - (tape.now["v"] * (1 - tape.now["z"]) + reset * tape.now["z"])
    return before, after


def adjoint(tape: LayerTape, delta: Array, dt: Any) -> tuple[Array, Array]:
    """Return lam_i before and after the update of every step, (time, batch, units)."""
    leak, rho = tape.p["leak"], tape.p["rho"]
    before, after = slopes_of(tape)
    early, late = np.empty_like(delta), np.empty_like(delta)
    lam_v = lam_i = 0 * delta[0]
    for t in reversed(range(len(delta))):
        z = tape.now["z"][t]
        early[t] = lam_i
        lam_i = rho * lam_i + (1 - rho) * lam_v
        late[t] = lam_i
        slope = before[t] * z + (1 - z)  # divided by where there is a spike alone
        lam_v = leak * lam_v * (1 - z + z * (after[t] / slope)) + z * (dt / (1 - leak)) / slope * delta[t]
    return early, late


ESTIMATOR = Estimator(
    "eventprop",
    "EventProp in discrete time",
    gradients,
    source="Wunderlich & Pehle 2021; code norse/norse",
    exact="never in discrete time",
    drops="everything about spikes that there are not",
    time="n^2",
    memory="T n",
    page=__doc__,
)
