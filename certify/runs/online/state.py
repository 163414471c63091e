"""A long sequence for a memory check, and the size of the state that a rule needs on it.

The network has one unit in every layer or population and wide inputs, so that a step hands over much and a right
learner keeps little: the largest state that any rule of the table needs is that of real-time recurrent learning, a
derivative of every node, registers of a delay among them, with respect to every parameter below it, and with one unit
that is a few steps' worth of inputs.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from gradcert.certify.problems import Case, owners
from gradcert.reference.networks import Layer, Network, Problem
from gradcert.reference.numbers import FORMATS
from gradcert.reference.rules import feedback_shapes

INPUTS, BATCH = 64, 64


def long(case: Case, steps: int) -> Problem:
    """Return a long problem of a case's cells, no two of its numbers alike.

    Sizes that hang together, as a convolution's do, are kept, and the batch makes up for the inputs.
    """
    network = narrow(case.problem.network)
    rng = np.random.default_rng([steps, BATCH])
    wide, units = network.inputs, network.layers[-1].units
    batch = max(BATCH, -(-INPUTS * BATCH // wide))
    inputs = rng.standard_normal((steps, batch, wide))
    if network.loss.kind == "cross_entropy":
        targets = np.eye(units)[rng.integers(0, units, (steps, batch))]
    else:
        targets = rng.standard_normal((steps, batch, units))
    dtype = FORMATS[case.problem.dtype].held
    parameters, feedback = case.problem.parameters, case.problem.feedback
    if network is not case.problem.network:
        parameters = {name: value.astype(dtype) for name, value in network.parameters(seed=steps).items()}
        shapes = feedback_shapes(network, case.rule)
        feedback = {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
    return replace(
        case.problem,
        id=f"{case.problem.id}/long",
        network=network,
        parameters=parameters,
        feedback=feedback,
        inputs=inputs.astype(dtype),
        targets=targets.astype(dtype),
        **_given(case.problem, network, (steps, batch)),
    )


def _given(problem: Problem, network: Network, shape: tuple[int, int]) -> dict[str, Any]:
    """Return what the problem has beside inputs and targets, of other sizes: states of zero, every step counted."""
    dtype = problem.dtype
    sizes = {layer.full_name(i, k): layer.size(k) for i, layer in enumerate(network.layers) for k in layer.cell.nodes}
    for owner in owners(network):
        sizes |= {owner.name: owner.units, **{f"{owner.name}.{node}": owner.units for node in owner.cell.nodes}}
    return {
        "initial": {name: np.zeros(sizes[name], dtype=dtype) for name in problem.initial},
        "weights": None if problem.weights is None else np.ones(shape, dtype=dtype),
        "begins": None if problem.begins is None else np.zeros(shape, dtype=bool),
        "masks": {name: np.ones((*shape, sizes[name]), dtype=dtype) for name in problem.masks},
        "readouts": {k: np.ones((network.layers[-1].units, sizes[k]), dtype=dtype) for k in problem.readouts},
    }


def narrow(network: Network) -> Network:
    """Return the network with one unit in every layer or population, two under a softmax, and many inputs; or itself.

    Examples
    --------
    >>> from gradcert.reference.networks import Snu
    >>> [(k.inputs, k.units) for k in narrow(Network((Layer(Snu(), 3, 4), Layer(Snu(), 4, 2)))).layers]
    [(64, 1), (1, 1)]
    """
    if any(any(map(np.ndim, layer.cell.constants().values())) for layer in network.layers):
        return network
    if network.graph is not None:
        return _narrow_graph(network)
    if any(layer.synapses for layer in network.layers):
        return network
    layers: list[Layer] = []
    for number, layer in enumerate(network.layers):
        last = number == network.depth - 1 and network.loss.kind == "cross_entropy"
        layers.append(replace(layer, inputs=layers[-1].units if layers else INPUTS, units=2 if last else 1))
    return replace(network, layers=tuple(layers))


def _narrow_graph(network: Network) -> Network:
    """Return the network of a graph with one unit in every population, and as many inputs each as a stack has."""
    graph = network.graph
    assert graph is not None
    if any(c.chain for c in graph.connections) or any(p.synapses for p in graph.populations):
        return network
    outputs = 2 if network.loss.kind == "cross_entropy" else 1
    populations = (replace(p, units=outputs if p.name == graph.output else 1) for p in graph.populations)
    inputs = tuple((name, INPUTS) for name, _ in graph.inputs)
    return replace(network, layers=(), graph=replace(graph, inputs=inputs, populations=tuple(populations)))


def needed(problem: Problem) -> int:
    """Return the bytes of the largest state that a rule needs: every node's derivative by every parameter below.

    Examples
    --------
    >>> from gradcert.reference.networks import Rnn
    >>> network = Network((Layer(Rnn(), 3, 2),))  # 4 nodes by 12 parameters, twice the latter, 8 bytes each
    >>> needed(Problem(network, network.parameters(), np.ones((1, 1, 3)), np.ones((1, 1, 2))))
    608
    """
    below, numbers = 0, 0
    for layer in problem.network.layers:
        below += sum(prod(shape) for shape in layer.shapes().values())
        numbers += sum(layer.size(node) for node in layer.cell.nodes) * (1 + below)
    given = (problem.parameters, problem.feedback, problem.readouts)
    fixed = sum(array.size for arrays in given for array in arrays.values())
    return problem.inputs.itemsize * (numbers * problem.inputs.shape[1] + 2 * fixed)  # gradients are as large as these
