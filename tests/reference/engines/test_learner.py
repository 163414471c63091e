"""A stepwise learner as its caller has it: what a step takes and returns; large traces in their memory."""

import numpy as np
import pytest
from budget import worst
from networks import problem

from gradcert.reference import (
    RULES,
    GradcertError,
    Layer,
    Learner,
    Lif,
    Network,
    Rnn,
    draw_feedback,
    record,
    rule_named,
)
from gradcert.reference.engines import forward, reverse
from gradcert.reference.engines.credit import signals
from gradcert.reference.engines.factors import BLOCK
from gradcert.reference.engines.structure import gate
from gradcert.reference.networks.cells import Lstm

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


@pytest.mark.parametrize("name", ["ostl", "tbptt(2)"])
def test_traces_larger_than_a_block(name):
    """Cell and output of an LSTM both follow from the output before, which stands until both have been computed.

    4 steps, in each of which 2 sums over 41 numbers and 16 operations follow each other, are below `budget`'s count.
    """
    units, inputs = 20, 21
    assert units * units * inputs > BLOCK
    network = Network(layers=(Layer(Lstm(), inputs=inputs, units=units),))
    rng, p = np.random.default_rng(0), network.parameters(seed=1, scale=2.0)
    x, y = rng.standard_normal((4, 2, inputs)), rng.standard_normal((4, 2, units))
    rule = rule_named(name)
    want = reverse.gradients(network, p, x, y, rule=rule)
    found = forward.gradients(network, p, x, y, rule=rule)
    assert worst(network, p, x, y, rule, None, found, want) <= 1
    assert worst(network, p, x, y, rule, None, found, reverse.gradients(network, p, x, y, rule=RULES["sltt"])) > 1


def test_every_layer_but_the_last_has_a_loss_of_its_own_where_the_rule_has():
    network, p, x, y = problem("lif-before", 3, when="mean")
    tape = record(network, p, x)
    for name, layers in (("decolle", {0, 1}), ("ostl", set())):
        found = signals(tape, y, RULES[name], draw_feedback(network, RULES[name])).local
        assert set(found) == layers and all(g.shape == tape.layers[m].now["z"].shape for m, g in found.items())


def test_a_gate_widens_no_number():
    mask = np.array([[True, False]])
    for kind in ("float32", "float64", object):
        found = gate(mask, np.zeros(1, dtype=kind))
        assert found.tolist() == [[1, 0]] and found.dtype == (int if kind is object else kind)


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
