"""Losses of every form, of whatever of a sequence, and terms about activity: both engines, residual and torch."""

import numpy as np
import pytest
import torch_data
from budget import ROUNDINGS, worst
from networks import problem

from gradcert.reference import RULES, TEMPORAL, Edge, GradcertError, Rule, draw_feedback, record
from gradcert.reference.engines import Learner, forward, objective, reverse, tape_residual
from gradcert.reference.engines.majorant import gamma
from gradcert.reference.engines.residual import residual
from gradcert.reference.networks import Activity

RATE = Activity(kind="rate", strength=0.75, target=0.25)
LOSSES = {
    "bernoulli": {"kind": "bernoulli", "time": "mean", "outputs": "mean"},
    "sum": {"when": "sum", "kind": "cross_entropy"},
    "mean": {"when": "mean", "kind": "squared_error", "batch": "mean"},
    "max": {"when": "max", "node": "v", "kind": "cross_entropy", "batch": "mean"},
    "first": {"when": "first", "outputs": "mean"},
    "potential": {"node": "v", "time": "pooled"},
    "final potential": {"node": "v", "when": "last", "kind": "bernoulli"},
    "rate": {"activity": (RATE,)},
    "rates": {"activity": (Activity(kind="rate", target=0.5, batch="pooled", layers=(0, 1)),), "kind": "bernoulli"},
    "mean rate": {"activity": (Activity(kind="rate", batch="mean", layers=(0, 1)),), "when": "last"},
    "l1": {"activity": (Activity(kind="l1", strength=0.5, time="mean", layers=(1,)),), "time": "mean"},
    "l2": {"activity": (Activity(kind="l2", layers=(0, 1), batch="mean"), RATE), "batch": "mean"},
}
DETACHED = Rule("cut", "a set of edges", TEMPORAL - {Edge.RESET}, frozenset({Edge.STATE}))
ROWS = list(RULES.values())


def drawn(name, cell="snu", depth=2, seed=0):
    network, p, x, y = problem(cell, depth, seed=seed, **LOSSES[name])
    y = y / y.max() if LOSSES[name].get("kind") == "bernoulli" else y
    weights = np.random.default_rng(seed).integers(1, 4, x.shape[:2]) / 2.0
    weights[1, 0] = weights[0, 1] = 0  # padding
    return network, p, x, y, {"weights": weights} if seed % 2 else {}


@pytest.mark.parametrize("name", LOSSES)
def test_reverse_is_torch(name):
    for seed, cell in enumerate(("snu", "lif-before", "lif-hard", "ssnu")):
        network, p, x, y, given = drawn(name, cell, seed=seed)
        for rule in (Rule("truth", "", TEMPORAL, TEMPORAL), DETACHED):
            mine = reverse.gradients(network, p, x, y, rule=rule, **given)
            theirs = torch_data.gradients(network, p, x, y, rule, **given)
            assert worst(network, p, x, y, rule, None, mine, theirs, **given) <= 1, cell


@pytest.mark.parametrize("name", LOSSES)
def test_forward_is_reverse(name):
    """Every row of the table meets every kind of thing that a loss can be about."""
    for k, rule in enumerate(ROWS):
        if (k + list(LOSSES).index(name)) % 3:
            continue
        network, p, x, y, given = drawn(name, "lif-before" if k % 2 else "snu", depth=2 + k % 2, seed=k)
        feedback = draw_feedback(network, rule, seed=1)
        mine = forward.gradients(network, p, x, y, rule=rule, feedback=feedback, **given)
        theirs = reverse.gradients(network, p, x, y, rule=rule, feedback=feedback, **given)
        assert worst(network, p, x, y, rule, feedback, mine, theirs, **given) <= 1, rule.name


@pytest.mark.parametrize("name", LOSSES)
def test_rule_and_residual_are_bptt(name):
    truth = Rule("truth", "", TEMPORAL, TEMPORAL)
    for k, rule in enumerate(ROWS):
        if (k + list(LOSSES).index(name)) % 3 != 1:
            continue
        network, p, x, y, given = drawn(name, "lif-before", seed=k)
        feedback = draw_feedback(network, rule, seed=1)
        mine = reverse.gradients(network, p, x, y, rule=rule, feedback=feedback, **given)
        want = reverse.gradients(network, p, x, y, rule=truth, **given)
        parts = residual(network, p, x, y, rule=rule, feedback=feedback, **given).total
        nothing = Rule("none", "", frozenset(), frozenset(), feedback=rule.feedback)
        tape = record(network, p, x, **given)
        mass = tape_residual(tape, y, rule=nothing, feedback=feedback, absolute=True).total
        for key in want:
            largest = max(mass[key].max(), abs(mine[key]).max(), abs(want[key]).max())
            assert abs(mine[key] + parts[key] - want[key]).max() <= gamma(ROUNDINGS) * largest, (rule.name, key)


@pytest.mark.parametrize("name", LOSSES)
def test_the_objective_is_torchs(name):
    """At most 8 steps, 3 samples and 8 units are summed: 200 additions, and 20 operations a term."""
    import torch

    for seed in (0, 1):
        network, p, x, y, given = drawn(name, seed=seed)
        found = objective(record(network, p, x, **given), y)
        tensors = {k: torch_data.tensor(v) for k, v in p.items()}
        layers = torch_data.run(network, tensors, torch_data.tensor(x), [TEMPORAL] * 2, {}, {})
        w = torch_data.tensor(given["weights"]) if given else None
        wanted = torch_data.loss_of(network.loss, layers[-1], torch_data.tensor(y), w, layers)
        size = sum(float(torch.abs(z).sum()) for z in layers) + abs(y).sum() * float(abs(layers[-1]).max() + 2) + 8
        assert abs(found - float(wanted)) <= gamma(220) * size**2


def test_what_only_the_end_of_a_sequence_says_is_no_business_of_an_online_learner():
    for name in ("sum", "mean", "max", "first", "rate", "l2"):
        network, p, x, _, _ = drawn(name)
        with pytest.raises(GradcertError, match=r"online with the loss .* allowed: a loss of every step"):
            Learner(network, p, rule=RULES["ostl"], steps=len(x), batch=x.shape[1])


@pytest.mark.parametrize("name", ["bernoulli", "potential", "final potential", "l1"])
def test_a_learner_is_online_with_every_other_loss(name):
    network, p, x, y, given = drawn(name, seed=1)
    learner = Learner(network, p, rule=RULES["rtrl"], steps=len(x), batch=x.shape[1], **given)
    for one, target in zip(x, y, strict=True):
        learner.step(one, target)
    want = reverse.gradients(network, p, x, y, rule=RULES["bptt"], **given)
    assert worst(network, p, x, y, RULES["bptt"], None, learner.gradients(), want, **given) <= 1


def test_activity_below_the_output_is_felt_below_it():
    """A term about layer 1 of 3 reaches layers 0 and 1, and not layer 2; nor does a projection carry it down."""
    term = Activity(kind="l1", layers=(1,))
    network, p, x, y = problem("lif-before", 3, activity=(term,))
    bare = problem("lif-before", 3)[0]
    for rule, reached in (("bptt", {"0", "1"}), ("ottt", {"0", "1"}), ("osttp", {"1"})):
        feedback = draw_feedback(network, RULES[rule], seed=1)
        mine, without = (reverse.gradients(n, p, x, y, rule=RULES[rule], feedback=feedback) for n in (network, bare))
        assert {key.split(".")[1] for key in mine if (mine[key] != without[key]).any()} == reached, rule
