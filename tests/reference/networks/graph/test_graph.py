"""What is said of a graph: its layers, its names, its JSON form, what it means next to a stack, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from graph_cases import CASES, GATED

from gradcert.certify.problems.budget import expect
from gradcert.reference import (
    ESTIMATORS,
    RULES,
    Connection,
    Dense,
    Edge,
    GradcertError,
    Graph,
    Layer,
    Lif,
    Loss,
    Network,
    Population,
    Problem,
    Rnn,
    Snu,
    draw_feedback,
    from_dict,
    record,
    rule_named,
)
from gradcert.reference.bounds.componentwise import entries
from gradcert.reference.engines import forward, residual, reverse
from gradcert.reference.networks import Gru, Lstm, check_short, problem_from_json
from gradcert.reference.procedures import fptt

C, P = Connection, Population
X = {"x": 2}
LOW, TOP = P("low", Lif(), 3), P("top", Rnn(), 2)
UP = (C("x", "low"), C("low", "top"))


@pytest.mark.parametrize("name", [*CASES, *GATED])
def test_layers_are_components_and_the_json_form_loses_nothing(name):
    case = {**CASES, **GATED}[name]
    parts = case.graph.components()
    assert {population: i for i, part in enumerate(parts) for population in part} == case.layers
    network = replace(case.network, loss=Loss(time="mean"))
    assert from_dict(network.to_dict()) == network
    x, y = np.ones((4, 2, network.inputs)), np.zeros((4, 2, 2))
    problem = Problem(network, network.parameters(), x, y)
    again = problem_from_json(problem.to_json())
    assert again.network == network and again.to_json() == problem.to_json()


@pytest.mark.parametrize(
    "rule", ["bptt", "ostl", "ostl-random", "osttp", "e-prop-random", "decolle", "snap-1", "tbptt"]
)
def test_a_chain_is_a_stack_to_the_last_bit(rule):
    cells = (Snu(train=("leak",)), Gru(), Lif(threshold=0.3, recurrent=True))
    sizes = (2, 4, 3, 2)
    layers = tuple(Layer(cell, *sizes[i : i + 2]) for i, cell in enumerate(cells))
    stack = Network(layers=layers, loss=Loss(time="mean"))
    names = ("a", "b", "c")
    populations = tuple(P(n, layer.cell, layer.units) for n, layer in zip(names, layers, strict=True))
    graph = Graph(X, populations, tuple(C(a, b) for a, b in zip(("x", *names), names, strict=False)))
    chain = Network(graph=graph, loss=stack.loss)
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((7, 3, 2)), rng.standard_normal((7, 3, 2))
    p, feedback = stack.parameters(seed=2), draw_feedback(stack, RULES[rule], seed=3)

    def renamed(values):
        return {f"{names[int(k.split('.')[1])]}.{k.split('.')[2]}": v for k, v in values.items()}

    assert {k: v.shape for k, v in renamed(p).items()} == chain.shapes()
    assert [k for k, v in renamed(p).items() if (v != chain.parameters(seed=2)[k]).any()] == []
    for engine in (reverse, forward):
        want = renamed(engine.gradients(stack, p, x, y, rule=RULES[rule], feedback=feedback))
        found = engine.gradients(chain, renamed(p), x, y, rule=RULES[rule], feedback=renamed(feedback))
        assert list(found) == list(want) and all((found[k] == want[k]).all() for k in want)


def test_names():
    """A weight has its source's name where a population has several connections; chains are numbered."""
    graph = Graph(
        X,
        (LOW, P("mid", Gru(), 3), TOP),
        (
            *(C("x", "low", name="sees"), C("low", "mid"), C("mid", "top", synapse=(Dense(3, 1), Dense(1, 2)))),
            *(C("low.v", "top"), C("top", "mid", lag=3, node="ar", name="back")),
        ),
    )
    assert set(Network(graph=graph).shapes()) == {
        *("low.W.sees", "low.b", "top.W.mid.0", "top.W.mid.1", "top.W.low", "top.H", "top.b"),
        *("mid.W_r.low", "mid.W_u.low", "mid.W_n.low", "mid.W_r.back"),
        *("mid.H_r", "mid.H_u", "mid.H_n", "mid.b_r", "mid.b_u", "mid.b_n", "mid.c_n"),
    }
    network = Network(graph=graph)
    assert {"mid.back.late1", "mid.back.late2", "top.W.mid.0.out"} < set(network.layers[1].cell.nodes)
    assert network.layers[1].cell.name == "circuit" and network.layers[0].cell.name == "lif"
    labels = {link.edge for link in network.layers[1].cell.links if ".back" in f"{link.weight}{link.source}"}
    assert labels == {Edge.DELAY, Edge.FEEDBACK}


def test_a_label_may_be_given():
    graph = Graph(X, (LOW, TOP), (*UP, C("top", "low", lag=1, edge=Edge.RECURRENT)))
    links = Network(graph=graph).layers[0].cell.links
    assert {link.edge for link in links if link.weight == "low.W.top"} == {Edge.RECURRENT}


def test_a_mask_is_a_populations_own():
    """It multiplies what others get, and not what a population gives itself; a node of it may be held."""
    graph = Graph(
        {"x": 1},
        (
            P("a", Rnn(activation="identity", bias=False), 1),
            P("o", Rnn(activation="identity", bias=False, recurrent=False), 1),
        ),
        (C("x", "a"), C("a", "o"), C("o", "a", lag=1)),
    )
    network = Network(graph=graph)
    p = {"a.W.x": 1, "a.W.o": 10, "a.H": 100, "o.W": 1}
    p = {k: np.full((1, 1), float(v)) for k, v in p.items()}
    x = np.array([1.0, 0.0]).reshape(2, 1, 1)
    masks = {"a": np.array([3.0, 1.0]).reshape(2, 1, 1)}
    plain, masked = (record(network, p, x, **data).outputs.ravel() for data in ({}, {"masks": masks}))
    assert plain.tolist() == [1, 110] and masked.tolist() == [3, 130]
    held = record(network, p, x, masks={"a.z": np.array([0.0, 1.0]).reshape(2, 1, 1)})
    assert held.outputs.ravel().tolist() == [0, 0]


def test_the_membrane_potential_of_a_population_may_be_the_output():
    graph = Graph(X, (LOW, P("o", Lif(), 2)), (C("x", "low"), C("low", "o"), C("o", "low", lag=1)))
    network = Network(graph=graph, loss=Loss(node="v"))
    x = np.ones((3, 1, 2))
    tape = record(network, network.parameters(), x)
    assert (tape.outputs == tape.layers[-1].now["o.v"]).all()
    with pytest.raises(GradcertError, match="a mask of 'o', whose 'v' is the output"):
        record(network, network.parameters(), x, masks={"o": np.ones((3, 1, 2))})


REFUSED = {
    "no input": (lambda: Graph({}, (LOW, TOP), UP), "a graph without inputs"),
    "no population": (lambda: Graph(X, (), UP), "a graph without populations"),
    "no connection": (lambda: Graph(X, (LOW,), ()), "a graph without connections"),
    "cycle": (
        lambda: Graph(X, (LOW, TOP), (*UP, C("top", "low"))),
        "a cycle within one step: low -> top -> low; .*give one of its connections a lag",
    ),
    "itself": (lambda: Graph(X, (LOW, TOP), (*UP, C("low", "low"))), "low -> low within a step"),
    "unheard": (
        lambda: Graph(X, (LOW, TOP, P("odd", Rnn(), 1)), (*UP, C("odd", "top"), C("odd", "odd", lag=1))),
        "no input reaches odd",
    ),
    "alone": (lambda: Graph(X, (P("odd", Rnn(), 1), LOW, TOP), UP), "'odd' has no connection"),
    "idle": (
        lambda: Graph(X, (P("odd", Rnn(), 1), LOW, TOP), (*UP, C("low", "odd"))),
        "odd does not reach the output 'top'",
    ),
    "idle input": (lambda: Graph({**X, "u": 1}, (LOW, TOP), UP), "u does not reach the output"),
    "output": (lambda: Graph(X, (LOW, TOP), UP, output="end"), "the output 'end'; allowed: low, top"),
    "source": (lambda: Graph(X, (LOW, TOP), (*UP, C("lo", "top"))), "lo -> top from 'lo' .*; allowed: x, low, top"),
    "target": (lambda: Graph(X, (LOW, TOP), (*UP, C("low", "x"))), "low -> x to 'x'; allowed: low, top"),
    "source node": (lambda: Graph(X, (LOW, TOP), (*UP, C("low.u", "top"))), "from the node 'u'; allowed: a, v, z"),
    "input node": (lambda: Graph(X, (LOW, TOP), (*UP, C("x.z", "top"))), "from the node 'z'"),
    "target node": (lambda: Graph(X, (LOW, TOP), (*UP, C("x", "top", node="v"))), "to the node 'v'; allowed: a"),
    "unfed gate": (
        lambda: Graph(X, (LOW, P("top", Lstm(recurrent=False), 2)), (C("x", "low"), C("low", "top", node="ai"))),
        "nothing feeds the node",
    ),
    "twice": (lambda: Graph(X, (LOW, LOW), UP), "inputs and populations called low twice"),
    "input twice": (lambda: Graph({"low": 1}, (LOW, TOP), UP), "inputs and populations called low twice"),
    "connection twice": (
        lambda: Graph(X, (LOW, TOP), (*UP, C("low", "top", lag=1))),
        "connections to 'top' called low twice; .*pass name=",
    ),
    "synapse": (
        lambda: Graph(X, (LOW, TOP), (C("x", "low"), C("low", "top", synapse=Dense(2, 2)))),
        "from 2 to 2 units on the connection low -> top; allowed: from 3 to 2",
    ),
    "name": (lambda: P("a.b", Rnn(), 1), "a population called 'a.b'"),
    "reserved": (lambda: P("layers", Rnn(), 1), "a population called 'layers'"),
    "units": (lambda: P("a", Rnn(), 0), "a population 'a' with units"),
    "outer synapse": (lambda: P("a", Rnn(), 2, synapses=(("W", Dense(2, 2)),)), "give it to the connection"),
    "inner synapse": (lambda: P("a", Rnn(), 2, synapses=(("H", Dense(2, 3)),)), "from 2 to 3 units for 'H'"),
    "shared": (lambda: P("a", Lif(train=("leak",)), 2, shared=("threshold",)), "the shared parameter 'threshold'"),
    "shared runs": (lambda: P("a", Lif(), 6, shared=("b[4]",)), r"the shared parameter 'b\[4\]' of 6 units"),
    "shared name": (lambda: P("a", Lif(), 6, shared=("b[0]",)), r"the shared parameter 'b\[0\]'"),
    "shared values": (lambda: P("a", Lif(leak=(0.1, 0.2), train=("leak",)), 2, shared=("leak",)), "several values"),
    "lag": (lambda: C("a", "b", lag=-1), "with lag=-1"),
    "label": (lambda: C("a", "b", edge=Edge.FEEDBACK), "for a lagged connection"),
    "empty chain": (lambda: C("a", "b", synapse=()), "no synapse at all"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_one_sentence_for_each_thing_that_cannot_be(name):
    build, reason = REFUSED[name]
    with pytest.raises(GradcertError, match=reason):
        build()


X1, Y1 = np.ones((3, 1, 2)), np.zeros((3, 1, 2))
SKIP = CASES["skip"].network
OTHERS = {
    **{
        f"the estimator {name}": lambda p, e=e: e.gradients(SKIP, p, X1, Y1, **dict.fromkeys(e.needs))
        for name, e in ESTIMATORS.items()
        if name not in ("uoro", "kf-rtrl", "sltt-k")  # these know graphs
    },
    "a subject of the short form": lambda p: check_short(Problem(SKIP, p, X1, Y1), "a module"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_who_knows_stacks_alone_says_so(what):
    with pytest.raises(GradcertError, match="for a network that is a graph; allowed: a stack"):
        OTHERS[what](SKIP.parameters())


@pytest.mark.parametrize("name", ["feedback", "delay", "shared", "channels"])
def test_fptt_of_a_graph_hands_every_state_on_to_the_next_part(name):
    """With a rate of 0 its parts are chunks: their gradients add up to that of truncation, registers and loops too."""
    network, rng = CASES[name].network, np.random.default_rng(5)
    p = network.parameters(seed=5)
    x, y = rng.standard_normal((6, 2, network.inputs)), rng.standard_normal((6, 2, 2))
    parts = []
    after = fptt(network, p, x, y, parts=2, rate=0.0, alpha=0.5, finish=False, watch=parts.append)
    assert all((after.weights[k] == p[k]).all() for k in p)
    whole = reverse.gradients(network, p, x, y, rule=rule_named("tbptt-chunks", steps=3))
    allowed = expect(Problem(network, dict(p), x, y), rule_named("tbptt-chunks", steps=3), "float64").gradients
    for key, value in whole.items():  # two programs of one row: each within the budget of every right one
        assert (abs(parts[0][key] + parts[1][key] - value) <= 2 * allowed[key].budget).all(), key
    assert max(abs(parts[1][key]).max() for key in p) > 0


@pytest.mark.parametrize("name", ["feedback", "delay", "shared", "channels"])
def test_componentwise_bounds_hold_of_graphs(name):
    """Their paths are the residual's own: in absolute values they bound what OSTL drops, entry by entry."""
    network = CASES[name].network
    rng = np.random.default_rng(4)
    p = network.parameters(seed=4)
    x, y = (rng.standard_normal((6, 2, n)) for n in (network.inputs, 2))
    rule = RULES["e-prop"]
    bound = entries(network, p, x, y, rule=rule)
    whole = residual(network, p, x, y, rule=rule).total
    assert all((abs(whole[k]) <= bound[k]).all() for k in whole) and any(g.any() for g in whole.values())
