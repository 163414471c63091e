"""Losses of every form, of whatever of a sequence, and terms about activity: both engines, residual and torch."""

from dataclasses import replace

import numpy as np
import pytest
import torch_data
from budget import ROUNDINGS, worst
from networks import problem

from gradcert.reference import RULES, TEMPORAL, Edge, GradcertError, Layer, Loss, Rnn, Rule, draw_feedback, record
from gradcert.reference.engines import Learner, arriving, forward, objective, reverse, tape_residual
from gradcert.reference.engines.majorant import gamma
from gradcert.reference.engines.residual import residual
from gradcert.reference.networks import Activity, Local, with_loss

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
    "auxiliary": {"local": (Local("cross_entropy", 0.5), Local("bernoulli", -2, (1,))), "time": "mean"},
    "auxiliary last": {"local": (Local("cross_entropy", 0.5),), "when": "last", "activity": (RATE,)},
    "auxiliary sum": {"local": (Local("squared_error", 3, (0,)),), "when": "sum", "kind": "cross_entropy"},
    "auxiliary max": {"local": (Local("squared_error", 0.25),), "when": "max", "outputs": "mean", "node": "v"},
}
DETACHED = Rule("cut", "a set of edges", TEMPORAL - {Edge.RESET}, frozenset({Edge.STATE}))
ROWS = list(RULES.values())


def drawn(name, cell="snu", depth=2, seed=0):
    network, p, x, y = problem(cell, depth, seed=seed, **LOSSES[name])
    y = y / y.max() if LOSSES[name].get("kind") == "bernoulli" else y
    weights = np.random.default_rng(seed).integers(1, 4, x.shape[:2]) / 2.0
    weights[1, 0] = weights[0, 1] = 0  # padding
    return network, p, x, y, ({"weights": weights} if seed % 2 else {}) | auxiliary(network, seed)


def auxiliary(network, seed=0):
    """A fixed readout of every hidden layer, where such have losses of their own."""
    rng, n_out = np.random.default_rng([seed, 11]), network.layers[-1].units
    matrices = {f"layers.{m}": rng.standard_normal((n_out, own.units)) for m, own in enumerate(network.layers[:-1])}
    return {"readouts": matrices} if network.loss.local else {}


def asked(given, rule):
    """What a rule may be asked: with losses of its own it has no auxiliary ones."""
    return {k: v for k, v in given.items() if k != "readouts" or rule.feedback != "local"}


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
        given = asked(given, rule)
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
        given = asked(given, rule)
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
        w = torch_data.tensor(given["weights"]) if "weights" in given else None
        wanted = torch_data.loss_of(network.loss, layers[-1], torch_data.tensor(y), w, layers, given.get("readouts"))
        read = sum(abs(g).sum() for g in given.get("readouts", {}).values())
        size = (
            read + sum(float(torch.abs(z).sum()) for z in layers) + abs(y).sum() * float(abs(layers[-1]).max() + 2) + 8
        )
        assert abs(found - float(wanted)) <= gamma(220) * size**2


def test_what_only_the_end_of_a_sequence_says_is_no_business_of_an_online_learner():
    for name in ("sum", "mean", "max", "first", "rate", "l2"):
        network, p, x, _, _ = drawn(name)
        with pytest.raises(GradcertError, match=r"online with the loss .* allowed: a loss of every step"):
            Learner(network, p, rule=RULES["ostl"], steps=len(x), batch=x.shape[1])


@pytest.mark.parametrize("name", ["bernoulli", "potential", "final potential", "l1", "auxiliary"])
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


def test_auxiliary_losses_below_the_output_are_felt_below_it():
    """A loss of layer 1 of 3 reaches layers 0 and 1, and not layer 2; nor does a projection carry it down."""
    network, p, x, y = problem("lif-before", 3, local=(Local("cross_entropy", 0.5, (1,)),))
    given = auxiliary(network)
    for rule, reached in (("bptt", {"0", "1"}), ("sltt", {"0", "1"}), ("osttp", {"1"})):
        feedback = draw_feedback(network, RULES[rule], seed=1)
        options = {"rule": RULES[rule], "feedback": feedback}
        mine, without = (reverse.gradients(network, p, x, y, **options, **data) for data in (given, {}))
        assert {key.split(".")[1] for key in mine if (mine[key] != without[key]).any()} == reached, rule


def test_an_auxiliary_loss_of_strength_zero_changes_nothing_and_is_additive_in_its_strength():
    network, p, x, y, given = drawn("auxiliary", depth=3)
    own = network.loss.local
    for rule in (RULES["bptt"], RULES["ottt"], RULES["ostl"]):
        options = {"rule": rule, **given}
        bare = reverse.gradients(with_loss(network, local=()), p, x, y, **options)
        none = with_loss(network, local=tuple(replace(one, strength=0) for one in own))
        assert all((g == bare[k]).all() for k, g in reverse.gradients(none, p, x, y, **options).items())
        once = reverse.gradients(network, p, x, y, **options)
        twice = with_loss(network, local=tuple(replace(one, strength=2 * one.strength) for one in own))
        found = reverse.gradients(twice, p, x, y, **options)
        want = {k: 2 * once[k] - bare[k] for k in bare}
        assert worst(twice, p, x, y, rule, None, found, want, **given) <= 1


def test_the_loss_of_a_readout_that_is_the_output_is_the_loss_once_more():
    """The highest hidden layer under a linear output layer, read by its weights: the loss of hidden layers doubles."""
    network, p, x, y = problem("snu", 2)
    top = Layer(Rnn(activation="identity", recurrent=False, bias=False), inputs=5, units=5)
    network = replace(network, layers=(*network.layers, top), loss=Loss(local=(Local(layers=(1,)),)))
    rng = np.random.default_rng(0)
    p, y = {**p, "layers.2.W": rng.standard_normal((5, 5))}, rng.standard_normal((*y.shape[:2], 5))
    for rule in (RULES["bptt"], RULES["ostl"]):
        once = reverse.gradients(network, p, x, y, rule=rule)
        both = reverse.gradients(network, p, x, y, rule=rule, readouts={"layers.1": p["layers.2.W"]})
        want = {k: (1 if k.startswith("layers.2") else 2) * g for k, g in once.items()}
        assert worst(network, p, x, y, rule, None, both, want) <= 1


def test_the_size_of_an_auxiliary_loss_covers_what_cancels_in_its_readout():
    """Two units that spike alike, read with opposite signs: nothing is read, but of two rounded terms."""
    network, p, x, y = problem("snu", 2, local=(Local(strength=3),))
    twin = {k: np.concatenate([v[:1], v[:1], v[2:]]) if k.startswith("layers.0.") else v for k, v in p.items()}
    twin["layers.0.H"][:, 1] = twin["layers.0.H"][:, 0]
    readout = np.zeros((5, 4)) + np.array([1.0, -1.0, 0.0, 0.0])
    tape = record(network, twin, x, readouts={"layers.0": readout})
    z = tape.layers[0].leaving
    assert z[..., 0].any() and not (z @ readout.T).any()
    size = arriving(tape, 0 * y, absolute=True)[0]
    assert (size >= 3 * np.matmul(np.matmul(z, abs(readout).T), abs(readout))).all()


def test_readouts_that_do_not_fit_are_refused():
    network, p, x, y = problem("snu", 2, local=(Local(),))
    good = auxiliary(network)["readouts"]["layers.0"]
    for rule, readouts, says in (
        ("bptt", {"layers.1": good}, r"a fixed readout of 'layers.1'; allowed: layers.0"),
        ("bptt", {"layers.0": good.T}, "the fixed readout of layers.0"),
        ("decolle", {"layers.0": good}, "fixed readouts under 'decolle'"),
    ):
        feedback = draw_feedback(network, RULES[rule])
        for engine in (reverse.gradients, forward.gradients, residual):
            with pytest.raises(GradcertError, match=says):
                engine(network, p, x, y, rule=RULES[rule], feedback=feedback, readouts=readouts)
    alone = problem("snu", 1, local=(Local(),))
    with pytest.raises(GradcertError, match="hidden layers: this network has none"):
        reverse.gradients(*alone, rule=RULES["bptt"], readouts={"layers.0": np.ones((1, 1))})
