"""Unbiased online recurrent optimisation (UORO): the influence matrix of RTRL as one random outer product.

Paper: Tallec & Ollivier, arXiv 1702.05043; equations from the code of vanilla-rtrl and braintrace (mathematics.md 3).

The equations, for the state h of the whole network, J = dh^t/dh^(t-1), D^t the immediate derivative of h^t::

    nu      +-1, independent entries, fresh at every step and for every sample
    A^t   = r0 J A^(t-1) + r1 nu              B^t = B^(t-1) / r0 + (nu^T D^t) / r1
    r0    = sqrt(|B| / |J A|)                 r1  = sqrt(|nu^T D| / |nu|)
    estimate = sum_t (q^t . A^t) B^t          q^t = dE^t/dh^t

where E^t depends on h^(t-1) past h^t, as through a delayed connection to an output without memory, that derivative is
contracted with A^(t-1) and B^(t-1) in the same way.

Any positive r0, r1 that do not change under nu -> -nu keep it unbiased: E[A (x) B] = M. These reduce the variance.
Where a norm vanishes (J A at the first step) the normaliser is 1. Negating all noise leaves the estimate as it is, so
that pairs nu, -nu are one draw and not two (trap T89).

The state is every node with an outgoing link of lag 1 (for a LIF layer v and z), over all layers. Parameters above
the state, such as those of a readout without memory, get their exact gradient.

Dropped: nothing in expectation.
Cost of a layer of n units per step: n^2 values, n^2 operations.
Exact: in expectation over the noise, always.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.reference.checks import check_rng
from gradcert.reference.engines import Step, Tape, immediate, record
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators.common import named
from gradcert.reference.estimators.estimator import Estimator
from gradcert.reference.estimators.walk import (
    Nodes,
    pull,
    pull_before,
    pull_stopped,
    push,
    state_nodes,
    state_size,
    steps_at,
)
from gradcert.reference.networks import (
    Network,
    Parameters,
    check_forwards,
    check_no_mixing,
    check_plain,
    check_problem,
)
from gradcert.reference.numbers import FLOAT64, Array, Numbers

Rows = dict[tuple[int, str], Array]  # (layer, parameter) -> (batch, units, columns)


def gradients(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    numbers: Numbers = FLOAT64,
    signs: Array | None = None,
    normalisers: tuple[Any, Any] | None = None,
    rng: np.random.Generator | None = None,
) -> dict[str, Array]:
    """Return the UORO estimate, summed over the samples, each of which has noise of its own.

    Parameters
    ----------
    network, parameters, inputs, targets, numbers : as for the reverse engine.
    signs : the noise itself, +-1, (time, batch, `state_size`), layer by layer and node by node; None to draw it.
    normalisers : fixed positive r0 and r1; None for those of the paper, which need square roots.
    rng : draws the noise where signs is None.

    Raises
    ------
    GradcertError : if neither signs nor a generator are given, or signs do not fit.

    Examples
    --------
    >>> from gradcert.reference import Layer, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 3))
    >>> gradients(network, network.parameters(), x, y, rng=np.random.default_rng(0))["layers.0.H"].shape
    (3, 3)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "uoro")
    check_no_mixing(network, "uoro")
    check_forwards(network, "uoro")
    signs = checked_signs((*inputs.shape[:2], state_size(network)), signs, rng)
    tape = record(network, parameters, inputs, numbers=numbers)
    delta = network.loss.gradient(tape.outputs, targets, numbers)
    rows: Rows = {}
    total: Rows = {}
    state: list[Nodes] = [{} for _ in network.layers]
    before: tuple[list[Nodes], Rows] = state, rows
    for t in range(len(inputs)):
        steps = steps_at(tape, t)
        noise = _split(network, numbers.array(signs[t]))
        moved = [_only(n, s) for n, s in zip(push(network, steps, state), noise, strict=True)]
        fresh = _immediate(steps, pull(network, steps, noise))
        r0 = normaliser(_norm(rows), _norm(_flat(moved))) if normalisers is None else normalisers[0]
        r1 = normaliser(_norm(fresh), _norm(_flat(noise))) if normalisers is None else normalisers[1]
        state = [
            {k: r0 * n[k] + r1 * s[k] if k in n else r1 * s[k] for k in s} for n, s in zip(moved, noise, strict=True)
        ]
        rows = {k: (rows[k] / _wide(r0) if k in rows else 0) + fresh[k] / _wide(r1) for k in fresh}
        credit = pull_stopped(network, steps, delta[t])
        for q, a, b in ((credit, state, rows), (pull_before(steps, credit), *before)):
            q_dot_a = _dot(network, q, a)
            for key, value in b.items():
                total[key] = total.get(key, 0) + q_dot_a * value
        before = state, rows
        for key, value in _immediate(steps, _beside(network, credit)).items():
            total[key] = total.get(key, 0) + value
    return _folded(tape, total)


def _dot(network: Network, credit: list[Nodes], tangents: list[Nodes]) -> Any:
    """Return the sum over the state of credit times tangents, per sample, (batch, 1, 1)."""
    total: Any = 0
    for layer, c, a in zip(network.layers, credit, tangents, strict=True):
        for node in state_nodes(layer):
            if node in c and node in a:
                total = total + (c[node] * a[node]).sum(axis=-1)[:, None, None]
    return total


def checked_signs(shape: tuple[int, ...], signs: Array | None, rng: np.random.Generator | None) -> Array:
    """Return the noise: as given, of the right shape and +-1, or drawn."""
    if signs is None:
        rng = check_rng("a random estimator with neither signs nor a generator,", rng)
        return 2 * rng.integers(0, 2, size=shape) - 1
    fits = getattr(signs, "shape", None) == shape and signs.dtype.kind in "fiO"
    if not fits or not (abs(signs) == 1).all():
        raise GradcertError(f"signs of shape {np.shape(signs)}", allowed=f"+1 and -1, shape {shape}")
    return signs


def _split(network: Network, values: Array) -> list[Nodes]:
    out, start = [], 0
    for layer in network.layers:
        nodes: Nodes = {}
        for node in state_nodes(layer):
            nodes[node] = values[:, start : start + layer.size(node)]
            start += layer.size(node)
        out.append(nodes)
    return out


def _only(nodes: Nodes, like: Nodes) -> Nodes:
    return {k: v for k, v in nodes.items() if k in like}


def _beside(network: Network, credit: list[Nodes]) -> list[Nodes]:
    """Return the credit at nodes that are not state: what reaches parameters without passing through the state."""
    return [
        {k: v for k, v in c.items() if k not in state_nodes(layer)}
        for layer, c in zip(network.layers, credit, strict=True)
    ]


def _immediate(steps: list[Step], adjoints: list[Nodes]) -> Rows:
    """Return adjoint times immediate derivative, per sample, for every parameter of the network."""
    out: Rows = {}
    for i, step in enumerate(steps):
        for name, node, tangent in immediate(step):
            if node in adjoints[i]:
                value = adjoints[i][node][:, :, None] * tangent.rows()
                out[i, name] = out[i, name] + value if (i, name) in out else value
    return out


def _flat(layers: list[Nodes]) -> dict[Any, Array]:
    return {(i, k): v for i, nodes in enumerate(layers) for k, v in nodes.items()}


def _norm(values: dict[Any, Array]) -> Array:
    """Return the Euclidean norm per sample, (batch, 1); 0 for nothing."""
    squares: Any = sum((v * v).reshape(len(v), -1).sum(axis=1) for v in values.values())
    return np.sqrt(np.reshape(squares, (-1, 1)))


def normaliser(above: Array, below: Array) -> Array:
    """Return sqrt(above / below), and 1 where either vanishes."""
    dead = (above == 0) | (below == 0)
    return np.where(dead, 1.0, np.sqrt(np.where(dead, 1.0, above) / np.where(dead, 1.0, below)))


def _wide(r: Any) -> Any:
    return r[..., None] if np.ndim(r) else r


def _folded(tape: Tape, total: Rows) -> dict[str, Array]:
    out: list[dict[str, Array]] = [{} for _ in tape.layers]
    for (m, name), rows in total.items():
        layer, summed = tape.layers[m].layer, rows.sum(axis=0)
        found = summed[:, 0] if name in layer.cell.trained else layer.synapse(name).fold(summed)
        out[m][name] = layer.collected(name, found, tape.layers[m].p)
    return named(tape.network, out)


ESTIMATOR = Estimator(
    "uoro",
    "Unbiased online recurrent optimisation",
    gradients,
    needs=("rng",),
    source="arXiv 1702.05043",
    exact="in expectation over the noise",
    drops="nothing in expectation",
    time="n^2",
    memory="n^2",
    page=__doc__,
)
