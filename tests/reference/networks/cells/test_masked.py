"""Masks: torch's own LSTM cell with dropout and zoneout written around it, and what masks of ones and zeros do."""

import copy
import pickle

import numpy as np
import pytest
import torch
from budget import worst

from gradcert.reference import RULES, Gru, Layer, Lif, Lstm, Network, Rnn, Snu, record
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks import masked

GATES = "ifgo"


def zoned_lstm(network, p, x, y, masks):
    """Gradients of a stack of LSTM cells: h and c are held where their masks are 0, dropout lies between layers."""
    tensors = {k: torch.tensor(v, requires_grad=True) for k, v in p.items()}
    out = torch.tensor(x)
    for i, layer in enumerate(network.layers):
        cell = torch.nn.LSTMCell(layer.inputs, layer.units, dtype=torch.float64)
        local = {k: torch.cat([tensors[f"layers.{i}.{k}_{g}"] for g in GATES]) for k in ("W", "H", "b")}
        weights = {"weight_ih": local["W"], "weight_hh": local["H"], "bias_ih": local["b"]}
        weights["bias_hh"] = torch.zeros_like(local["b"])
        h = c = torch.zeros(x.shape[1], layer.units, dtype=torch.float64)
        outputs = []
        for t in range(len(x)):
            new_h, new_c = torch.func.functional_call(cell, weights, (out[t], (h, c)))
            m_h, m_c = (torch.tensor(masks[f"layers.{i}.{k}"][t]) for k in "zc")
            h, c = m_h * new_h + (1 - m_h) * h, m_c * new_c + (1 - m_c) * c
            outputs.append(h * torch.tensor(masks[f"layers.{i}"][t]))
        out = torch.stack(outputs)
    (0.5 * ((out - torch.tensor(y)) ** 2).sum()).backward()
    return {k: v.grad.numpy() for k, v in tensors.items()}


def draw(network, steps=5, samples=2, *, names):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((steps, samples, network.layers[0].inputs))
    y = rng.standard_normal((steps, samples, network.layers[-1].units))
    masks = {}
    for i, layer in enumerate(network.layers):
        shape = (steps, samples, layer.units)
        masks[f"layers.{i}"] = (rng.random(shape) < 0.7) / 0.75
        masks |= {f"layers.{i}.{name}": (rng.random(shape) < 0.6).astype(float) for name in names}
    return network.parameters(seed=3), x, y, masks


def test_torchs_lstm_with_dropout_and_zoneout():
    network = Network(layers=(Layer(Lstm(), inputs=3, units=4), Layer(Lstm(), inputs=4, units=2)))
    p, x, y, masks = draw(network, names="cz")
    want = zoned_lstm(network, p, x, y, masks)
    for engine in (reverse, forward):
        mine = engine.gradients(network, p, x, y, rule=RULES["bptt"], masks=masks)
        assert worst(network, p, x, y, RULES["bptt"], None, mine, want, masks=masks) <= 1
    for key in masks:  # each of them acts
        less = reverse.gradients(
            network, p, x, y, rule=RULES["bptt"], masks={k: m for k, m in masks.items() if k != key}
        )
        assert worst(network, p, x, y, RULES["bptt"], None, less, want, masks=masks) > 1e6, key


@pytest.mark.parametrize("cell", [Snu(threshold=0.3), Lif(threshold=0.3), Rnn(), Gru(), Gru(reset="before"), Lstm()])
def test_masks_of_ones_are_no_masks(cell):
    """To the last bit: 1 v + 0 v' is v."""
    network = Network(layers=(Layer(cell, inputs=3, units=4), Layer(cell, inputs=4, units=2)))
    nodes = [n for n in ("v", "c", "z") if n in cell.nodes]
    p, x, y, masks = draw(network, names=nodes)
    ones = {k: np.ones_like(m) for k, m in masks.items()}
    for rule in ("bptt", "ostl", "ottt"):
        want = reverse.gradients(network, p, x, y, rule=RULES[rule])
        mine = reverse.gradients(network, p, x, y, rule=RULES[rule], masks=ones)
        assert all(np.array_equal(mine[k], want[k]) for k in want)


@pytest.mark.parametrize("cell", [Lif(threshold=0.3, recurrent=True), Lstm()])
def test_a_masked_cell_is_a_cell(cell):
    """A record that can be copied and sent on, with lags of 0 and 1 and its nodes in order."""
    nodes = [node for node in cell.nodes if node in "vcz"]
    found = masked(cell, 0, ["layers.0", *(f"layers.0.{node}" for node in nodes)])
    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
    assert {link.lag for link in found.links} == {0, 1} and found.nodes[-1] == "z"
    for link in found.links:
        assert (link.edge == "space") is (link.lag == 0)
        assert link.source == "x" or link.lag or found.nodes.index(link.source) < found.nodes.index(link.target)


def test_a_layer_that_is_held_stays_where_it_began():
    network = Network(layers=(Layer(Rnn(), inputs=3, units=4),))
    p, x, _, _ = draw(network, names="z")
    start = np.full((2, 4), 0.25)
    held = record(network, p, x, initial={"layers.0.z": start}, masks={"layers.0.z": np.zeros((5, 2, 4))})
    assert (held.outputs == start).all()


def test_the_output_may_be_another_node():
    cell = masked(Lif(threshold=0.3), 0, (), output="v")
    network = Network(layers=(Layer(cell, inputs=3, units=4),))
    p, x, _, _ = draw(network, names="")
    plain = record(Network(layers=(Layer(Lif(threshold=0.3), inputs=3, units=4),)), p, x)
    assert np.array_equal(record(network, p, x).outputs, plain.layers[0].now["v"])
    assert cell.name == "lif" and cell.threshold == 0.3
