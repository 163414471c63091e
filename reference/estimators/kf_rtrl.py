"""Kronecker-factored RTRL (KF-RTRL): the influence matrix of a layer as one random Kronecker product.

Paper: Mujika, Meier & Steger, NeurIPS 2018; equations from the code of vanilla-rtrl (mathematics.md 3).

The equations, for a layer whose parameters all feed its drive a_i = sum_j w_ij a^t_j with a^t = [x^t; z^(t-1); 1] and
dphi = d(state)/d(drive) within the step::

    n1, n2  +-1, one pair per step and sample
    u^t   = n1 p1 u^(t-1) + n2 p2 a^t         A^t = n1 (J A^(t-1)) / p1 + n2 dphi / p2
    p1    = sqrt(|J A| / |u|)                 p2  = sqrt(|dphi| / |a|)
    estimate = sum_t (q^t A^t) (x) u^t

E[A (x) u] = M, since the cross terms have mean zero. Where a norm vanishes the normaliser is 1.

Choices made: in a stack, and in a graph whose layers have one drive each, each layer has its own factors, and the
credit from above is that of the same step, so that the expectation is OSTL's gradient; for one layer with memory under
a stateless head that is RTRL's. The state of a layer is every node with an outgoing link of lag 1.

Dropped: in expectation what OSTL drops.
Cost of a layer of n units per step: n^2 values, n^3 operations (from memory of the paper).
Exact: in expectation over the signs, one layer with memory; for every draw where T = 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.reference.engines import LayerTape, Step, absorb, layer_gradients, record
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators.common import named, same_step
from gradcert.reference.estimators.estimator import Estimator
from gradcert.reference.estimators.uoro import checked_signs, normaliser
from gradcert.reference.estimators.walk import Nodes, pull_before, push_layer, state_nodes, step_at
from gradcert.reference.networks import (
    Layer,
    Network,
    Parameters,
    Synapse,
    check_forwards,
    check_no_mixing,
    check_plain,
    check_problem,
)
from gradcert.reference.networks.synapses.part import Part
from gradcert.reference.numbers import FLOAT64, Array, Numbers


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
    """Return the KF-RTRL estimate, summed over the samples, each of which has signs of its own.

    Parameters
    ----------
    network, parameters, inputs, targets, numbers : as for the reverse engine; every parameter of a layer with memory
        has to feed the layer's drive.
    signs : n1 and n2 themselves, +-1, (layers with memory, time, batch, 2); None to draw them.
    normalisers : fixed positive p1 and p2; None for those of the paper, which need square roots.
    rng : draws the signs where none are given.

    Raises
    ------
    GradcertError : for a parameter that acts elsewhere, or if neither signs nor a generator are given.

    Examples
    --------
    >>> from gradcert.reference import Layer, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 3))
    >>> gradients(network, network.parameters(), x, y, rng=np.random.default_rng(0))["layers.0.H"].shape
    (3, 3)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "kf-rtrl")
    check_no_mixing(network, "kf-rtrl")
    check_forwards(network, "kf-rtrl")
    drive = [_drive(layer) if state_nodes(layer) else "" for layer in network.layers]
    signs = checked_signs((sum(map(bool, drive)), *inputs.shape[:2], 2), signs, rng)
    tape = record(network, parameters, inputs, numbers=numbers)
    credit = same_step(tape, network.loss.gradient(tape.outputs, targets, numbers))
    out, used = [], 0
    for layer, adjoints, node in zip(tape.layers, credit, drive, strict=True):
        if node:
            out.append(_layer(layer, adjoints["z"], node, numbers.array(signs[used]), normalisers, numbers))
            used += 1
        else:
            out.append(layer_gradients(layer, adjoints))
    return named(network, out)


def _drive(layer: Layer) -> str:
    """Return the node that all parameters of a layer feed, or raise."""
    fed = {link.target for link in layer.cell.links if link.weight is not None and layer.synapse(link.weight).shape}
    fed |= {use.target for use in layer.cell.uses if use.parameter in layer.cell.trained}
    if len(fed) != 1 or not {name.rpartition(".")[2] for name in layer.cell.trained} <= {"b"}:
        raise GradcertError(
            f"kf-rtrl with {layer.cell.name!r} cells, whose parameters act at {', '.join(sorted(fed))}",
            allowed="weights and biases that feed one node",
        )
    return fed.pop()


def _layer(
    tape: LayerTape, delta: Array, drive: str, signs: Array, normalisers: tuple[Any, Any] | None, numbers: Numbers
) -> dict[str, Array]:
    carried, units = state_nodes(tape.layer), tape.layer.size(drive)
    batch = delta.shape[1]
    unit = numbers.array(np.broadcast_to(np.eye(units, dtype=int)[:, None, :], (units, batch, units)))
    u: dict[str, Array] = {}
    a: Nodes = {}
    before = a, u
    total: dict[str, Array] = {}
    for t in range(len(delta)):
        step = step_at(tape, t)
        n1, n2 = signs[t, :, :1], signs[t, :, 1:]
        moved = {k: v for k, v in push_layer(step, a, None, {}).items() if k in carried}
        slope = {k: v for k, v in push_layer(step, {}, None, {drive: unit}).items() if k in carried}
        fresh = _sources(step, numbers)
        p1 = normaliser(_norm(moved, 1), _norm(u, 0)) if normalisers is None else normalisers[0]
        p2 = normaliser(_norm(slope, 1), _norm(fresh, 0)) if normalisers is None else normalisers[1]
        u = {k: (n1 * p1 * u[k] if k in u else 0) + n2 * p2 * fresh[k] for k in fresh}
        a = {k: (n1 * moved[k] / p1 if k in moved else 0) + n2 * slope[k] / p2 for k in slope}
        credit = absorb(step, delta[t], carried)
        for q, tangents, factors in ((credit, a, u), (pull_before([step], [credit])[0], *before)):
            shared = [(q[k] * tangents[k]).sum(axis=-1).T for k in carried if k in q and k in tangents]
            q_a = sum(shared[1:], shared[0]) if shared else None
            for name, g in _contracted(tape.layer, q_a, factors).items():
                total[name] = total[name] + g if name in total else g
        before = a, u
        for name, g in _contracted(tape.layer, credit.get(drive), fresh).items():
            total[name] = total[name] + g if name in total else g
    return {name: tape.layer.collected(name, g, tape.p) for name, g in total.items()}


def _sources(step: Step, numbers: Numbers) -> dict[str, Array]:
    """Return a^t: what each weight multiplies, (batch, inputs), and 1 for the bias."""
    out = {}
    for link in step.layer.cell.links:
        if link.weight is not None and (synapse := step.layer.synapse(link.weight)).shape:
            source = step.source(link)
            out[link.weight] = synapse.read(source) if isinstance(synapse, Part) else source
    return out | {name: numbers.zeros((step.x.shape[0], 1)) + 1 for name in step.layer.cell.trained}


def _contracted(layer: Layer, credit: Array | None, u: dict[str, Array]) -> dict[str, Array]:
    if credit is None:
        return {}
    return {
        name: (credit * x).sum(axis=0) if name in layer.cell.trained else _own(layer, name).pull_weight(credit, x)
        for name, x in u.items()
    }


def _own(layer: Layer, weight: str) -> Synapse:
    """Return the synapse of a weight on what it reads, where that is a part of the layer's input."""
    synapse = layer.synapse(weight)
    return synapse.synapse if isinstance(synapse, Part) else synapse


def _norm(values: dict[str, Array], batch_axis: int) -> Array:
    """Return the Euclidean norm per sample, (batch, 1); 0 for nothing."""
    squares: Any = sum(
        np.moveaxis(v * v, batch_axis, 0).reshape(v.shape[batch_axis], -1).sum(axis=1) for v in values.values()
    )
    return np.sqrt(np.reshape(squares, (-1, 1)))


ESTIMATOR = Estimator(
    "kf-rtrl",
    "Kronecker-factored RTRL",
    gradients,
    needs=("rng",),
    source="Mujika et al., NeurIPS 2018",
    exact="in expectation over the signs, one layer with memory",
    drops="in expectation time inside upper layers",
    time="n^3",
    memory="n^2",
    page=__doc__,
)
