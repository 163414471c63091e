"""Structure: a chain of populations is a stack of layers."""

from __future__ import annotations

from gradcert.properties.graphs import as_graph, by_population, reads_graphs
from gradcert.properties.law import Draw, Law
from gradcert.properties.measure import Counterexample, differ, measure
from gradcert.properties.subject import Subject


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare a stack with the same network said as a graph."""
    problem = draw(subject.problems())
    chain = as_graph(problem)
    return differ(LAW.name, chain, measure(subject, chain), by_population(measure(subject, problem)))


LAW = Law(
    name="chain",
    group="structure",
    statement="A graph in which each population reads the one before it has the gradient of the stack.",
    source="gradcert.reference.networks.graph",
    applies=reads_graphs,
    check=check,
)
