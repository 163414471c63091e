"""Graphs for the tests: each element of a graph at its smallest, where it meets others; no two sizes alike.

The layer of each population is written by hand, so that nothing here knows how the components are found.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np

from gradcert.properties.numbers import PrimeField
from gradcert.reference import Connection, Conv2d, Dense, Graph, Lif, Network, Population, Rnn, Sparse
from gradcert.reference.networks.cells import Gru, Integrator, Lstm
from gradcert.reference.networks.synapses import AvgPool, MaxPool

LATERAL = Lif(leak=0.5, threshold=0.25, recurrent=True, train=("leak", "threshold"))
PLAIN = Lif(leak=0.75, threshold=0.5, reset="hard", reset_value=0.125)
OUT = Integrator(kappa=0.5)
C, P = Connection, Population


class Ordered(PrimeField):
    """With the order of the whole numbers that stand for elements: which of two is larger is then the same for all."""

    def where(self, a, relation, b, then, otherwise):
        def one(a, b, then, otherwise):
            return then if OF[relation](int(a), int(b)) else otherwise

        return np.asarray(np.frompyfunc(one, 4, 1)(*(self.array(v) for v in (a, b, then, otherwise))), dtype=object)


OF = {">=": operator.ge, ">": operator.gt, "<": operator.lt, "<=": operator.le}


@dataclass(frozen=True)
class Case:
    graph: Graph
    layers: dict[str, int]

    @property
    def network(self):
        return Network(graph=self.graph)


def case(inputs, populations, *connections, layers):
    return Case(Graph(inputs, tuple(P(*p) if isinstance(p, tuple) else p for p in populations), connections), layers)


TWO = Conv2d(in_channels=1, height=3, width=3, out_channels=2, kernel=(2, 2))
BACK = Conv2d(in_channels=1, height=2, width=2, out_channels=2, kernel=(2, 2), padding=(1, 1), stride=(2, 2))
ACROSS = Conv2d(in_channels=2, height=2, width=2, out_channels=1, kernel=(1, 1))
POOL = AvgPool(channels=2, height=2, width=2, kernel=(1, 2))
LARGEST = MaxPool(channels=2, height=2, width=2)  # of currents
OVERLAPPING = MaxPool(channels=2, height=2, width=2, kernel=(2, 2), stride=(1, 1), padding=(1, 1), dilation=(1, 2))
RING = Sparse(inputs=3, units=3, present=((0, 2), (1, 0), (2, 1)))

CASES = {
    "skip": case(
        {"x": 2},
        (("a", LATERAL, 3), ("b", LATERAL, 4), ("o", OUT, 2)),
        *(C("x", "a"), C("a", "b"), C("b", "o"), C("a", "o"), C("x", "o")),
        layers={"a": 0, "b": 1, "o": 2},
    ),
    "inputs": case(
        {"x": 2, "u": 3},
        (("a", LATERAL, 3), ("b", PLAIN, 4), ("o", OUT, 2)),
        *(C("u", "a"), C("x", "b"), C("u", "b"), C("a", "b"), C("b", "o")),
        layers={"a": 0, "b": 1, "o": 2},
    ),
    "feedback": case(
        {"x": 2},
        (("b", PLAIN, 2), ("a", LATERAL, 3), ("o", OUT, 2)),
        *(C("x", "a"), C("a", "b"), C("b", "a", lag=1), C("a", "o"), C("b", "o")),
        layers={"a": 0, "b": 0, "o": 1},
    ),
    "feedback from the output": case(
        {"x": 2},
        (("e", LATERAL, 2), ("a", LATERAL, 3), ("o", OUT, 2)),
        *(C("x", "e"), C("e", "a"), C("a", "o"), C("o", "a", lag=2), C("e", "o", lag=1)),
        layers={"e": 0, "a": 1, "o": 1},
    ),
    "delay": case(
        {"x": 2},
        (("a", PLAIN, 3), ("b", LATERAL, 2), ("o", OUT, 2)),
        *(C("x", "a", lag=2), C("a", "b"), C("a", "b", lag=1, name="late"), C("a", "b", lag=3, name="later")),
        *(C("b", "b", lag=2), C("b", "o", lag=1), C("a", "o", lag=2)),
        layers={"a": 0, "b": 1, "o": 2},
    ),
    "same and late": case(
        {"x": 2},
        (("a", PLAIN, 3), ("b", Rnn(), 2), ("o", OUT, 2)),
        *(C("x", "a"), C("b", "a", lag=1), C("a", "b"), C("a", "b", lag=1, name="late"), C("a.v", "b", name="v")),
        *(C("b", "b", lag=1), C("b", "o"), C("a.v", "o")),
        layers={"a": 0, "b": 0, "o": 1},
    ),
    "convolution": case(
        {"x": 9},
        (("a", LATERAL, 8), ("b", PLAIN, 4), ("o", OUT, 2)),
        C("x", "a", synapse=TWO),
        C("a", "b", synapse=ACROSS),
        C("b", "a", lag=1, synapse=BACK),
        C("a", "o", synapse=(POOL, Dense(inputs=4, units=2))),
        C("b", "o"),
        layers={"a": 0, "b": 0, "o": 1},
    ),
    "max pooling": case(  # of currents, of spikes within the step, and of spikes one and two steps ago
        {"x": 3},
        (("a", PLAIN, 2), ("e", LATERAL, 8), ("b", LATERAL, 3), ("o", OUT, 2)),
        C("x", "e"),
        C("x", "a", synapse=(Dense(inputs=3, units=8), LARGEST)),
        C("e", "b", synapse=(OVERLAPPING, Dense(inputs=OVERLAPPING.units, units=3))),
        C("e", "a", lag=2, synapse=LARGEST),
        C("e", "b", lag=1, name="late", synapse=(LARGEST, Dense(inputs=2, units=3))),
        *(C("a", "o"), C("b", "o"), C("b", "e", lag=1)),
        layers={"e": 0, "b": 0, "a": 1, "o": 2},
    ),
    "sparse": case(
        {"x": 3},
        (P("a", LATERAL, 3, synapses=(("H", RING),)), ("b", LATERAL, 3), ("o", OUT, 2)),
        C("x", "a", synapse=Sparse(inputs=3, units=3, present=((0, 0), (2, 1), (0, 2)))),
        C("a", "b", synapse=RING),
        C("b", "a", lag=1, synapse=Sparse.of_mask([[0, 1, 1], [0, 0, 0], [1, 0, 0]], inputs=3, units=3)),
        C("a", "o", synapse=Dense(inputs=3, units=2, absent=((0, 0),))),
        C("b", "o"),
        layers={"a": 0, "b": 0, "o": 1},
    ),
    "shared": case(
        {"x": 2},
        (P("a", LATERAL, 3, shared=("leak", "threshold", "b")), P("b", LATERAL, 2, shared=("b",)), ("o", OUT, 2)),
        *(C("x", "a"), C("a", "b"), C("b", "o"), C("o", "b", lag=1)),
        layers={"a": 0, "b": 1, "o": 1},
    ),
    "channels": case(  # a bias of each channel of a convolution, a leak of each row of pixels, a threshold of all
        {"x": 9},
        (P("a", LATERAL, 8, shared=("b[2]", "leak[4]", "threshold")), ("o", OUT, 2)),
        C("x", "a", synapse=TWO),
        C("a", "o"),
        layers={"a": 0, "o": 1},
    ),
    "factors": case(
        {"x": 3},
        (("a", LATERAL, 4), ("o", OUT, 2)),
        C("x", "a", synapse=(Dense(inputs=3, units=2), Dense(inputs=2, units=4))),
        C("a", "a", lag=1, synapse=(Dense(inputs=4, units=1), Dense(inputs=1, units=4))),
        C("a", "o", lag=1, synapse=(Sparse(4, 4, tuple((i, i) for i in range(4))), Dense(inputs=4, units=2))),
        layers={"a": 0, "o": 1},
    ),
}
GATED = {  # of cells with several input links, which the literal loops do not know
    "gates": case(
        {"x": 2},
        (("a", Lstm(), 3), ("b", Gru(), 2), ("o", OUT, 2)),
        *(C("x", "a"), C("a", "b"), C("b", "a", lag=1), C("a.c", "b", lag=1, name="c"), C("x", "b"), C("b", "o")),
        layers={"a": 0, "b": 0, "o": 1},
    ),
    "one gate": case(
        {"x": 2},
        (("a", Rnn(), 3), ("b", Lstm(peepholes=True), 2), ("o", OUT, 2)),
        *(C("x", "a"), C("a", "b"), C("x", "b", node="af", lag=1), C("b.c", "b", lag=1), C("b", "o"), C("a", "o")),
        layers={"a": 0, "b": 1, "o": 2},
    ),
}
