"""NIR graphs that are no chain: read as graphs of populations, against the graph's own equations, node by node."""

import numpy as np
import pytest

from gradcert.certify import certify
from gradcert.reference import (
    RULES,
    Connection,
    Conv2d,
    Dense,
    GradcertError,
    Graph,
    Lif,
    Network,
    Population,
    Rnn,
    Sparse,
    Surrogate,
    record,
)
from gradcert.reference.engines import reverse
from gradcert.reference.networks import Gru, Integrator
from gradcert.reference.networks.synapses import AvgPool, MaxPool

nir = pytest.importorskip("nir", reason="needs nir: pip install 'gradcert[nir]'")
from gradcert.models.nir import read, write  # noqa: E402
from gradcert.models.nir.pieces import CYCLE  # noqa: E402

RNG = np.random.default_rng(2)
OPTIONS = {"surrogate": Surrogate("triangle", scale=0.5), "strict": True}


def dyadic(*shape):
    return RNG.integers(-2, 6, shape) / 4


def lif(units, tau=2.0, reset=0.0):
    one = np.ones(units)
    return nir.LIF(tau * one, tau * one, 0 * one, 0.75 * one, reset * one)


def ends(units, **inputs):
    nodes = {name: nir.Input({"input": np.array([size])}) for name, size in inputs.items()}
    return {**nodes, "output": nir.Output({"output": np.array([units])})}


def skip_and_feedback():
    """x -> low <-> high -> li, low -> li two steps later, low -> itself."""
    one = np.ones(2)
    nodes = {
        **ends(2, x=3), "w.x": nir.Affine(dyadic(4, 3), dyadic(4)), "low": lif(4), "up": nir.Linear(dyadic(3, 4)),
        "high": lif(3, tau=4.0, reset=0.25), "down": nir.Linear(dyadic(4, 3)),
        "w.out": nir.Affine(dyadic(2, 3), dyadic(2)),
        "late": nir.Delay(2 * np.ones(4)), "w.late": nir.Linear(dyadic(2, 4)), "li": nir.LI(4 * one, 4 * one, 0 * one),
        "back": nir.Linear(dyadic(4, 4)),
    }  # fmt: skip
    edges = [("x", "w.x"), ("w.x", "low"), ("low", "up"), ("up", "high"), ("high", "down"), ("down", "low"),
             ("high", "w.out"), ("w.out", "li"), ("low", "late"), ("late", "w.late"), ("w.late", "li"),
             ("low", "back"), ("back", "low"), ("li", "output")]  # fmt: skip
    return nir.NIRGraph(nodes, edges), {("down", "low"), ("back", "low")}


def two_inputs():
    """image -> conv -> features -> pool, flatten, map -> out; context -> out, which are maps to the output alone."""
    kernel = dyadic(2, 1, 3, 3)
    nodes = {
        "image": nir.Input({"input": np.array([1, 4, 4])}), "context": nir.Input({"input": np.array([2])}),
        "conv": nir.Conv2d((4, 4), kernel, 1, 1, 1, 1, np.array([0.25, -0.5])),
        "features": nir.LIF(*(c * np.ones((2, 4, 4)) for c in (2.0, 2.0, 0.0, 0.75, 0.0))),
        "pool": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flat": nir.Flatten({"input": np.array([2, 2, 2])}, start_dim=0), "w": nir.Affine(dyadic(3, 8), dyadic(3)),
        "v": nir.Linear(dyadic(3, 2)), "output": nir.Output({"output": np.array([3])}),
    }  # fmt: skip
    edges = [("image", "conv"), ("conv", "features"), ("features", "pool"), ("pool", "flat"), ("flat", "w"),
             ("w", "output"), ("context", "v"), ("v", "output")]  # fmt: skip
    return nir.NIRGraph(nodes, edges, type_check=False), set()


def convolved(node, image):
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    out = np.zeros((2, 4, 4))
    for o, r, c in np.ndindex(out.shape):
        out[o, r, c] = (padded[:, r : r + 3, c : c + 3] * node.weight[o]).sum() + node.bias[o]
    return out


def stepped(graph, late, inputs):
    """Node by node in the order of the graph, forward Euler at dt = 1; `late` edges carry what was a step before."""
    into = {n: [a for a, b in graph.edges if b == n] for n in graph.nodes}
    delays = {n: into[n][0] for n, node in graph.nodes.items() if type(node).__name__ == "Delay"}
    order, waiting = [], list(graph.nodes)
    while waiting:
        free = next(n for n in waiting if n in delays or all(a in order or (a, n) in late for a in into[n]))
        order.append(free)
        waiting.remove(free)
    v, before, past, out = {}, {}, [], []
    for t in range(len(next(iter(inputs.values())))):
        now = {}
        for n in order:
            node, kind = graph.nodes[n], type(graph.nodes[n]).__name__
            values = [before.get(a) if (a, n) in late else now[a] for a in into[n] if n not in delays]
            x = sum((value for value in values if value is not None), 0.0)
            if kind == "Input":
                now[n] = inputs[n][t].reshape(node.input_type["input"])
            elif kind in ("Linear", "Affine"):
                now[n] = np.asarray(node.weight @ x if np.ndim(x) else 0.0) + getattr(node, "bias", 0.0)
            elif kind == "Conv2d":
                now[n] = convolved(node, x)
            elif kind == "AvgPool2d":
                now[n] = x.reshape(2, 2, 2, 2, 2).mean(axis=(2, 4))
            elif kind == "Delay":
                steps = int(node.delay.flat[0])
                now[n] = past[t - steps][delays[n]] if t >= steps else np.zeros(node.delay.shape)
            elif kind == "Threshold":
                now[n] = (x > node.threshold).astype(float)
            elif kind in ("LIF", "LI"):
                old = v.get(n, np.zeros(node.tau.shape))
                new = old + (node.v_leak - old + node.r * x) / node.tau
                now[n] = new if kind == "LI" else (new > node.v_threshold).astype(float)
                v[n] = new if kind == "LI" else np.where(now[n] > 0, node.v_reset, new)
            else:
                now[n] = x.ravel() if kind == "Flatten" else x
        before = {a: now[a] for a, _ in late}
        past.append(now)
        out.append(now["output"])
    return np.stack(out)


@pytest.mark.parametrize("make", [skip_and_feedback, two_inputs])
def test_what_is_read_computes_what_the_graph_says(make):
    graph, late = make()
    found = read(graph, options=OPTIONS)
    inputs = {name: RNG.integers(0, 3, (7, size)) / 2 for name, size in found.network.graph.inputs}
    tape = record(found.network, found.parameters, np.concatenate([*inputs.values()], axis=1)[:, None])
    expected = stepped(graph, late, inputs)
    spikes = [layer.now[n] for layer in tape.layers for n in layer.now if n in ("z", "low.z", "high.z")]
    assert any(0 < z.mean() < 1 for z in spikes)
    assert np.array_equal(tape.outputs[:, 0], expected)  # dyadic: to the last bit


def test_names_lags_and_notes_say_what_was_read():
    graph, _ = skip_and_feedback()
    found = read(graph, options=OPTIONS)
    read_as = {(c.source, c.target): c.lag for c in found.network.graph.connections}
    assert read_as == {("x", "low"): 0, ("high", "low"): 1, ("low", "high"): 0, ("high", "li"): 0, ("low", "li"): 2}
    assert found.network.graph.output == "li" and found.network.graph.by_name["low"].cell.recurrent
    assert {"low.W.x", "low.W.high", "low.H", "low.b", "high.W", "li.W.low", "li.b"} <= set(found.parameters)
    assert CYCLE in found.notes and "high -> low has no delay, and is read one step late" in found.notes
    graph, _ = two_inputs()
    found = read(graph, options=OPTIONS)
    assert found.network.graph.output == "output" and found.parameters["output.W.features.1"].shape == (3, 8)
    with pytest.raises(GradcertError, match=r"the delay 'late' of .*whole number"):
        read(skip_and_feedback()[0], dt=4.0)


@pytest.mark.long
def test_what_is_read_can_be_claimed():
    found = read(skip_and_feedback()[0], options=OPTIONS)

    def gradients(problem):
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        return reverse.gradients(*given, rule=RULES["e-prop"])

    given = {"rule": "e-prop", "network": found.network.graph, "loss": "squared_error of every", "profile": "quick"}
    assert certify(gradients, **given).verdict == "certified"


def nodes(**more):
    return {**ends(2, x=2), "w": nir.Linear(dyadic(2, 2)), "n": lif(2), "m": lif(2), **more}


@pytest.mark.parametrize(
    ("made", "edges", "says"),
    [
        (nodes(), [("x", "w"), ("w", "n"), ("w", "m"), ("n", "output"), ("m", "output")], "the map 'w', which several"),
        (nodes(u=nir.Linear(dyadic(2, 2))),
         [("x", "w"), ("w", "n"), ("n", "u"), ("m", "u"), ("u", "output"), ("n", "m")], "2 ways into the Linear 'u'"),
        (nodes(), [("x", "w"), ("w", "n"), ("n", "output"), ("m", "output")], "no input reaches m"),
        (nodes(d=nir.Delay(np.array([1.0, 2.0]))), [("x", "w"), ("w", "d"), ("d", "n"), ("n", "output"), ("n", "m"),
                                                   ("m", "output")], "the delay 'd' of"),
        (nodes(a=nir.Affine(dyadic(2, 2), np.ones(2)), d=nir.Delay(np.ones(2))),
         [("x", "a"), ("a", "d"), ("d", "n"), ("n", "output"), ("n", "m"), ("m", "output")], "the bias in front"),
        (nodes(c=nir.CubaLI(*np.ones((4, 2)))), [("x", "c"), ("c", "output"), ("x", "n"), ("n", "output")], "a CubaLI"),
        (nodes(t=nir.Threshold(np.ones(2))), [("x", "t"), ("t", "output"), ("x", "n"), ("n", "output")], "the Thresh"),
    ],
)  # fmt: skip
def test_what_no_graph_can_say_is_refused(made, edges, says):
    used = {n for edge in edges for n in edge}
    with pytest.raises(GradcertError, match=says):
        read(nir.NIRGraph({k: v for k, v in made.items() if k in used}, edges, type_check=False))


C, P = Connection, Population
HARD = Lif(leak=0.5, threshold=0.75, reset="hard", reset_value=0.25, **OPTIONS)
FREE = Lif(leak=0.75, threshold=0.5, reset="none", gain="one_minus_leak", bias=False, **OPTIONS)
LATERAL = Lif(leak=0.5, threshold=0.75, reset="hard", recurrent=True, **OPTIONS)
LEAKY = Integrator(kappa=0.5)
IMAGE = Conv2d(in_channels=1, height=4, width=4, out_channels=2, kernel=(3, 3), padding=(1, 1))
POOL = AvgPool(channels=2, height=4, width=4, kernel=(2, 2))
WRITTEN = {
    "skips": Graph(  # b reads the input at once, and c, which is farther from it
        {"x": 3},
        (P("o", LEAKY, 2), P("b", HARD, 3), P("c", HARD, 2), P("a", FREE, 4)),
        (C("x", "a"), C("a", "c"), C("x", "b"), C("c", "b"), C("x", "o"), C("b", "o"), C("a", "o")),
        output="o",
    ),
    "feedback": Graph(
        {"x": 3},
        (P("a", LATERAL, 4), P("b", HARD, 3), P("o", LEAKY, 2)),
        (C("x", "a"), C("a", "b"), C("b", "a", lag=1), C("b", "o"), C("a", "o", lag=3), C("a", "o", name="now")),
    ),
    "inputs": Graph(
        {"image": 16, "context": 2},
        (P("low", HARD, 32), P("high", HARD, 3), P("output", Rnn(activation="identity", recurrent=False), 2)),
        (
            C("image", "low", synapse=IMAGE),
            C("context", "high", lag=2),
            C("low", "high", synapse=(POOL, Dense(inputs=8, units=3))),
            C("high", "output"),
            C("context", "output", synapse=(Dense(inputs=2, units=3), Dense(inputs=3, units=2))),
        ),
    ),
    "sparse": Graph(
        {"x": 3},
        (P("a", LATERAL, 3, synapses=(("H", Dense(inputs=3, units=3, absent=((0, 0), (2, 2)))),)), P("o", LEAKY, 2)),
        (C("x", "a", synapse=Sparse(inputs=3, units=3, present=((0, 1), (1, 0), (2, 2)))), C("a", "o")),
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_computes_what_the_network_does_and_is_read_back(name):
    network, rng = Network(graph=WRITTEN[name]), np.random.default_rng(len(name))
    p = {k: rng.integers(-2, 6, shape) / 4 for k, shape in network.shapes().items()}
    if name == "inputs":  # one bias a channel, as NIR has it
        p["low.b"] = np.repeat([0.25, -0.5], 16)
    graph = write(network, p).graph
    inputs = {k: rng.integers(0, 3, (7, size)) / 2 for k, size in network.graph.inputs}
    x = np.concatenate([*inputs.values()], axis=1)[:, None]
    tape = record(network, p, x)
    late = {(a, b) for a, b in graph.edges if a.endswith("_lateral")}
    assert np.array_equal(tape.outputs[:, 0], stepped(graph, late, inputs))  # dyadic: to the last bit
    again = read(graph, options=OPTIONS)
    assert np.array_equal(record(again.network, again.parameters, x).outputs, tape.outputs)
    if again.network.graph is not None:  # a chain is read as a stack
        said, found = ({(c.source, c.target, c.lag) for c in n.graph.connections} for n in (network, again.network))
        assert found == said and not any("one step late" in note for note in again.notes)
    spikes = [v for layer in tape.layers for n, v in layer.now.items() if n.rpartition(".")[2] == "z"]
    assert any(0 < z.mean() < 1 for z in spikes)


@pytest.mark.parametrize(
    ("populations", "connections", "says"),
    [
        ((P("a", Lif(), 2), P("o", LEAKY, 2)), (C("x", "a"), C("a", "o")), "reset='subtract_before_leak' in NIR"),
        ((P("a", HARD, 2), P("o", LEAKY, 2)), (C("x", "a"), C("a.v", "o")), r"the connection a\.v -> o in NIR"),
        ((P("a", Rnn(activation="identity", recurrent=False), 2), P("o", LEAKY, 2)), (C("x", "a"), C("a", "o")),
         "a sum without neurons that is not the output alone"),
        ((P("a", HARD, 4), P("o", LEAKY, 2)),
         (C("x", "a"), C("a", "o", synapse=(MaxPool(1, 2, 2), Dense(inputs=1, units=2)))),
         "the MaxPool of the connection a -> o in NIR; allowed: maps, convolutions, averages"),
        ((P("a", HARD, 2), P("o", Gru(), 2)), (C("x", "a"), C("a", "o")), "the population 'o', gru with"),
    ],
)  # fmt: skip
def test_what_nir_cannot_say_of_a_graph_is_refused(populations, connections, says):
    network = Network(graph=Graph({"x": 2}, populations, connections, output="o"))
    with pytest.raises(GradcertError, match=says):
        write(network, network.parameters())
