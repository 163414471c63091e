"""NIR: there and back, through a file too, and a graph stepped by hand against the network that it was written from."""

import numpy as np
import pytest

from gradcert.reference import (
    RULES,
    GradcertError,
    Integrator,
    Layer,
    Lif,
    Network,
    Rnn,
    Snu,
    Surrogate,
    record,
    reverse,
)

nir = pytest.importorskip("nir", reason="needs nir: pip install 'gradcert[nir]'")
from gradcert.adapters.nir import CYCLE, LOSS, START, SURROGATE, TIE, read, write  # noqa: E402

TRIANGLE = Surrogate("triangle", scale=0.5)


def lif(**options):
    return Lif(**{"leak": 0.5, "threshold": 0.75, "reset": "hard", "strict": True, "surrogate": TRIANGLE, **options})


READOUT = Layer(Rnn(activation="identity", recurrent=False), inputs=3, units=2)
LEAKY = Layer(Integrator(kappa=0.75), inputs=3, units=2)
NETWORKS = {
    "lif": (Layer(lif(), inputs=2, units=3),),
    "scaled input": (Layer(lif(gain="one_minus_leak"), inputs=2, units=3),),
    "per unit": (Layer(lif(leak=(0.5, 0.25, 0.75), threshold=(0.5, 0.75, 1.0)), inputs=2, units=3),),
    "reset to a value": (Layer(lif(reset_value=0.25), inputs=2, units=3),),
    "lateral": (Layer(lif(recurrent=True), inputs=2, units=3),),
    "no bias": (Layer(lif(bias=False), inputs=2, units=3),),
    "no reset": (Layer(lif(reset="none"), inputs=2, units=3),),
    "a rest": (Layer(lif(rest=0.5), inputs=2, units=3),),
    "deep with a readout": (Layer(lif(), inputs=2, units=3), Layer(lif(recurrent=True), inputs=3, units=3), READOUT),
    "deep with an integrator": (Layer(lif(), inputs=2, units=3), LEAKY),
}
OPTIONS = {"surrogate": TRIANGLE, "strict": True}


def problem(name):
    network = Network(layers=NETWORKS[name])
    rng = np.random.default_rng(1)
    parameters = {k: rng.integers(-3, 6, s) / 4 for k, s in network.shapes().items()}
    x = rng.integers(0, 3, (6, 2, 2)) / 2
    return network, parameters, x, rng.integers(0, 3, (6, 2, network.layers[-1].units)) / 2


def stepped(graph, x, dt=1.0):
    """The graph's own equations, node by node and number by number: forward Euler, v := v_reset after a spike."""
    into = {}
    for source, target in graph.edges:
        into.setdefault(target, []).append(source)
    order = [n for n in graph.nodes if not n.startswith("lateral")]
    outputs = np.zeros((*x.shape[:2], *graph.nodes["output"].output_type["output"]))
    for b in range(x.shape[1]):
        v, out = {}, {}
        for t in range(x.shape[0]):
            out = {n: out[n] for n in out if n.startswith(("lif", "threshold"))}  # what a cycle sees
            now = {}
            for n in order:
                node, kind = graph.nodes[n], type(graph.nodes[n]).__name__
                current = 0.0
                for source in into.get(n, []):
                    if source.startswith("lateral"):
                        (neuron,) = into[source]
                        current = current + graph.nodes[source].weight @ out.get(neuron, np.zeros(len(node.tau)))
                    else:
                        current = current + now[source]
                if kind == "Input":
                    now[n] = x[t, b]
                elif kind in ("Linear", "Affine"):
                    now[n] = node.weight @ current + getattr(node, "bias", 0.0)
                elif kind in ("LI", "LIF"):
                    v[n] = v.get(n, 0.0)
                    v[n] = v[n] + dt / node.tau * ((node.v_leak - v[n]) + node.r * current)
                    now[n] = v[n]
                    if kind == "LIF":
                        now[n] = 1.0 * (v[n] > node.v_threshold)
                        v[n] = np.where(now[n] == 1, node.v_reset, v[n])
                elif kind == "Threshold":
                    now[n] = 1.0 * (current > node.threshold)
                else:
                    outputs[t, b] = current
            out = now
    return outputs


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_graph_steps_as_its_network(name):
    """All numbers are multiples of small powers of two, so nothing is rounded and equality is exact."""
    network, parameters, x, _ = problem(name)
    tape = record(network, parameters, x)
    assert np.array_equal(stepped(write(network, parameters).graph, x), tape.outputs)
    assert 0 < np.count_nonzero(tape.layers[0].now["z"]) < tape.layers[0].now["z"].size


@pytest.mark.parametrize("through_a_file", [False, True])
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_there_and_back(name, through_a_file, tmp_path):
    network, parameters, x, y = problem(name)
    graph = write(network, parameters, dt=0.5).graph
    if through_a_file:
        nir.write(tmp_path / "network.nir", graph)
        graph = nir.read(tmp_path / "network.nir")
    again = read(graph, dt=0.5, options=OPTIONS)
    assert again.network == network
    before = reverse.gradients(network, parameters, x, y, rule=RULES["bptt"])
    after = reverse.gradients(again.network, again.parameters, x, y, rule=RULES["bptt"])
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[k], after[k]) for k in before)


def test_another_dt_is_another_network():
    network, parameters, _, _ = problem("lif")
    graph = write(network, parameters, dt=1.0).graph
    assert read(graph, dt=0.5, options=OPTIONS).network.layers[0].cell.leak == 0.75


def test_trained_constants_are_parameters():
    network = Network(layers=(Layer(lif(train=("leak", "threshold")), inputs=2, units=3),))
    rng = np.random.default_rng(0)
    parameters = {k: rng.integers(1, 4, s) / 4 for k, s in network.shapes().items()}
    again = read(write(network, parameters).graph, options={**OPTIONS, "train": ("leak", "threshold")})
    assert all(np.array_equal(again.parameters[k], v) for k, v in parameters.items())


def test_what_the_graph_does_not_say():
    network, parameters, _, _ = problem("lateral")
    assert set(write(network, parameters).notes) == {LOSS, SURROGATE, CYCLE, TIE.format(True)}
    network, parameters, _, _ = problem("a rest")
    assert START in write(network, parameters).notes
    assert START in read(write(network, parameters).graph).notes


def test_a_resistance_is_multiplied_into_the_weights():
    one = np.ones(2)
    nodes = {
        "input": nir.Input({"input": np.array([2])}),
        "lif": nir.LIF(2 * one, 4 * one, 0 * one, one, 0 * one),
        "output": nir.Output({"output": np.array([2])}),
    }
    found = read(nir.NIRGraph(nodes, [("input", "lif"), ("lif", "output")]))
    assert found.parameters["layers.0.W"].tolist() == [[2.0, 0.0], [0.0, 2.0]]  # r dt / tau
    assert any("multiplied" in note for note in found.notes)
    assert any("identity" in note for note in found.notes)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (Lif(reset="subtract_before_leak"), "sets v to v_reset"),
        (Snu(), "the cell 'snu'"),
        (Rnn(), "the cell 'rnn'"),
        (Lif(reset="hard", leak=1.0), "tau is infinite"),
        (Lif(reset="none", recurrent=True), "lateral weights without a reset"),
    ],
)
def test_what_cannot_be_written(cell, says):
    network = Network(layers=(Layer(cell, inputs=2, units=3),))
    with pytest.raises(GradcertError, match=says):
        write(network, network.parameters())


def test_what_cannot_be_read():
    one = np.ones(2)
    ends = {"input": nir.Input({"input": np.array([2])}), "output": nir.Output({"output": np.array([2])})}
    cuba = nir.CubaLIF(one, one, one, one, one, one, one)
    graph = nir.NIRGraph({**ends, "c": cuba}, [("input", "c"), ("c", "output")])
    with pytest.raises(GradcertError, match="a CubaLIF at the node 'c'"):
        read(graph)
    two = {"a": nir.Linear(np.eye(2)), "b": nir.Linear(np.eye(2))}
    edges = [("input", "a"), ("input", "b"), ("a", "output"), ("b", "output")]
    with pytest.raises(GradcertError, match="2 ways on"):
        read(nir.NIRGraph({**ends, **two}, edges))
