"""Structure: a delay of d steps is d registers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from gradcert.properties.graphs import INPUT, as_graph, plain_signal, with_graph
from gradcert.properties.law import Draw, Law
from gradcert.properties.measure import Counterexample, differ, measure
from gradcert.properties.subject import Subject
from gradcert.reference import Connection, Population, Rnn
from gradcert.reference.networks import Problem

REGISTER = Rnn(activation="identity", recurrent=False, bias=False)


def delayed(problem: Problem, lag: int) -> tuple[Problem, Problem]:
    """Return two graphs in which the last population also reads the first, or the input, d steps late.

    In one by a delay, in the other by populations each of which holds what the one before it was.
    """
    graph = as_graph(problem).network.graph
    assert graph is not None
    last, first = graph.populations[-1], graph.populations[0]
    source = INPUT if first == last else first.name
    first_of = {c.target: c for c in graph.connections}
    old = replace(first_of[last.name], name="old")
    others = tuple(c for c in graph.connections if c.target != last.name)
    size = graph.size(source)
    chain = [source, *(f"r{k}" for k in range(lag))]
    registers = tuple(Population(name, REGISTER, size) for name in chain[1:])
    steps = tuple(Connection(a, b, lag=1) for a, b in pairwise(chain))
    by_delay = replace(graph, connections=(*others, old, Connection(source, last.name, lag=lag, name="late")))
    by_registers = replace(
        graph,
        populations=(*graph.populations, *registers),
        connections=(*others, *steps, old, Connection(chain[-1], last.name, name="late")),
    )
    renamed = as_graph(problem).parameters
    parameters = {name: value for name, value in renamed.items() if not name.startswith(f"{last.name}.W")}
    for link in last.cell.links:
        if link.source == "x" and link.weight is not None:
            weight = renamed[f"{last.name}.{link.weight}"]
            parameters[f"{last.name}.{link.weight}.old"] = weight
            # weights that are there already, in another order: whatever family they are drawn from, they belong to it
            flat = np.resize(weight.ravel()[::-1], last.units * size)
            parameters[f"{last.name}.{link.weight}.late"] = flat.reshape(last.units, size)
    one = problem.numbers.array(np.eye(size))
    kept = {f"{name}.W": one.astype(problem.inputs.dtype) for name in chain[1:]}
    return with_graph(problem, by_delay, parameters), with_graph(problem, by_registers, {**parameters, **kept})


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Compare a delay with its registers."""
    problem = draw(subject.problems(convolution=False))
    delay, registers = delayed(problem, draw(st.integers(1, 3)))
    found = measure(subject, delay)
    return differ(LAW.name, delay, found, measure(subject, registers).only(lambda name: name in delay.parameters))


LAW = Law(
    name="registers",
    group="structure",
    statement="A connection with a delay of d steps is d populations in a row, each of which holds the one before it.",
    source="gradcert.reference.networks.graph.wiring",
    applies=plain_signal,
    check=check,
)
