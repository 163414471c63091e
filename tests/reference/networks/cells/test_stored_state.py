"""What an implementation of LIF keeps between steps: the membrane potential before or after the reset."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from budget import worst
from cell_nets import WIDE, problem

from gradcert.reference import FLOAT64, RULES, Layer, Network, record
from gradcert.reference.engines import forward, reverse
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Connection, Graph, Loss, Population, with_cells
from gradcert.reference.networks.cells import Lif
from gradcert.reference.numbers import spike

CELL = Lif(leak=0.75, threshold=0.25, reset_value=-0.5, surrogate=WIDE, recurrent=True)

(RESETS,) = (c.values for c in Lif.conventions if c.option == "reset")


def run(cell):
    case = problem(Network(layers=(Layer(cell, inputs=2, units=4),)), steps=8, batch=3, numbers=FLOAT64)
    layer = record(case.network, case.parameters, case.inputs).layers[0]
    return layer.now, cell.stored_state(layer.p, layer.now)


@pytest.mark.parametrize("reset", RESETS)
def test_after_a_spike_the_reset_has_happened(reset):
    """Case by case, as the words say it; equality is exact, since a spike is 0 or 1."""
    now, kept = run(replace(CELL, reset=reset, stored="post"))
    spiked = now["z"] == 1
    assert spiked.any() and not spiked.all()
    after = {
        "none": now["v"],
        "hard": np.full_like(kept, -0.5),
        "hard_with_input": np.full_like(kept, -0.5),
    }.get(reset, now["v"] - 0.25)
    assert (kept == np.where(spiked, after, now["v"])).all()


@pytest.mark.parametrize("reset", RESETS)
def test_before_it_nothing_has(reset):
    now, kept = run(replace(CELL, reset=reset, stored="pre"))
    assert (kept == now["v"]).all()


@pytest.mark.parametrize("reset", ["subtract_before_leak", "hard", "none"])
def test_the_next_step_leaks_what_is_kept(reset):
    """mathematics.md 1.1, forms A and C: the leak multiplies the potential after the reset, in the same roundings."""
    now, kept = run(replace(CELL, reset=reset, stored="post"))
    assert (now["v"][1:] == 0.75 * kept[:-1] + now["a"][1:]).all()
    if reset != "none":
        assert (now["v"][1:] != 0.75 * now["v"][:-1] + now["a"][1:]).any()


def by_hand(network, p, x, y):
    """Two layers of LIF, the output being the membrane potential after the reset of its step, in torch."""
    surrogate = WIDE

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, v):
            ctx.save_for_backward(v)
            return (v >= 0).double()

        @staticmethod
        def backward(ctx, g):
            (v,) = ctx.saved_tensors
            return g * torch.tensor(FLOAT64.slope(spike(surrogate), v.numpy()))

    q = {k: torch.tensor(v, requires_grad=True) for k, v in p.items()}
    cells, outputs = [layer.cell for layer in network.layers], []
    v = [torch.zeros(x.shape[1], layer.units, dtype=torch.float64) for layer in network.layers]
    z = list(v)
    for step in x:
        below = torch.tensor(step)
        for i, cell in enumerate(cells):
            th = q[f"layers.{i}.threshold"]
            a = below @ q[f"layers.{i}.W"].T + q[f"layers.{i}.b"]
            kept = v[i] * (1 - z[i]) + cell.reset_value * z[i] if cell.reset == "hard" else v[i] - th * z[i]
            v[i] = cell.leak * kept + a
            z[i] = below = Spike.apply(v[i] - th)
        after = v[1] * (1 - z[1]) + cells[1].reset_value * z[1] if cells[1].reset == "hard" else v[1] - th * z[1]
        outputs.append(after)
    (((torch.stack(outputs) - torch.tensor(y)) ** 2).sum() / 2).backward()
    return torch.stack(outputs).detach().numpy(), {k: v.grad.numpy() for k, v in q.items()}


@pytest.mark.parametrize("reset", ["subtract_before_leak", "hard"])
def test_the_stored_potential_can_be_the_output(reset):
    """In both engines as in torch; without the reset it is another output, and another gradient."""
    cell = replace(CELL, reset=reset, stored="post", recurrent=False, train=("threshold",))
    layers = (Layer(cell, inputs=2, units=4), Layer(cell, inputs=4, units=3))
    network = Network(layers=layers, loss=Loss(node="v"))
    case = problem(Network(layers=layers), steps=8, batch=3, numbers=FLOAT64)
    p, x, y = case.parameters, case.inputs, case.targets
    outputs, want = by_hand(network, p, x, y)
    tape = record(network, p, x)
    assert np.allclose(tape.outputs, outputs, rtol=0, atol=1e-12)
    for engine in (reverse, forward):
        mine = engine.gradients(network, p, x, y, rule=RULES["bptt"])
        assert worst(network, p, x, y, RULES["bptt"], None, mine, want) <= 1
    plain = with_cells(network, lambda c: replace(c, stored="pre"))
    other = reverse.gradients(plain, p, x, y, rule=RULES["bptt"])
    assert worst(network, p, x, y, RULES["bptt"], None, other, want) > 1e6


def test_in_a_circuit_it_is_refused():
    out = Population("out", Lif(stored="post"), 2)
    links = (Connection("x", "out"), Connection("x", "out", lag=1, name="late"))
    graph = Graph({"x": 3}, (out,), links)
    network = Network(graph=graph, loss=Loss(node="v"))
    with pytest.raises(GradcertError, match="after its reset as the output"):
        record(network, network.parameters(), np.ones((2, 1, 3)))
