"""S-TLLR: three-factor learning with a causal and an acausal (anti-causal STDP) term.

Paper: Apolinario & Roy, arXiv 2306.15220; code mapolinario94/S-TLLR.

The equations (mathematics.md 10)::

    e_ij^t = a_pre psi_i^t sum_(k <= t) lp^(t-k) x_j^k  +  a_post x_j^t sum_(k < t) lq^(t-k) psi_i^k
    grad   = sum_(t >= T_l) delta_i^t e_ij^t            lateral weights: x_j is z_j of the step before

delta is backpropagated within the step, or broadcast by fixed matrices (`feedback`, DFA). Parameter order of the code:
[lq, lp, a_post, a_pre], default [.5, .8, -.2, 1]; DVS-Gesture [.2, .75, -1, 1]. The bias uses psi alone, as in code.

The code stores sum_(k < t) lq^(t-1-k) psi^k, one factor lq short of the paper; ``acausal="code"`` is that form, in
which a_post acts as a_post / lq. T_l is the first step whose loss counts, for every layer.

Dropped: the reset, lateral weights as paths, time inside upper layers; the leak is replaced by lp.
Cost of a layer of n units per step: 2 n values, 2 n^2 operations.
Exact: with a_post = 0, a_pre = 1 and lp = leak it is OTTT, but for the bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcert.reference.checks import check_number, check_size
from gradcert.reference.engines import Adjoints, LayerTape, record
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators.common import (
    check_projections,
    check_stack,
    filtered,
    is_spiking,
    named,
    presynaptic,
    projected_credit,
    same_step,
    slopes,
    stateless_gradients,
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
    lq: Any = 0.5,
    lp: Any = 0.8,
    a_post: Any = -0.2,
    a_pre: Any = 1.0,
    first_step: int = 0,
    acausal: str = "paper",
    feedback: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Return the S-TLLR update direction; see the module docstring.

    Parameters
    ----------
    network, parameters, inputs, targets, numbers : as for the reverse engine; layers: LIF, or without memory.
    lq, lp, a_post, a_pre : decay of the post- and presynaptic trace, weight of the acausal and the causal term.
    first_step : T_l, counted from 0.
    acausal : ``paper`` or ``code``.
    feedback : ``layers.l.B``, (n_out, units of l), for every layer but the last; None for backpropagation.

    Examples
    --------
    >>> from gradcert.reference import Layer, Lif
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3),))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 3))
    >>> gradients(network, network.parameters(), x, y)["layers.0.W"].shape
    (3, 2)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "s-tllr")
    check_no_graph(network, "s-tllr")
    check_stack(network, "s-tllr", lateral=True)
    check_projections(network, "s-tllr", feedback, numbers)
    check_size("first_step", first_step, least=0)
    for name, value in (("lq", lq), ("lp", lp), ("a_post", a_post), ("a_pre", a_pre)):
        check_number(name, value)
    if acausal not in ("paper", "code"):
        raise GradcertError(f"acausal={acausal!r}", allowed="'paper' or 'code'")
    tape = record(network, parameters, inputs, numbers=numbers)
    delta = network.loss.gradient(tape.outputs, targets, numbers)
    delta = np.concatenate([0 * delta[:first_step], delta[first_step:]])
    credit = same_step(tape, delta) if feedback is None else projected_credit(tape, delta, feedback)
    constants = {k: numbers.array(v)[()] for k, v in {"lq": lq, "lp": lp, "a_post": a_post, "a_pre": a_pre}.items()}
    out = [
        layer_update(layer, adjoints, **constants, acausal=acausal)
        if is_spiking(layer)
        else stateless_gradients(layer, adjoints)
        for layer, adjoints in zip(tape.layers, credit, strict=True)
    ]
    return named(network, out)


def postsynaptic(psi: Array, lq: Any, acausal: str) -> Array:
    """Return sum_(k < t) lq^(t-k) psi^k, or with one factor lq less in the form of the code."""
    before = np.concatenate([0 * psi[:1], filtered(psi, lq)[:-1]])
    return lq * before if acausal == "paper" else before


def layer_update(
    tape: LayerTape, adjoints: Adjoints, *, lq: Any, lp: Any, a_post: Any, a_pre: Any, acausal: str = "paper"
) -> dict[str, Array]:
    """Return sum_t delta^t e^t for a LIF layer, given dE/dz^t in `adjoints`."""
    psi, delta = slopes(tape), adjoints["z"]
    post = postsynaptic(psi, lq, acausal)
    out = {}
    for name, x in presynaptic(tape).items():
        pull = tape.layer.synapse(name).pull_weight
        out[name] = pull(a_pre * psi * delta, filtered(x, lp)) + pull(a_post * post * delta, x)
    if "b" in tape.layer.cell.trained:
        out["b"] = (psi * delta).sum(axis=(0, 1))
    return out


ESTIMATOR = Estimator(
    "s-tllr",
    "S-TLLR: STDP-inspired temporal local learning rule",
    gradients,
    source="arXiv 2306.15220",
    exact="never by design; with a_post = 0, a_pre = 1, lp = leak as OTTT (weights)",
    drops="the reset, lateral weights as paths, time inside upper layers; adds an acausal term",
    time="n^2",
    memory="n",
    page=__doc__,
)
