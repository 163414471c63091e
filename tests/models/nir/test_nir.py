"""NIR: there and back, through a file too, and a graph stepped by hand against the network that it was written from."""

import numpy as np
import pytest

from gradcert.reference import RULES, GradcertError, Integrator, Layer, Lif, Network, Rnn, Snu, Surrogate, record
from gradcert.reference.engines import reverse
from gradcert.reference.networks.cells import cell_named
from gradcert.reference.networks.synapses import AvgPool, Conv2d

nir = pytest.importorskip("nir", reason="needs nir: pip install 'gradcert[nir]'")
from gradcert.models.nir.graph import CUBA, CURRENT, CYCLE, LOSS, START, SURROGATE, TIE, read, write  # noqa: E402
from gradcert.models.nir.images import CONV_BIAS, convolution  # noqa: E402

TRIANGLE = Surrogate("triangle", scale=0.5)


def lif(**options):
    return Lif(**{"leak": 0.5, "threshold": 0.75, "reset": "hard", "strict": True, "surrogate": TRIANGLE, **options})


def cuba(name, **options):
    kind = cell_named(next(full for full in CUBA if full.endswith(f":{name}")))
    given = {"rho": 0.5, "leak": 0.75, "threshold": 0.75, "strict": True, "surrogate": TRIANGLE}
    return kind(**{**given, **options})


CONV = Conv2d(in_channels=1, height=4, width=4, out_channels=2, kernel=(3, 3), padding=(1, 1))
POOL = AvgPool(channels=2, height=4, width=4, kernel=(2, 2))
IMAGE = Layer(lif(), inputs=16, units=32, synapses=(("W", CONV),))
POOLED = Layer(Rnn(activation="identity", recurrent=False, bias=False), inputs=32, units=8, synapses=(("W", POOL),))
WIDE = Conv2d(in_channels=2, height=4, width=4, out_channels=2, kernel=(2, 2), dilation=(2, 1), padding=(0, 1))
DILATED = Layer(lif(), inputs=32, units=20, synapses=(("W", WIDE),))
WINDOWS = AvgPool(channels=2, height=4, width=4, kernel=(2, 4), stride=(1, 2), padding=(1, 2))
OVERLAPPING = Layer(Rnn(activation="identity", recurrent=False, bias=False), 32, 30, synapses=(("W", WINDOWS),))
FLAT = Layer(Rnn(activation="identity", recurrent=False), inputs=8, units=2)
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
    "image": (IMAGE,),
    "image without bias, strided": (
        Layer(
            lif(bias=False, leak=tuple(0.25 + 0.25 * (k % 2) for k in range(8))),
            inputs=16,
            units=8,
            synapses=(("W", Conv2d(in_channels=1, height=4, width=4, out_channels=2, kernel=(2, 2), stride=(2, 2))),),
        ),
    ),
    "image, pooled, read out": (IMAGE, POOLED, FLAT),
    "image, dilated": (IMAGE, DILATED),
    "image under windows that overlap": (IMAGE, OVERLAPPING),
    "cuba": (Layer(cuba("NEW"), inputs=2, units=3), READOUT),
    "cuba, lateral, per unit": (Layer(cuba("NEW_LATERAL", rho=(0.5, 0.25, 0.75), rest=0.25), inputs=2, units=3),),
    "cuba of the old current": (Layer(cuba("OLD", reset_value=0.25), inputs=2, units=3),),
    "cuba of the old current, lateral": (Layer(cuba("OLD_LATERAL"), inputs=2, units=3),),
}
OPTIONS = {"surrogate": TRIANGLE, "strict": True}


def problem(name):
    network = Network(layers=NETWORKS[name])
    rng = np.random.default_rng(1)
    parameters = {k: rng.integers(-3, 6, s) / 4 for k, s in network.shapes().items()}
    for i, layer in enumerate(network.layers):  # NIR has one bias per channel
        if layer.synapses and f"layers.{i}.b" in parameters:
            parameters[f"layers.{i}.b"] = np.repeat([0.25, -0.5], layer.units // 2)
    x = rng.integers(0, 3, (6, 2, network.layers[0].inputs)) / 2
    return network, parameters, x, rng.integers(0, 3, (6, 2, network.layers[-1].units)) / 2


def convolved(node, image):
    """A Conv2d number by number."""
    rows, columns = (0, 0) if node.padding == "valid" else node.padding
    padded = np.pad(image, ((0, 0), (rows, rows), (columns, columns)))
    _, reads, high, wide = node.weight.shape
    (below, beside), makes = node.dilation, len(node.weight) // node.groups
    out = np.zeros(node.output_type["output"])
    for o, r, c in np.ndindex(out.shape):
        top, left, first = r * node.stride[0], c * node.stride[1], o // makes * reads
        patch = padded[first : first + reads, top : top + below * high : below, left : left + beside * wide : beside]
        out[o, r, c] = (patch[:, :high, :wide] * node.weight[o]).sum() + node.bias[o]
    return out


def pooled(node, image):
    """An AvgPool2d number by number."""
    (rows, columns), (down, right), (top, left) = node.kernel_size, node.stride, node.padding
    image = np.pad(image, ((0, 0), (top, top), (left, left)))
    out = np.zeros((len(image), (image.shape[1] - rows) // down + 1, (image.shape[2] - columns) // right + 1))
    for o, r, c in np.ndindex(out.shape):
        out[o, r, c] = image[o, r * down : r * down + rows, c * right : c * right + columns].mean()
    return out


def stepped(graph, x, dt=1.0, old=False):
    """The graph's own equations, node by node and number by number: forward Euler, v := v_reset after a spike."""
    into = {}
    for source, target in graph.edges:
        into.setdefault(target, []).append(source)
    order = [n for n in graph.nodes if not n.startswith("lateral")]
    outputs = np.zeros((*x.shape[:2], int(np.prod(graph.nodes["output"].output_type["output"]))))
    for b in range(x.shape[1]):
        v, out, synaptic = {}, {}, {}
        for t in range(x.shape[0]):
            out = {n: out[n] for n in out if n.startswith(("lif", "threshold", "cuba"))}  # what a cycle sees
            now = {}
            for n in order:
                node, kind = graph.nodes[n], type(graph.nodes[n]).__name__
                current = 0.0
                for source in into.get(n, []):
                    if source.startswith("lateral"):
                        (neuron,) = into[source]
                        weight = graph.nodes[source].weight
                        current = current + weight @ out.get(neuron, np.zeros(len(weight)))
                    else:
                        current = current + now[source]
                if kind == "Input":
                    now[n] = x[t, b].reshape(node.input_type["input"])
                elif kind == "Conv2d":
                    now[n] = convolved(node, current)
                elif kind == "AvgPool2d":
                    now[n] = pooled(node, current)
                elif kind == "Flatten":
                    now[n] = np.ravel(current)
                elif kind == "CubaLIF":
                    v[n], before = v.get(n, 0.0), synaptic.get(n, 0.0)
                    synaptic[n] = before + dt / node.tau_syn * (-before + node.w_in * current)
                    driving = before if old else synaptic[n]
                    v[n] = v[n] + dt / node.tau_mem * ((node.v_leak - v[n]) + node.r * driving)
                    now[n] = 1.0 * (v[n] > node.v_threshold)
                    v[n] = np.where(now[n] == 1, node.v_reset, v[n])
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
                    outputs[t, b] = np.ravel(current)
            out = now
    return outputs


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_graph_steps_as_its_network(name):
    """All numbers are multiples of small powers of two, so nothing is rounded and equality is exact."""
    network, parameters, x, _ = problem(name)
    tape = record(network, parameters, x)
    assert np.array_equal(stepped(write(network, parameters).graph, x, old="old" in name), tape.outputs)
    assert 0 < np.count_nonzero(tape.layers[0].now["z"]) < tape.layers[0].now["z"].size


@pytest.mark.parametrize("through_a_file", [False, True])
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_there_and_back(name, through_a_file, tmp_path):
    network, parameters, x, y = problem(name)
    graph = write(network, parameters, dt=0.5).graph
    if through_a_file:
        nir.write(tmp_path / "network.nir", graph)
        graph = nir.read(tmp_path / "network.nir")
    again = read(graph, dt=0.5, options=OPTIONS, current="old" if "old" in name else "new")
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
    network, parameters, _, _ = problem("cuba of the old current")
    assert CURRENT.format("before") in write(network, parameters).notes
    assert CURRENT.format("after") in read(write(network, parameters).graph).notes
    network, parameters, _, _ = problem("image")
    assert CONV_BIAS in write(network, parameters).notes
    assert CONV_BIAS in read(write(network, parameters).graph).notes


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
    graph = nir.NIRGraph({**ends, "c": nir.CubaLI(one, one, one, one)}, [("input", "c"), ("c", "output")])
    with pytest.raises(GradcertError, match="a CubaLI at the node 'c'"):
        read(graph)


def image_graph(node):
    ends = {"input": nir.Input({"input": np.array([1, 4, 4])}), "output": nir.Output({"output": np.array([2, 4, 4])})}
    return nir.NIRGraph({**ends, "c": node}, [("input", "c"), ("c", "output")], type_check=False)


W = np.ones((2, 1, 3, 3))


@pytest.mark.parametrize(
    ("node", "says"),
    [
        (lambda: nir.Conv2d((4, 4), np.ones((2, 1, 3, 3)), 1, 0, 2, 1, np.zeros(2)), "kernel"),
        (lambda: nir.Conv2d((4, 4), np.ones((2, 1, 2, 2)), 1, "same", 1, 1, np.zeros(2)), "padding 'same'"),
        (lambda: nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([2, 0])), "up to half of the kernel"),
        (lambda: nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])), "a SumPool2d"),
    ],
)
def test_images_that_cannot_be_read(node, says):
    with pytest.raises(GradcertError, match=says):
        read(image_graph(node()))


def test_groups_are_read_and_not_written_for_nir_takes_them_for_another_number_of_channels():
    node = nir.Conv2d((4, 4), np.ones((2, 1, 2, 2)), 1, 0, 1, 2, np.zeros(2))
    apart = convolution(node, "c", None)
    assert apart == Conv2d(in_channels=2, height=4, width=4, out_channels=2, kernel=(2, 2), groups=2)
    network = Network(layers=(Layer(lif(), inputs=32, units=18, synapses=(("W", apart),)),))
    with pytest.raises(GradcertError, match="2 groups in layer 0; allowed: one group"):
        write(network, network.parameters(seed=0))


def test_same_padding_is_a_number_here():
    found = read(image_graph(nir.Conv2d((4, 4), W, 1, "same", 1, 1, np.zeros(2))))
    assert found.network.layers[0].synapse("W").padding == (1, 1)


def test_images_that_cannot_be_written():
    network, parameters, _, _ = problem("image")
    odd = {**parameters, "layers.0.b": np.arange(32.0)}
    with pytest.raises(GradcertError, match="differs between positions"):
        write(network, odd)
    lateral = Network(layers=(Layer(lif(recurrent=True), inputs=16, units=32, synapses=(("W", CONV),)),))
    with pytest.raises(GradcertError, match="lateral weights in layer 0"):
        write(lateral, lateral.parameters())


def test_a_current_of_another_gain_is_multiplied_into_the_weights():
    one = np.ones(2)
    nodes = {
        "input": nir.Input({"input": np.array([2])}),
        "cuba": nir.CubaLIF(2 * one, 4 * one, one, 0 * one, one, 0 * one, 3 * one),
        "output": nir.Output({"output": np.array([2])}),
    }
    found = read(nir.NIRGraph(nodes, [("input", "cuba"), ("cuba", "output")]))
    assert found.parameters["layers.0.W"].tolist() == [[0.375, 0.0], [0.0, 0.375]]  # w_in dt/tau_syn r dt/tau_mem
