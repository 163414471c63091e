"""Graphs of populations on symbols: skip connections, feedback, delays, several inputs; and what holds of them."""

from __future__ import annotations

from gradcert.derivations.parts.paths import prove_path_sum
from gradcert.derivations.proving.common import combined
from gradcert.derivations.proving.proof import Result, problem, prove
from gradcert.reference import Connection, Graph, Integrator, Lif, Network, Population, Rnn, rule_named

RULES = ("bptt", "ostl", "e-prop", "ottt", "sltt", "bptt-detached-reset")
WINDOWS = ("tbptt(2)", "tbptt-chunks(2)")
RATE, LATERAL = Rnn(recurrent=False, bias=False), Rnn()
SPIKING, OUT = Lif(recurrent=True), Integrator(bias=False)
C, P = Connection, Population

#: name -> the graph, and how many steps show all of it
GRAPHS: dict[str, tuple[Graph, int]] = {
    "skip": (
        Graph(
            {"x": 1, "u": 1},
            (P("a", LATERAL, 1), P("b", LATERAL, 1), P("o", RATE, 1)),
            (C("x", "a"), C("u", "b"), C("a", "b"), C("b", "o"), C("a", "o")),
        ),
        3,
    ),
    "feedback": (
        Graph(
            {"x": 1},
            (P("a", RATE, 1), P("b", RATE, 2), P("o", RATE, 1)),
            (C("x", "a"), C("a", "b"), C("b", "a", lag=1), C("b", "o")),
        ),
        3,
    ),
    "delay": (
        Graph(
            {"x": 1},
            (P("a", LATERAL, 1), P("o", RATE, 1)),
            (C("x", "a"), C("a", "o"), C("a", "o", lag=2, name="late"), C("a", "a", lag=3, name="later")),
        ),
        4,
    ),
    "spiking": (
        Graph(
            {"x": 1},
            (P("a", SPIKING, 1), P("b", RATE, 1), P("o", OUT, 1)),
            (C("x", "a"), C("a", "b"), C("b", "a", lag=1), C("b", "o"), C("a", "o", lag=2)),
        ),
        4,
    ),
}


def rows(names: tuple[str, ...] = (*RULES, *WINDOWS)) -> Result:
    """Prove that both engines compute the rows that they say on every graph."""
    found = []
    for graph, steps in GRAPHS.values():
        p = problem(Network(graph=graph), steps=steps)
        found += [prove(p, rule_named(name), engine) for name in names for engine in ("reverse", "forward")]
    return combined("both engines on graphs", found)


def sums(names: tuple[str, ...] = RULES) -> Result:
    """Prove that both are the sum over the kept paths, each walked on its own."""
    found = []
    for graph, steps in GRAPHS.values():
        p = problem(Network(graph=graph), steps=steps)
        found += [prove_path_sum(p, rule_named(name), engine) for name in names for engine in ("reverse", "forward")]
    return combined("paths of graphs", found)
