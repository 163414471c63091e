"""Structure: a population split in two, with the same weights, is the same network."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from gradcert.properties.graphs import as_graph, plain_signal, population, with_graph
from gradcert.properties.law import Draw, Law
from gradcert.properties.measure import Counterexample, Measured, differ, measure
from gradcert.properties.subject import Subject
from gradcert.reference import Connection, Edge, Population
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array

CELLS = ("rnn", "snu", "ssnu", "lif", "alif")  # with one input weight W, and one lateral weight H


def parts_of(whole: Population, at: int) -> tuple[Population, Population]:
    """Return the first units of a population, and the others."""
    out = []
    for name, units in (("first", slice(0, at)), ("second", slice(at, None))):
        cell: Any = whole.cell
        own = {f.name: getattr(cell, f.name) for f in fields(cell)}
        cut = {k: v[units] for k, v in own.items() if isinstance(v, tuple) and len(v) == whole.units and k != "train"}
        out.append(Population(name, replace(cell, **cut), len(range(whole.units)[units])))
    return out[0], out[1]


def split(problem: Problem, index: int, at: int) -> Problem:
    """Return the graph in which a hidden population is two, each of which reads the other as the whole read itself."""
    graph = as_graph(problem).network.graph
    assert graph is not None
    whole, above = graph.populations[index], population(index + 1)
    one, two = parts_of(whole, at)
    lateral = any(link.weight == "H" for link in whole.cell.links)
    connections = [c for c in graph.connections if whole.name not in (c.origin[0], c.target)]
    below = next(c.source for c in graph.connections if c.target == whole.name)
    name = "input" if lateral else None
    connections += [Connection(below, part.name, name=name) for part in (one, two)]
    if lateral:
        across: dict[str, Any] = {"lag": 1, "name": "other", "edge": Edge.RECURRENT}
        connections += [Connection(one.name, two.name, **across), Connection(two.name, one.name, **across)]
    connections += [Connection(part.name, above, name=part.name) for part in (one, two)]
    others = tuple(p for p in graph.populations if p != whole)
    new = replace(graph, populations=(*others[:index], one, two, *others[index:]), connections=tuple(connections))
    return with_graph(problem, new, of_parts(as_graph(problem).parameters, whole, above, at))


def of_parts(values: Any, whole: Population, above: str, at: int) -> dict[str, Array]:
    """Return parameters, or gradients, of the whole by the names of the parts."""
    out: dict[str, Array] = {}
    lateral = f"{whole.name}.H" in values
    for name, value in values.items():
        owner, _, local = name.partition(".")
        if owner == above and local == "W":
            out[f"{above}.W.first"], out[f"{above}.W.second"] = value[:, :at], value[:, at:]
        elif owner != whole.name:
            out[name] = value
        elif local == "H":
            out["first.H"], out["first.W.other"] = value[:at, :at], value[:at, at:]
            out["second.W.other"], out["second.H"] = value[at:, :at], value[at:, at:]
        else:
            own = "W.input" if local == "W" and lateral else local
            out[f"first.{own}"], out[f"second.{own}"] = value[:at], value[at:]
    return {name: np.array(value) for name, value in out.items()}


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Split a hidden population somewhere."""
    depth = (2, 3)
    problem = draw(subject.problems(convolution=False, units=(2, 3), depth=depth, cells_from=CELLS, readout=False))
    index = draw(st.integers(0, problem.network.depth - 2))
    at = draw(st.integers(1, problem.network.layers[index].units - 1))
    chain = as_graph(problem)
    parts = split(problem, index, at)
    graph = chain.network.graph
    assert graph is not None
    whole, above = graph.populations[index], population(index + 1)
    found = measure(subject, chain)
    expected = Measured(
        of_parts(found.values, whole, above, at),
        of_parts({k: np.broadcast_to(s, found.values[k].shape) for k, s in found.slack.items()}, whole, above, at),
    )
    return differ(LAW.name, parts, measure(subject, parts), expected)


LAW = Law(
    name="split",
    group="structure",
    statement="A population in two parts, with the weights that the whole had, has the gradient of the whole.",
    source="gradcert.reference.networks.graph",
    applies=plain_signal,
    check=check,
)
