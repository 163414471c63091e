"""Optimisers against PyTorch's, planted mistakes, FPTT's schedule against the engine's."""

import numpy as np
import pytest

from gradcert.papers.data import adding, echo
from gradcert.papers.training import (
    Adam,
    Schedule,
    Sgd,
    alignment,
    clipped,
    cut,
    gradient,
    off_by_one,
    trained_on_parts,
)
from gradcert.reference import FLOAT64, RULES, Layer, Loss, Network, Rnn, Snu, forward, reverse
from gradcert.reference.networks import Integrator
from gradcert.reference.procedures import fptt, start


@pytest.fixture
def net():
    return Network(
        layers=(Layer(Snu(leak=0.6, threshold=0.3), inputs=2, units=4), Layer(Integrator(), inputs=4, units=1))
    )


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_optimisers_are_those_of_torch(kind):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    w, g = rng.standard_normal((3, 2)), rng.standard_normal((5, 3, 2))
    theirs = torch.nn.Parameter(torch.tensor(w))
    ours, them = (
        (Sgd(0.1, 0.9), torch.optim.SGD([theirs], 0.1, 0.9))
        if kind == "sgd"
        else (Adam(0.1), torch.optim.Adam([theirs], 0.1))
    )
    p = {"w": w}
    for one in g:
        theirs.grad = torch.tensor(one)
        them.step()
        p = ours(p, {"w": one})
    # 5 steps of fewer than 20 roundings each, of terms at most 50 times the result: 0.1 (1 + 0.9 + ... + 0.9^4) g
    assert abs(w).max() + 0.41 * abs(g).sum(axis=0).max() < 50 * abs(p["w"]).min()
    np.testing.assert_allclose(p["w"], theirs.detach().numpy(), rtol=5 * 20 * 50 * 2.0**-53)


def test_parameters_keep_their_dtype_and_are_not_changed_in_place():
    w = {"w": np.ones(2, np.float32)}
    after = Adam(0.1)(w, {"w": np.ones(2, np.float32)})
    assert after["w"].dtype == np.float32
    assert (w["w"] == 1).all()


def test_clipping_leaves_the_direction():
    found = clipped({"a": np.array([3.0]), "b": np.array([4.0])}, 2.5)
    assert (found["a"][0], found["b"][0]) == (1.5, 2.0)


def test_a_late_trace_is_the_sum_over_steps_of_credit_with_the_trace_of_the_step_before(net):
    """At the first step there is no trace yet."""
    rng = np.random.default_rng(1)
    x, y = adding(rng, 6, 2)
    x, y, p = x.astype(float), y.astype(float), net.parameters(seed=1)
    late = off_by_one(net, p, x, y)
    right = forward.gradients(net, p, x, y, rule=RULES["ostl"])
    assert all(not np.allclose(late[k], right[k]) for k in late if k.startswith("layers.0"))
    assert not any(g.any() for k, g in off_by_one(net, p, x[:1], y[:1]).items() if k.startswith("layers.0"))


def test_ostl_without_its_reset_edge_is_not_ostl(net):
    x, y = (a.astype(float) for a in adding(np.random.default_rng(2), 8, 4))
    p = net.parameters(seed=2, scale=3.0)
    found, right = gradient("no reset edge", net, p, x, y), gradient("ostl", net, p, x, y)
    assert not np.allclose(found["layers.0.W"], right["layers.0.W"])
    assert alignment(found, right, 2)[1]["error"] == 0  # the readout has no reset


@pytest.mark.parametrize("form", ["code", "paper"])
def test_the_schedule_is_the_procedure_of_the_engine(net, form):
    net = Network(layers=net.layers, loss=Loss(time="mean"))
    x, y = (a.astype(float) for a in adding(np.random.default_rng(3), 9, 2))
    p = net.parameters(seed=3)
    one = Schedule(parts=3, form=form)
    ours = trained_on_parts(
        start(p), net, ((a, b, 1.0) for a, b, _ in cut(x, y, one)), schedule=one, optimiser=Sgd(0.05), numbers=FLOAT64
    )
    theirs = fptt(net, p, x, y, parts=3, alpha=0.5, beta=0.5, rate=0.05, form=form, finish=False)
    for name in p:
        np.testing.assert_array_equal(ours.weights[name], theirs.weights[name])
        np.testing.assert_array_equal(ours.average[name], theirs.average[name])


def test_the_slips_of_the_published_script():
    x = np.zeros((20, 1, 1))
    assert [w for *_, w in cut(x, x, Schedule(parts=4))] == [0.25, 0.5, 0.75, 1.0]
    assert [w for *_, w in cut(x, x, Schedule(parts=4, early=True, steep=True))] == [0.25, 1.25, 2.25]


def test_without_a_regulariser_it_is_truncated_bptt(net):
    x, y = (a.astype(float) for a in adding(np.random.default_rng(4), 6, 2))
    p, one = net.parameters(seed=4), Schedule(parts=1, form="none")
    after = trained_on_parts(start(p), net, cut(x, y, one), schedule=one, optimiser=Sgd(0.1), numbers=FLOAT64).weights
    g = reverse.gradients(net, p, x, y, rule=RULES["bptt"])
    assert all(np.array_equal(after[k], p[k] - 0.1 * g[k]) for k in p)


def test_alignment_sees_scale():
    found = alignment({"layers.0.W": np.array([2.0, 0.0])}, {"layers.0.W": np.array([1.0, 0.0])}, 1)[0]
    assert found == {"error": 1.0, "cosine": 1.0, "ratio": 2.0}


def test_echo_is_the_input_some_steps_later():
    x, y = echo(np.random.default_rng(0), 7, 3, width=2, delay=3)
    assert (y[3:] == x[:-3]).all()
    assert not y[:3].any()


def test_recurrent_readouts_are_no_part_of_the_claim():
    assert not Rnn(activation="identity", recurrent=False).links[0].lag
