"""What is done wrong with skip connections, delays and sparse weights (mathematics.md 14, T67)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from gradcert.properties.evaluation import row
from gradcert.properties.gallery.build import bug
from gradcert.properties.subject import GRAPH
from gradcert.reference import RULES, Connection, Sparse
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array

CLASS = "graphs"
CLAIM: dict[str, Any] = {"rule": "bptt", "cells": ("lif",), "depths": (2, 3), "options": {"train": ()}}


def gradients(problem: Problem, *, fault: str = "") -> dict[str, Array]:
    """Return the gradient of BPTT, with one thing done wrong about graphs; stacks are always right."""
    graph = problem.network.graph
    found = row(problem, RULES["bptt"])
    if graph is None:
        return found
    if fault == "F18":  # each population is a module of its own, and modules hand on what is detached
        return {k: g if k.startswith(f"{graph.output}.") else 0 * g for k, g in found.items()}
    if fault == "T67":  # a further connection is added to the sum in the trace and in the credit
        first = {graph.into(p.name)[0].label for p in graph.populations}
        further = {name for name in found if name.count(".") > 1 and name.rpartition(".")[2] not in first}
        return {k: 2 * g if k in further else g for k, g in found.items()}
    alter = {"F19": _short, "F20": _by_columns}[fault]
    return _of(problem, alter)


def _of(problem: Problem, alter: Callable[[Connection], Connection]) -> dict[str, Array]:
    graph = problem.network.graph
    assert graph is not None
    other = replace(graph, connections=tuple(map(alter, graph.connections)))
    return row(replace(problem, network=replace(problem.network, graph=other, layers=())), RULES["bptt"])


def _short(c: Connection) -> Connection:
    """Read the buffer of a delay before it is written."""
    return replace(c, lag=max(c.lag - 1, 1)) if c.lag else c


def _by_columns(c: Connection) -> Connection:
    """List the weights of a sparse connection column by column."""
    if not isinstance(c.synapse, Sparse):
        return c
    return replace(c, synapse=replace(c.synapse, present=tuple(sorted(c.synapse.present, key=lambda p: p[::-1]))))


_graph = partial(
    bug,
    CLASS,
    gradients,
    CLAIM,
    reads=frozenset({GRAPH}),
    beyond="a claim has no word for a network that is a graph",
)

ENTRIES = (
    _graph("F18", "detached_between_populations", "what a population hands on is detached"),
    _graph("T67", "further_connections_twice", "every connection of a population but its first is counted twice"),
    _graph("F19", "delay_one_short", "a delay of several steps is one step short"),
    _graph("F20", "listed_by_columns", "sparse weights are taken column by column"),
)
