"""Two steps, one sample, a loss at the end: all that a rule drops passes between them, and a bound is the error itself.

The triangle inequality, which every other sequence pays for, has one term. What the a-priori bound has more is written
out: the recursion of its norms, by hand.
"""

from dataclasses import replace

import numpy as np
import pytest
from networks import CELL_NAMES, cell

from gradcert.reference import RULES, Layer, Lif, Loss, Network, Rnn, Surrogate, draw_feedback, rule_named
from gradcert.reference.bounds import Online, a_priori, windowed
from gradcert.reference.engines import reverse
from gradcert.reference.engines.majorant import gamma
from gradcert.reference.networks.cells import Alif, Gru, Lstm
from gradcert.reference.networks.synapses import Conv2d

ROOM = 1 + gamma(10**5)  # 2 steps of 2 layers of 4 units, as in `test_bounds_attained`
WIDE = Surrogate("sigmoid", scale=1.5)
CELLS = {name: cell(name, 0.7) for name in CELL_NAMES} | {
    "alif": Alif(
        leak=0.7, threshold=0.1, beta=0.3, rho=0.8, recurrent=True, surrogate=WIDE, train=("threshold", "beta")
    ),
    "lstm": Lstm(),
    "gru": Gru(),
}
IMAGE = Conv2d(in_channels=1, height=2, width=3, out_channels=2, kernel=(1, 2))


def problem(*layers, seed=0, when="last"):
    network = Network(layers=layers, loss=Loss(when=when))
    rng = np.random.default_rng(seed)
    p = network.parameters(seed=seed, scale=2.0)
    x, y = rng.standard_normal((2, 1, layers[0].inputs)), rng.standard_normal((2, 1, layers[-1].units))
    return network, p, x, y


def online(network, p, x, y, **given):
    bound = Online(network, p, steps=len(x), batch=1, **given)
    for now, target in zip(x, y, strict=True):
        bound.step(now, target)
    return bound.bound().tensors


def compare(network, p, x, y, rule):
    """Check both bounds of a rule against its error; return the tensors at which the error is not 0."""
    want = reverse.gradients(network, p, x, y, rule=RULES["bptt"])
    mine = reverse.gradients(network, p, x, y, rule=rule)
    whole = windowed(network, p, x, y, rule=rule, window=2).tensors
    stepwise = online(network, p, x, y, rule=rule)
    seen = set()
    for key in p:
        error = float(np.sqrt(((want[key] - mine[key]) ** 2).sum()))
        slack = gamma(10**3) * abs(want[key]).sum()  # the error is a difference of two gradients
        if error > slack:
            seen.add(key)
        for bound in (whole, stepwise):
            assert error - slack <= bound[key], key
        lone = key.rpartition(".")[2][0] in "WH"  # a weight acts at one place a step; a constant at several
        assert not lone or whole[key] <= error * ROOM + slack, key
    return seen


@pytest.mark.parametrize("name", ["snu", "lif-before", "lif-hard", "rnn", "alif", "gru"])
def test_confined_to_the_units_that_a_weight_reaches(name):
    """SnAp-1 on one layer, whose lateral weights reach further: a system for every row of every parameter."""
    network, p, x, y = problem(Layer(CELLS[name], inputs=2, units=3), seed=1)
    assert {"layers.0.W", "layers.0.b"} <= compare(network, p, x, y, RULES["snap-1"]) or name == "gru"


def test_two_steps_reach_every_unit():
    network, p, x, y = problem(Layer(CELLS["lif-before"], inputs=2, units=3), seed=1)
    assert not compare(network, p, x, y, RULES["snap-2"])


@pytest.mark.parametrize(("name", "steps"), [("tbptt(2)", 2), ("bptt", 2), ("sltt", 1), ("tbptt(1)", 1), ("ostl", 1)])
def test_where_nothing_is_dropped_every_bound_is_zero(name, steps):
    """Constants whose explicit path is a step long included: it is not taken for a longer one."""
    for cell_of in ("snu", "lif-before", "lif-hard", "alif"):
        network, p, x, y = problem(Layer(CELLS[cell_of], inputs=2, units=3), Layer(Rnn(), inputs=3, units=2), seed=3)
        given = {"rule": rule_named(name)}
        for bound in (
            windowed(network, p, x[:steps], y[:steps], window=steps, **given).tensors,
            online(network, p, x[:steps], y[:steps], **given),
        ):
            assert set(bound.values()) == {0.0}, cell_of


PASSED = ("ostl", "sltt", "tbptt(1)", "tbptt-chunks(1)", "ottt")


@pytest.mark.parametrize("name", CELLS)
def test_what_a_layer_above_remembers(name):
    """A rule for each cell; OTTT drops nothing of what passes through two layers without lateral weights or resets."""
    rule = PASSED[list(CELLS).index(name) % len(PASSED)]
    network, p, x, y = problem(
        Layer(CELLS[name], inputs=2, units=3), Layer(Lif(threshold=0.3), inputs=3, units=2), seed=2
    )
    assert compare(network, p, x, y, rule_named(rule)) or rule == "ottt"


def test_rows_that_share_their_weights():
    """Errors of different rows fall on one entry: they are added, where others are at right angles."""
    cells = [Rnn(activation="identity", bias=False), Rnn(activation="identity", bias=False)]
    conv = Layer(cells[0], inputs=6, units=8, synapses=(("W", IMAGE),))
    network, p, x, y = problem(conv, seed=1)
    want, mine = (reverse.gradients(network, p, x, y, rule=RULES[r]) for r in ("bptt", "snap-1"))
    error = np.linalg.norm(want["layers.0.W"] - mine["layers.0.W"])
    bound = windowed(network, p, x, y, rule=RULES["snap-1"], window=2).tensors["layers.0.W"]
    assert error <= bound <= 8 * error  # a sum over 8 units, all of which may agree


@pytest.mark.parametrize("name", ["ostl-random", "osttp", "decolle", "direct"])
def test_what_feedback_makes_of_a_single_step(name):
    """One step: the whole error is that of the credit, in every layer below the last; the weights above are W and B."""
    rule = replace(RULES["ostl"], feedback="direct") if name == "direct" else RULES[name]
    layers = [
        Layer(Lif(threshold=0.3), inputs=2, units=3),
        Layer(Rnn(), inputs=3, units=4),
        Layer(Rnn(), inputs=4, units=2),
    ]
    network, p, x, y = problem(*layers, seed=4)
    given = {"rule": rule, "feedback": draw_feedback(network, rule, seed=1)}
    want = reverse.gradients(network, p, x[:1], y[:1], rule=RULES["bptt"])
    mine = reverse.gradients(network, p, x[:1], y[:1], **given)
    whole = windowed(network, p, x[:1], y[:1], window=1, **given).tensors
    for bound in (whole, online(network, p, x[:1], y[:1], **given)):
        for key in p:
            error, slack = float(np.sqrt(((want[key] - mine[key]) ** 2).sum())), gamma(10**3) * abs(want[key]).sum()
            assert error - slack <= bound[key] <= error * ROOM + slack, key
            assert (error > slack) == (not key.startswith("layers.2") and not key.endswith(".H")), key


@pytest.mark.parametrize("name", ["ostl-random", "osttp", "decolle", "direct"])
def test_a_priori_of_feedback(name):
    """One step of two layers: slope |W or W - B| slope |x|, and what a projection has instead, slope |B| |x|."""
    rule = replace(RULES["ostl"], feedback="direct") if name == "direct" else RULES[name]
    plain = Lif(leak=LEAK, reset="none", bias=False, surrogate=Surrogate("triangle", scale=SLOPE))
    network = Network(layers=(Layer(plain, inputs=3, units=4), Layer(plain, inputs=4, units=2)))
    p, feedback = network.parameters(seed=1), draw_feedback(network, rule, seed=1)
    known = {**KNOWN, "steps": 1, "feedback": feedback, "signal_bound": 0.75}
    found = a_priori(network, p, rule=rule, **known).tensors
    through, (b,) = SLOPE * p["layers.1.W"], feedback.values()
    credit = {
        "ostl-random": lambda: CREDIT * np.linalg.norm(through - SLOPE * b, 2),
        "direct": lambda: CREDIT * (np.linalg.norm(through, 2) + SLOPE * np.linalg.norm(b, 2)),
    }.get(name, lambda: CREDIT * np.linalg.norm(through, 2) + 0.75 * np.linalg.norm(b, 2))
    assert close(found["layers.0.W"], 2 * credit() * SLOPE * INPUT * 3**0.5)
    assert found["layers.1.W"] == 0


LEAK, SLOPE, THRESHOLD, STEPS, CREDIT, INPUT = 0.75, 0.5, 0.5, 6, 1.5, 2.0
KNOWN = {"steps": STEPS, "batch": 2, "input_bound": INPUT, "loss_gradient_bound": CREDIT}


def close(bound, want):
    return want <= bound * ROOM and bound <= want * ROOM


@pytest.mark.parametrize("shared", [False, True])
def test_a_priori_of_a_reach_counts_rows(shared):
    """A layer without lateral weights or reset, whose rule drops nothing: what the norms of both halves add up to.

    K_t = leak K_(t-1) + |x|, R_t = leak (R_(t-1) + K_(t-1)); a row each, at right angles but where weights are shared.
    """
    cell_of = Lif(leak=LEAK, reset="none", bias=False, surrogate=Surrogate("triangle", scale=SLOPE))
    dot = Conv2d(in_channels=1, height=2, width=3, out_channels=1, kernel=(1, 1))
    inputs = 6 if shared else 5
    layer = Layer(cell_of, inputs=inputs, units=6, synapses=(("W", dot),) if shared else ())
    network = Network(layers=(layer,))
    bound = a_priori(network, network.parameters(seed=1), rule=RULES["snap-1"], **KNOWN).tensors["layers.0.W"]
    kept, dropped, total = 0.0, 0.0, 0.0
    for _ in range(STEPS):
        kept, dropped = LEAK * kept + INPUT * inputs**0.5, LEAK * (dropped + kept)
        total += 2 * CREDIT * SLOPE * dropped
    assert close(bound, total * (6 if shared else 6**0.5))


def test_a_priori_of_a_threshold_whose_reset_is_dropped():
    """K_t = leak (K_(t-1) + 1) at the potential; R_t = leak (R_(t-1) + threshold slope (K_(t-1) + 1)).

    The first 1 is the largest spike that is reset by the threshold, the second the spike's own view of it.
    """
    surrogate = Surrogate("triangle", scale=SLOPE)
    cell_of = Lif(leak=LEAK, threshold=THRESHOLD, bias=False, surrogate=surrogate, train=("threshold",))
    network = Network(layers=(Layer(cell_of, inputs=1, units=1),))
    p = network.parameters(seed=1)
    bound = a_priori(network, p, rule=RULES["bptt-detached-reset"], **KNOWN).tensors["layers.0.threshold"]
    kept, dropped, total = 0.0, 0.0, 0.0
    for _ in range(STEPS):
        kept, dropped = LEAK * (kept + 1), LEAK * (dropped + THRESHOLD * SLOPE * (kept + 1))
        total += 2 * CREDIT * SLOPE * dropped
    assert close(bound, total)


def test_a_priori_of_a_loss_at_the_end_is_its_last_step():
    network, p, _, _ = problem(Layer(Lif(), inputs=2, units=3), Layer(Lif(), inputs=3, units=2), when="every")
    last = replace(network, loss=Loss(when="last"))
    steps = [{**KNOWN, "steps": t} for t in (4, 5)]
    fewer, more = (a_priori(network, p, rule=RULES["ostl"], **known).tensors["layers.0.W"] for known in steps)
    found = a_priori(last, p, rule=RULES["ostl"], **steps[1]).tensors["layers.0.W"]
    assert found > 0 and abs(found - (more - fewer)) <= 2 * gamma(10**5) * more


def test_a_priori_asks_for_what_the_signal_is_at_most_where_there_is_one():
    """A stack of one layer has nothing that a target could be projected to."""
    network = Network(layers=(Layer(Lif(), inputs=2, units=3),))
    for name in ("osttp", "decolle"):
        assert set(a_priori(network, network.parameters(), rule=RULES[name], **KNOWN).tensors) == set(network.shapes())
