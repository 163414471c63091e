"""A stepwise learner as its caller has it: what a step takes and returns; large traces in their memory."""

import numpy as np
import pytest
from networks import problem

from gradcert.reference import RULES, GradcertError, Layer, Learner, Lif, Network, Rnn, Surrogate, record, rule_named
from gradcert.reference.engines import forward, reverse
from gradcert.reference.engines.factors import BLOCK
from gradcert.reference.networks.cells import Alif

NETWORK, P, X, Y = problem("lif-before", 2)


def learner(**options):
    return Learner(NETWORK, P, rule=RULES["ostl"], steps=len(X), batch=X.shape[1], **options)


def test_a_step_returns_the_output_of_the_last_layer():
    mine = learner()
    outputs = [mine.step(x, y) for x, y in zip(X, Y, strict=True)]
    assert np.array_equal(outputs, record(NETWORK, P, X).outputs)


@pytest.mark.parametrize("what", ["input", "target"])
def test_what_no_step_takes(what):
    """Another shape, a list, whole numbers; with the number of the step. What is no number shows in the gradient."""
    for wrong, reason in (
        (lambda a: a[:-1], "allowed: shape"),
        (lambda a: a[:, :-1], "allowed: shape"),
        (lambda a: a.tolist(), "as a list"),
        (lambda a: a.astype(int), "of dtype int64"),
    ):
        mine = learner()
        mine.step(X[0], Y[0])
        given = {"input": X[1], "target": Y[1]}
        given[what] = wrong(given[what])
        with pytest.raises(GradcertError, match=f"the {what} of step 2.*{reason}"):
            mine.step(given["input"], given["target"])
    mine = learner()
    mine.step(X[0], np.full_like(Y[0], np.nan))
    assert np.isnan(mine.gradients()["layers.1.b"]).all()


def test_gradients_are_no_view_of_what_is_accumulated():
    mine = learner()
    mine.step(X[0], Y[0])
    first = mine.gradients()
    kept = {k: v.copy() for k, v in first.items()}
    mine.step(X[1], Y[1])
    taken = mine.take()
    assert all(np.array_equal(first[k], kept[k]) for k in kept)
    assert any((taken[k] != kept[k]).any() for k in kept)
    assert not any(v.any() for v in mine.gradients().values())


@pytest.mark.parametrize("name", ["ostl", "rtrl", "tbptt(2)"])
def test_traces_larger_than_a_block(name):
    """Eighths, so that sums are exact in any order: two carried nodes share what the last of them may take."""
    units, inputs = 20, 21
    assert units * units * inputs > BLOCK
    cell = Alif(
        leak=0.5,
        rho=0.5,
        threshold=0.25,
        beta=0.5,
        recurrent=True,
        surrogate=Surrogate("triangle", scale=0.5, width=4.0),
    )
    network = Network(layers=(Layer(cell, inputs=inputs, units=units),))
    rng = np.random.default_rng(0)
    p = {k: rng.integers(-2, 3, s) / 4 for k, s in network.shapes().items()}
    x, y = rng.integers(-2, 3, (3, 2, inputs)) / 4, rng.integers(-1, 2, (3, 2, units)) / 1
    want = reverse.gradients(network, p, x, y, rule=rule_named(name))
    found = forward.gradients(network, p, x, y, rule=rule_named(name))
    assert all(np.array_equal(found[k], want[k]) for k in want)
    assert (want["layers.0.W"] != reverse.gradients(network, p, x, y, rule=RULES["sltt"])["layers.0.W"]).any()


def test_random_feedback_replaces_the_weights_of_the_first_layer_that_has_one_below():
    """Twice the weights below: twice the gradient there, and the same above."""
    head = Rnn(activation="identity", recurrent=False)
    network = Network(layers=(Layer(Lif(threshold=0.3), inputs=3, units=4), Layer(head, inputs=4, units=2)))
    p = network.parameters(seed=3, scale=2.0)
    twice = {"layers.1.B": 2 * p["layers.1.W"]}
    for engine in (forward, reverse):
        plain = engine.gradients(network, p, X, Y[..., :2], rule=RULES["ostl"])
        mine = engine.gradients(network, p, X, Y[..., :2], rule=RULES["ostl-random"], feedback=twice)
        assert all(np.array_equal(mine[k], plain[k] * (2 if "layers.0" in k else 1)) for k in plain)
        assert all(v.any() for v in plain.values())
