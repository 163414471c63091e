"""Structure: a sparse connection with all of its entries is a dense one."""

from __future__ import annotations

from dataclasses import replace

from gradcert.properties.graphs import as_graph, plain_signal, with_graph
from gradcert.properties.law import Draw, Law
from gradcert.properties.measure import Counterexample, differ, measure
from gradcert.properties.subject import Subject
from gradcert.reference import Network, Sparse


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare every dense connection with the sparse one that lacks nothing."""
    problem = as_graph(draw(subject.problems(convolution=False)))
    graph = problem.network.graph
    assert graph is not None
    connections = []
    for c in graph.connections:
        inputs, units = graph.size(c.origin[0]), graph.by_name[c.target].units
        present = tuple((i, j) for i in range(units) for j in range(inputs))
        connections.append(replace(c, synapse=Sparse(inputs, units, present)))
    new = replace(graph, connections=tuple(connections))
    shapes = Network(graph=new).shapes()
    flat = {name: value.reshape(shapes[name]) for name, value in problem.parameters.items()}
    listed = with_graph(problem, new, flat)
    expected = measure(subject, problem).moved(lambda name, value: value.reshape(shapes[name]))
    return differ(LAW.name, listed, measure(subject, listed), expected)


LAW = Law(
    name="sparse",
    group="structure",
    statement="A sparse connection in which every connection is present has the gradient of a dense one.",
    source="gradcert.reference.networks.synapses.sparse",
    applies=plain_signal,
    check=check,
)
