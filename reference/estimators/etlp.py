"""ETLP: event-based three-factor local plasticity, with targets projected to the hidden layers.

Paper: Quintana, Perez-Pena, Galindo, Neftci, Chicca & Khacef, arXiv 2301.08281; read through third-party restatements
only (mathematics.md 10 and 17).

The equations::

    xh^t = lam xh^(t-1) + x^t        phi^t = psi(v^t - A^t)        e_ij^t = phi_i^t (xh_j^t - adaptation trace)
    hidden  L_l^t = y*^t B_l         output  L^t = o^t - y*^t      dw = sum over the events L^t . e^t

Choices made where the sources leave them open: the cell is LIF without adaptation, so e = phi xh; phi is the cell's
pseudo-derivative (the paper's is a triangle of width th); the events, Poisson spikes of a teacher, are independent
draws per step and sample with probability `rate`; the sign of the projection is that of OSTTP and DRTP; the lateral
trace is that of z^(t-1) (a third-party port shifts it once more). The output layer's error is the network's loss.

Dropped: the error of hidden layers, the reset, lateral weights as paths, and all steps without an event.
Cost of a layer of n units per step: n values; n^2 operations at events alone.
Exact: the last layer with rate 1, against BPTT with detached reset, without lateral weights or a hard reset.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcert.reference.checks import check_number, check_rng
from gradcert.reference.engines import record, sweep
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators.common import (
    check_projections,
    check_stack,
    filtered,
    is_spiking,
    named,
    one_leak,
    presynaptic,
    stateless_gradients,
    traced_gradients,
)
from gradcert.reference.estimators.estimator import Estimator
from gradcert.reference.networks import Network, Parameters, check_no_graph, check_plain, check_problem
from gradcert.reference.numbers import FLOAT64, Array, Numbers


def gradients(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    numbers: Numbers = FLOAT64,
    feedback: Mapping[str, Array],
    rate: float = 0.1,
    events: Array | None = None,
    rng: np.random.Generator | None = None,
) -> dict[str, Array]:
    """Return the ETLP update direction; see the module docstring. Layers: LIF, or without memory.

    Parameters
    ----------
    network, parameters, inputs, targets, numbers : as for the reverse engine.
    feedback : ``layers.l.B``, (n_out, units of l), for every layer but the last.
    rate : probability of an event per step and sample.
    events : 0 or 1, (time, batch); instead of drawing them.
    rng : draws them.

    Raises
    ------
    GradcertError : if neither events nor a generator are given, or events do not fit.

    Examples
    --------
    >>> from gradcert.reference import Layer, Lif
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3),))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 3))
    >>> gradients(network, network.parameters(), x, y, feedback={}, rng=np.random.default_rng(0))["layers.0.W"].shape
    (3, 2)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "etlp")
    check_no_graph(network, "etlp")
    check_stack(network, "etlp", lateral=True)
    check_projections(network, "etlp", feedback, numbers)
    if events is None:
        check_number("rate", rate)
        if not 0 <= rate <= 1:
            raise GradcertError(f"etlp with rate={rate}", allowed="a rate in [0, 1]")
        events = (check_rng("etlp without events,", rng).random(inputs.shape[:2]) < rate).astype(int)
    events = np.asarray(events)
    there = events.dtype == object or np.isin(events, (0, 1)).all()  # a derivation has them as symbols
    if events.shape != inputs.shape[:2] or not there:
        raise GradcertError(f"events of shape {events.shape}", allowed=f"0 and 1, shape {inputs.shape[:2]}")
    events = numbers.array(events)
    tape = record(network, parameters, inputs, numbers=numbers)
    divisor = network.loss.divisor(*inputs.shape[:2])
    signal = network.loss.gradient_of(targets, numbers) if divisor != 1 or network.loss.when == "last" else targets
    out = []
    for i, layer in enumerate(tape.layers):
        if i == network.depth - 1:
            delta = network.loss.gradient(tape.outputs, targets, numbers)
        else:
            delta = np.matmul(signal, feedback[f"layers.{i}.B"])
        adjoints = sweep(layer, delta * events[:, :, None], frozenset())
        if is_spiking(layer):
            leak = one_leak(layer, "etlp")
            traces = {name: filtered(x, leak) for name, x in presynaptic(layer).items()}
            out.append(traced_gradients(layer, adjoints["a"], traces, filtered(0 * delta + 1, leak)))
        else:
            out.append(stateless_gradients(layer, adjoints))
    return named(network, out)


ESTIMATOR = Estimator(
    "etlp",
    "ETLP: event-based three-factor local plasticity",
    gradients,
    needs=("feedback", "rng"),
    source="arXiv 2301.08281, through third-party restatements",
    exact="the last layer with rate 1, against BPTT with detached reset; no lateral weights, soft reset",
    drops="the error of hidden layers, the reset, lateral weights as paths, steps without an event",
    time="n^2 at events",
    memory="n",
    page=__doc__,
)
