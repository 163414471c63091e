"""OPZO: online pseudo-zeroth-order training; feedback matrices are estimated from perturbed forward passes.

Paper: Xiao, Meng, Zhang, He & Lin, arXiv 2407.12516; read through third-party restatements only (mathematics.md 10).

The equations::

    M_l <- mu M_l + (1 - mu) n_l^t (x) o~^t / alpha        o~: output with alpha n_l^t added to the outputs z_l^t
    delta_l^t = M_l dE^t/do^t                              hidden layers; the last layer has its own error
    grad W_l  = sum_t (psi_l^t * delta_l^t) (x) xh_(l-1)^t     the trace of OTTT

Here B_l = M_l^T, (n_out, units of l), as for the other rules with feedback matrices.

Choices made where the sources leave them open: n has independent entries of +-1, fresh at every step and for every
sample; M averages over the samples of a batch; o~ is the output at the same step of one pass in which all hidden
layers are perturbed at once, at every step; the noise starts M from zero and the gradient uses the M of the whole
sequence, while the published rule uses the M of the step. For the expectation only the effect within the step counts,
since the noise of other steps and layers is independent of n_l^t: E[n (x) o~] / alpha is the same-step Jacobian of a
smooth output, averaged over the perturbations; for an output that is linear in z_l it is the transposed weight exactly.

Dropped: what OTTT drops; the exact same-step credit is replaced by an estimate.
Cost of a layer of n units per step: n values, n^2 operations, n n_out for M, and a second forward pass.
Exact: the last layer, as OTTT. Hidden ones, in expectation and for a head that is linear, are (1 - mu^T) times OTTT's
after T steps from M = 0: the running mean of the feedback has to fill up. One draw also carries n (x) o / alpha, as the
unperturbed output is not subtracted; its mean is zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcert.reference.checks import check_number, check_rng
from gradcert.reference.engines import record, record_layer
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators.common import (
    check_projections,
    check_stack,
    filtered,
    is_spiking,
    named,
    one_leak,
    presynaptic,
    projected_credit,
    stateless_gradients,
    traced_gradients,
)
from gradcert.reference.estimators.estimator import Estimator
from gradcert.reference.networks import Network, Parameters, check_no_graph, check_plain, check_problem
from gradcert.reference.numbers import FLOAT64, Array, Numbers


def draw_signs(network: Network, inputs: Array, rng: np.random.Generator) -> list[Array]:
    """Draw the noise of every hidden layer, +-1, (time, batch, units)."""
    return [2 * rng.integers(0, 2, size=(*inputs.shape[:2], layer.units)) - 1 for layer in network.layers[:-1]]


def check_signs(network: Network, inputs: Array, signs: list[Array]) -> None:
    """Raise unless there is noise of every hidden layer, +-1, (time, batch, units)."""
    wanted = [(*inputs.shape[:2], layer.units) for layer in network.layers[:-1]]
    if [np.shape(s) for s in signs] != wanted or not all((np.abs(s) == 1).all() for s in signs):
        raise GradcertError(f"signs of shapes {[np.shape(s) for s in signs]}", allowed=f"+1 and -1, shapes {wanted}")


def estimate_feedback(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    *,
    signs: list[Array],
    alpha: Any = 0.1,
    momentum: Any = 0.9,
    start: Mapping[str, Array] | None = None,
    numbers: Numbers = FLOAT64,
) -> dict[str, Array]:
    """Return B_l = M_l^T for every hidden layer after a perturbed pass over the sequence.

    Parameters
    ----------
    network, parameters, inputs, numbers : as for the engines.
    signs : the noise of every hidden layer, +-1, (time, batch, units).
    alpha : size of the perturbation.
    momentum : mu.
    start : B before the sequence; zero if absent.

    Examples
    --------
    >>> from gradcert.reference import Layer, Lif, Rnn
    >>> head = Rnn(activation="identity", recurrent=False)
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3), Layer(head, inputs=3, units=2)))
    >>> x = np.ones((5, 1, 2))
    >>> signs = draw_signs(network, x, np.random.default_rng(0))
    >>> estimate_feedback(network, network.parameters(), x, signs=signs)["layers.0.B"].shape
    (2, 3)
    """
    x = inputs
    for i, layer in enumerate(network.layers):
        x = record_layer(layer, i, parameters, x, numbers, {}).now["z"]
        if i < network.depth - 1:
            x = x + numbers.array(alpha) * numbers.array(signs[i])
    steps, batch = inputs.shape[:2]
    out: dict[str, Array] = {}
    for i, noise in enumerate(signs):
        key = f"layers.{i}.B"
        b = (start or {}).get(key, numbers.zeros((x.shape[2], noise.shape[2])))
        for t in range(steps):
            product = np.matmul(x[t].T, numbers.array(noise[t])) / (batch * numbers.array(alpha))
            b = numbers.array(momentum) * b + (1 - numbers.array(momentum)) * product
        out[key] = b
    return out


def gradients(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    numbers: Numbers = FLOAT64,
    alpha: Any = 0.1,
    momentum: Any = 0.9,
    feedback: Mapping[str, Array] | None = None,
    signs: list[Array] | None = None,
    rng: np.random.Generator | None = None,
) -> dict[str, Array]:
    """Return the OPZO update direction; see the module docstring. Layers: LIF, or without memory.

    Parameters
    ----------
    network, parameters, inputs, targets, numbers : as for the reverse engine.
    alpha, momentum : see `estimate_feedback`.
    feedback : ``layers.l.B`` as estimated before; None to estimate it from this sequence.
    signs : the perturbation itself, of every hidden layer, +-1, (time, batch, units); None to draw it.
    rng : draws it, where neither feedback nor signs are given.

    Raises
    ------
    GradcertError : if there is neither feedback nor signs nor a generator, or signs do not fit.

    Examples
    --------
    >>> from gradcert.reference import Layer, Lif
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3), Layer(Lif(), inputs=3, units=2)))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 2))
    >>> gradients(network, network.parameters(), x, y, rng=np.random.default_rng(0))["layers.0.W"].shape
    (3, 2)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "opzo")
    check_no_graph(network, "opzo")
    check_stack(network, "opzo", lateral=True)
    check_number("alpha", alpha)
    check_number("momentum", momentum)
    check_projections(network, "opzo", feedback, numbers)
    if feedback is None:
        if signs is None:
            signs = draw_signs(network, inputs, check_rng("opzo without feedback,", rng))
        check_signs(network, inputs, signs)
        feedback = estimate_feedback(
            network,
            parameters,
            inputs,
            signs=signs,
            alpha=alpha,
            momentum=momentum,
            numbers=numbers,
        )
    tape = record(network, parameters, inputs, numbers=numbers)
    error = network.loss.gradient(tape.outputs, targets, numbers)
    out = []
    for layer, adjoints in zip(tape.layers, projected_credit(tape, error, feedback), strict=True):
        if is_spiking(layer):
            leak = one_leak(layer, "opzo")
            traces = {name: filtered(x, leak) for name, x in presynaptic(layer).items()}
            out.append(traced_gradients(layer, adjoints["a"], traces, filtered(0 * adjoints["a"] + 1, leak)))
        else:
            out.append(stateless_gradients(layer, adjoints))
    return named(network, out)


ESTIMATOR = Estimator(
    "opzo",
    "OPZO: online pseudo-zeroth-order training",
    gradients,
    needs=("rng",),
    source="arXiv 2407.12516, through third-party restatements",
    exact="the last layer, as OTTT; hidden layers in expectation under a linear head",
    drops="what OTTT drops; the same-step credit is an estimate",
    time="n^2",
    memory="n + n n_out",
    page=__doc__,
)
