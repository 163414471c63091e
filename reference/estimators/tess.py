"""TESS: S-TLLR's eligibility with a local loss per layer, through a fixed square-wave basis.

Paper: Apolinario, Roy & Frenkel, arXiv 2502.01837; code mapolinario94/TESS.

The equations (mathematics.md 10)::

    q^t     = lp q^(t-1) + x^t            hpost^t = sum_(k < t) lq^(t-k) psi^k
    dW      = m * (a_pre psi) (x) q  +  (m * a_post hpost) (x) x
    m       = S^T err,  err the gradient of the cross-entropy at S z^t        S_kj = sign(sin(f_k t_j)) / dim

Nothing passes between layers: each layer's input is detached.

Choices made where the sources leave them open: dim is the number of units, t_j = 2 pi (j + 1/2) / dim and f_k = k + 1,
so that no entry is zero by construction unless the sine is: then it is 0 here (an odd `dim`: sin(pi)), where the sine
of a rounded angle has a sign, and code that takes `sign(sin(...))` has 1 or -1; activity is not pooled; the local error
is that of the network's own loss at S z^t; the last layer has the network's output as its own readout. `acausal` and
the bias are S-TLLR's.

Dropped: credit from every other layer, the reset, lateral weights as paths; adds an acausal term.
Cost of a layer of n units per step: 2 n values, 2 n^2 operations, n n_out for the local readout.
Exact: never by design.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.reference.checks import check_number
from gradcert.reference.engines import record, sweep
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators.common import check_stack, is_spiking, named, stateless_gradients
from gradcert.reference.estimators.estimator import Estimator
from gradcert.reference.estimators.s_tllr import layer_update
from gradcert.reference.networks import Network, Parameters, check_no_graph, check_plain, check_problem
from gradcert.reference.numbers import FLOAT64, Array, Numbers


def basis(n_out: int, units: int) -> Array:
    """Return the signs of the square waves, (n_out, units): whole numbers, to be divided by `units`.

    Examples
    --------
    >>> basis(2, 4)
    array([[ 1,  1, -1, -1],
           [ 1, -1,  1, -1]])
    """
    # sin(2 pi f (j + 1/2) / units) > 0 if and only if the phase f (2 j + 1) mod 2 units lies in (0, units): exact
    phase = np.outer(np.arange(1, n_out + 1), 2 * np.arange(units) + 1) % (2 * units)
    return np.sign(units - phase) * (phase > 0)


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
    acausal: str = "paper",
) -> dict[str, Array]:
    """Return the TESS update direction; arguments as for S-TLLR. Layers: LIF, or without memory.

    Examples
    --------
    >>> from gradcert.reference import Layer, Lif
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3), Layer(Lif(), inputs=3, units=2)))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 2))
    >>> gradients(network, network.parameters(), x, y)["layers.0.W"].shape
    (3, 2)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "tess")
    check_no_graph(network, "tess")
    check_stack(network, "tess", lateral=True)
    for name, value in (("lq", lq), ("lp", lp), ("a_post", a_post), ("a_pre", a_pre)):
        check_number(name, value)
    if acausal not in ("paper", "code"):
        raise GradcertError(f"acausal={acausal!r}", allowed="'paper' or 'code'")
    tape = record(network, parameters, inputs, numbers=numbers)
    constants = {k: numbers.array(v)[()] for k, v in {"lq": lq, "lp": lp, "a_post": a_post, "a_pre": a_pre}.items()}
    out = []
    for i, layer in enumerate(tape.layers):
        if i == network.depth - 1:
            delta = network.loss.gradient(tape.outputs, targets, numbers)
        else:
            units = layer.layer.units
            readout = numbers.array(basis(targets.shape[2], units)) / units
            delta = np.matmul(network.loss.gradient(np.matmul(layer.now["z"], readout.T), targets, numbers), readout)
        adjoints = sweep(layer, delta, frozenset())
        if is_spiking(layer):
            out.append(layer_update(layer, adjoints, **constants, acausal=acausal))
        else:
            out.append(stateless_gradients(layer, adjoints))
    return named(network, out)


ESTIMATOR = Estimator(
    "tess",
    "TESS: temporally and spatially local learning rule",
    gradients,
    source="arXiv 2502.01837",
    exact="never by design",
    drops="credit from every other layer, the reset, lateral weights as paths; adds an acausal term",
    time="n^2",
    memory="n",
    page=__doc__,
)
