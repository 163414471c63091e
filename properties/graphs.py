"""Stacks as graphs: the same problem, said in populations and connections, for the laws that compare the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gradcert.properties.measure import Measured
from gradcert.properties.subject import GRAPH, Subject
from gradcert.reference import Connection, Graph, Network, Population
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array

INPUT = "x"


def population(index: int) -> str:
    """Return the name that a layer has as a population.

    Examples
    --------
    >>> population(0)
    'p0'
    """
    return f"p{index}"


def renamed(values: Mapping[str, Array]) -> dict[str, Array]:
    """Return what is named by layers by the names of populations.

    Examples
    --------
    >>> renamed({"layers.1.W": 1})
    {'p1.W': 1}
    """
    return {f"p{name.removeprefix('layers.')}": value for name, value in values.items()}


def as_graph(problem: Problem) -> Problem:
    """Return a stack's problem as that of a graph: a chain of populations.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference import Layer, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> problem = Problem(network, network.parameters(), np.ones((4, 1, 2)), np.zeros((4, 1, 3)))
    >>> list(as_graph(problem).parameters)
    ['p0.W', 'p0.H', 'p0.b']
    """
    populations, connections = [], []
    for i, layer in enumerate(problem.network.layers):
        outer = {link.weight for link in layer.cell.links if link.source == "x"}
        inner = tuple((name, s) for name, s in layer.synapses if name not in outer)
        given = [s for name, s in layer.synapses if name in outer]
        populations.append(Population(population(i), layer.cell, layer.units, synapses=inner))
        source = population(i - 1) if i else INPUT
        connections.append(Connection(source, population(i), synapse=given[0] if given else None))
    graph = Graph({INPUT: problem.network.inputs}, tuple(populations), tuple(connections))
    return with_graph(problem, graph, renamed(problem.parameters), renamed(problem.feedback))


def with_graph(
    problem: Problem, graph: Graph, parameters: Mapping[str, Array], feedback: Mapping[str, Array] | None = None
) -> Problem:
    """Return the problem with a graph for its network, and the graph's parameters."""
    network = Network(graph=graph, loss=problem.network.loss)
    ordered = {name: parameters[name] for name in network.shapes()}
    return replace(problem, network=network, parameters=ordered, feedback=dict(feedback or {}))


def by_population(measured: Measured) -> Measured:
    """Return what was measured of a stack by the names of populations."""
    return Measured(renamed(measured.values), renamed(measured.slack))


def reads_graphs(subject: Subject) -> bool:
    """Return whether a subject knows graphs, and its rule needs no matrices of the shapes of layers."""
    return subject.gradients is not None and subject.expected is None and GRAPH in subject.reads


def plain_signal(subject: Subject) -> bool:
    """Return whether a subject that knows graphs also has a rule whose signal comes through the weights themselves."""
    return reads_graphs(subject) and subject.rule.feedback == "symmetric"
