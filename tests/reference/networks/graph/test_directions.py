"""Populations that run backwards in time: torch's own bidirectional layers, the sum over paths, the residual, laws."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from budget import worst

from gradcert.properties.numbers import PrimeField
from gradcert.reference import (
    RULES,
    TEMPORAL,
    Connection,
    GradcertError,
    Graph,
    Lif,
    Loss,
    Network,
    Population,
    Rnn,
    Rule,
    Snu,
    record,
)
from gradcert.reference.engines import Learner, forward, reverse
from gradcert.reference.engines.residual import residual
from gradcert.reference.networks import from_dict

FIELD = PrimeField()
TRUTH = Rule("truth", "", TEMPORAL, TEMPORAL)
HEAD = Rnn(activation="identity", recurrent=False)


def bidirectional(cell, *, back=True, **loss):
    """Two layers of two directions and a readout; of one direction where `back` is not."""

    def pair(name, units):
        return Population(name, cell, units), Population(f"{name}_back", cell, units, backwards=back)

    links = [Connection("x", "low"), Connection("x", "low_back")]
    links += [Connection(a, b) for b in ("high", "high_back") for a in ("low", "low_back")]
    links += [Connection("high", "out"), Connection("high_back", "out")]
    populations = (*pair("low", 3), *pair("high", 2), Population("out", HEAD, 2))
    return Network(graph=Graph({"x": 2}, populations, tuple(links)), loss=Loss(**loss))


def drawn(network, steps=5, batch=2, seed=0):
    rng = np.random.default_rng(seed)
    x, y = (rng.standard_normal((steps, batch, n)) for n in (network.inputs, network.layers[-1].units))
    return network.parameters(seed=seed, scale=1.5), x, y


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
def test_it_is_torchs_own_bidirectional_stack(kind):
    from gradcert.reference import Lstm

    network = bidirectional(Rnn() if kind == "rnn" else Lstm(), time="mean")
    p, x, y = drawn(network)
    t = {k: torch.tensor(v, requires_grad=True) for k, v in p.items()}
    module = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM}[kind](2, 2, num_layers=1, bidirectional=True).double()
    gates = ("",) if kind == "rnn" else ("_i", "_f", "_g", "_o")

    def run(signal, name, inner):
        given = {}
        for owner, end in ((name, "l0"), (f"{name}_back", "l0_reverse")):
            given[f"weight_ih_{end}"] = torch.cat([inner(owner, g) for g in gates])
            given[f"weight_hh_{end}"] = torch.cat([t[f"{owner}.H{g}"] for g in gates])
            given[f"bias_ih_{end}"] = torch.cat([t[f"{owner}.b{g}"] for g in gates])
            given[f"bias_hh_{end}"] = torch.zeros_like(given[f"bias_ih_{end}"])
        own = type(module)(signal.shape[2], given["weight_hh_l0"].shape[1], bidirectional=True).double()
        return torch.func.functional_call(own, given, (signal,))[0]

    low = run(torch.tensor(x), "low", lambda owner, g: t[f"{owner}.W{g}"])
    high = run(low, "high", lambda o, g: torch.cat([t[f"{o}.W{g}.low"], t[f"{o}.W{g}.low_back"]], dim=1))
    out = high @ torch.cat([t["out.W.high"], t["out.W.high_back"]], dim=1).T + t["out.b"]
    (((out - torch.tensor(y)) ** 2).sum() / 2 / len(x)).backward()
    want = {k: v.grad.numpy() for k, v in t.items()}
    found = reverse.gradients(network, p, x, y, rule=RULES["bptt"])
    assert worst(network, p, x, y, RULES["bptt"], None, found, want) <= 1
    one_way = reverse.gradients(
        bidirectional(Rnn() if kind == "rnn" else Lstm(), back=False, time="mean"), p, x, y, rule=RULES["bptt"]
    )
    assert worst(network, p, x, y, RULES["bptt"], None, one_way, want) > 1e6


def in_field(network, steps=3, batch=2):
    rng = np.random.default_rng(1)
    p = {k: FIELD.draw(rng, shape) for k, shape in network.shapes().items()}
    return p, *(FIELD.draw(rng, (steps, batch, n)) for n in (network.inputs, network.layers[-1].units))


@pytest.mark.parametrize("name", ["bptt", "ostl", "sltt", "e-prop", "decolle"])
def test_rule_and_residual_are_bptt_and_all_path_lengths_are_the_whole(name):
    """In a prime field. A path may have the steps of the sequence in every layer, forwards and back."""
    from gradcert.reference import draw_feedback

    network, rule = bidirectional(Snu()), RULES[name]
    p, x, y = in_field(network)
    masks = {"low_back": FIELD.draw(np.random.default_rng(2), (3, 2, 3))}
    feedback = draw_feedback(network, rule, numbers=FIELD, seed=1)
    given = {"feedback": feedback, "numbers": FIELD, "masks": masks}
    mine = reverse.gradients(network, p, x, y, rule=rule, **given)
    truth = reverse.gradients(network, p, x, y, rule=TRUTH, numbers=FIELD, masks=masks)
    parts = residual(network, p, x, y, rule=rule, **given).total
    assert [k for k in truth if (mine[k] + parts[k] != truth[k]).any()] == []
    if rule.feedback == "symmetric":
        whole = replace(rule, window=3 * network.depth)
        found = reverse.gradients(network, p, x, y, rule=whole, **given)
        assert [k for k in mine if (found[k] != mine[k]).any()] == []


def test_time_turned_round_exchanges_the_directions():
    network = bidirectional(Snu())
    p, x, y = in_field(network)
    other = {
        k: p[
            k.replace("low_back", "?")
            .replace("low", "low_back")
            .replace("?", "low")
            .replace("high_back", "!")
            .replace("high", "high_back")
            .replace("!", "high")
        ]
        for k in p
    }
    mine = reverse.gradients(network, p, x, y, rule=TRUTH, numbers=FIELD)
    found = reverse.gradients(network, other, x[::-1], y[::-1], rule=TRUTH, numbers=FIELD)
    assert all((found["low_back.H"] == mine["low.H"]).ravel()) and (found["high.H"] == mine["high_back.H"]).all()
    assert (
        record(network, p, x, numbers=FIELD).outputs == record(network, other, x[::-1], numbers=FIELD).outputs[::-1]
    ).all()


def test_initial_values_act_where_a_pass_begins():
    """On a pass backwards at the last step, its own first; without a nonlinearity they add H z."""
    network = bidirectional(Rnn(activation="identity"))
    p, x, y = in_field(network)
    start = {"low_back.z": FIELD.array([3, 1, 2]), "low.z": FIELD.array([2, 5, 7])}
    given = {"numbers": FIELD, "initial": start}
    rest, moved = record(network, p, x, numbers=FIELD), record(network, p, x, **given)
    for a, b in zip(rest.layers[:2], moved.layers[:2], strict=True):
        name, first = a.layer.name, -1 if a.layer.backwards else 0
        assert (b.leaving[first] - a.leaving[first] == p[f"{name}.H"] @ start[f"{name}.z"]).all(), name
    found = reverse.gradients(network, p, x, y, rule=TRUTH, initial_gradient=True, **given)
    assert found["initial.low_back.z"].any()


def test_what_cannot_be():
    network = bidirectional(Lif())
    assert from_dict(network.to_dict()) == network
    p, x, y = drawn(network)
    with pytest.raises(GradcertError, match="a population that runs backwards; allowed: populations that run forwards"):
        forward.gradients(network, p, x, y, rule=RULES["bptt"])
    with pytest.raises(GradcertError, match="runs backwards"):
        Learner(network, p, rule=RULES["bptt"], steps=5, batch=2)
    begins = np.zeros((5, 2), dtype=bool)
    begins[2] = True
    with pytest.raises(GradcertError, match="begin inside a row, and a population that runs backwards"):
        reverse.gradients(network, p, x, y, rule=RULES["bptt"], begins=begins)
    back, out = Population("back", Rnn(), 2, backwards=True), Population("out", HEAD, 2)
    up = (Connection("x", "back"), Connection("back", "out"))
    with pytest.raises(GradcertError, match="whose target runs backwards; to fix it: let its cell be recurrent"):
        Graph({"x": 1}, (back, out), (*up, Connection("x", "back", lag=1, name="late")))
    with pytest.raises(GradcertError, match="runs backwards, in a loop with others"):
        Graph({"x": 1}, (back, out), (*up, Connection("out", "back", lag=1)))
    with pytest.raises(GradcertError, match="backwards of 'back'=1"):
        Population("back", Rnn(), 2, backwards=1)
