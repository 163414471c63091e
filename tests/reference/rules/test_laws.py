"""What holds for every rule (mathematics.md 12.11, 12.15 to 12.18) and what is known not to; over the rationals.

Rules that a law excludes are shown to break it: the law would not be a test of anything otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rational_nets import HEAD, LEAKS, PSI, THRESHOLDS, differing, draw, lif, plain, same, spatial, stack

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import (
    ESTIMATORS,
    FLOAT32,
    RULES,
    Layer,
    Lif,
    Loss,
    Network,
    Rnn,
    Synaptic,
    draw_feedback,
    estimators,
    record,
)
from gradcert.reference.engines import forward, reverse
from gradcert.reference.estimators.walk import state_size

NET = stack(lif(0), lif(1))
# a rule that is written for other neurons
NEURONS = [
    Synaptic(
        order="old",
        reset="hard",
        gain="one_minus_leak",
        leak=LEAKS[i],
        rho=LEAKS[1 - i],
        threshold=Fraction(1, 4),
        surrogate=PSI,
    )
    for i in (0, 1)
]
NETS = {"eventprop": stack(*NEURONS)}
NORMALISERS = tuple(RATIONALS.array([1.5, 0.25]))
STEPS, BATCH = 5, 2


def signs_for(name, network, steps, batch, seed=4):
    rng = np.random.default_rng(seed)
    many = (steps, batch, state_size(network)) if name == "uoro" else (2, steps, batch, 2)
    return 2 * rng.integers(0, 2, size=many) - 1


def by_name(name, network, *, engine=reverse, steps=STEPS, batch=BATCH, cut=slice(None)):
    """Return gradients(network, p, x, y) of a row or of an estimator with its draws fixed; `cut` picks samples."""
    feedback = draw_feedback(network, RULES["decolle"], seed=9, numbers=RATIONALS)
    if name in RULES:
        rule = RULES[name]
        given = draw_feedback(network, rule, seed=9, numbers=RATIONALS)
        return partial(engine.gradients, rule=rule, feedback=given, numbers=RATIONALS)
    found = partial(ESTIMATORS[name].gradients, numbers=RATIONALS)
    if name == "uoro":
        return partial(found, signs=signs_for(name, network, steps, batch)[:, cut], normalisers=NORMALISERS)
    if name == "kf-rtrl":
        return partial(found, signs=signs_for(name, network, steps, batch)[:, :, cut], normalisers=NORMALISERS)
    if name == "opzo":
        return partial(found, feedback=feedback)
    if name == "etlp":
        events = np.random.default_rng(8).integers(0, 2, size=(steps, batch))
        return partial(found, feedback=feedback, events=events[:, cut])
    if name == "sltt-k":
        return partial(found, chosen=(0, 2)[:steps])
    if name in ("s-tllr", "tess"):
        return partial(found, lq=Fraction(1, 3), lp=Fraction(3, 5), a_post=Fraction(-1, 5), a_pre=Fraction(1))
    return found


EVERY = (*RULES, *ESTIMATORS)


def test_every_rule_is_a_page_that_says_what_it_drops_and_costs():
    pages: list[Any] = [*RULES.values(), *ESTIMATORS.values()]
    for rule in pages:
        assert rule.title and rule.source and rule.exact and rule.drops and rule.time and rule.memory
        for word in ("Paper", "equations", "Dropped:", "Cost", "Exact"):
            assert word in rule.page, (rule.name, word)
    assert not set(RULES) & set(ESTIMATORS)


def test_every_file_of_an_estimator_is_in_the_table():
    """A rule that is left out of the table would be left out of these tests as well."""
    folder = Path(str(estimators.__file__)).parent
    files = {path.stem for path in folder.glob("*.py") if "\nESTIMATOR = " in path.read_text()}
    assert {e.gradients.__module__.rpartition(".")[2] for e in ESTIMATORS.values()} == files


# --- 11: one step ----------------------------------------------------------------------------------------------------

NOT_EXACT_IN_ONE_STEP = {"ostl-random", "osttp", "e-prop-random", "e-prop-adaptive", "rflo", "decolle"}
# UORO is exact in expectation alone; KF-RTRL's single term n2^2 a (x) dphi is exact for every draw
NOT_EXACT_IN_ONE_STEP |= {"opzo", "etlp", "tess", "uoro"}


@pytest.mark.parametrize("name", [name for name in EVERY if name not in NETS])
def test_with_one_step_an_exact_credit_is_plain_backpropagation(name):
    p, x, y = draw(NET, steps=1)
    found = by_name(name, NET, steps=1)(NET, p, x, y)
    backprop = plain(NET, p, x, y, spatial)
    assert all((backprop[k] != 0).any() for k in p)
    assert same(found, backprop) == (name not in NOT_EXACT_IN_ONE_STEP)


# --- 15: linearity in the loss ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Thrice(Loss):
    """Three times the loss."""

    def error(self, outputs, targets, numbers):
        return 3 * super().error(outputs, targets, numbers)


NOT_LINEAR = {"osttp", "etlp"}


@pytest.mark.parametrize("name", EVERY)
def test_three_times_the_loss_is_three_times_the_gradient(name):
    net = NETS.get(name, NET)
    p, x, y = draw(net, steps=STEPS, batch=BATCH)
    thrice = replace(net, loss=Thrice())
    one, three = by_name(name, net)(net, p, x, y), by_name(name, thrice)(thrice, p, x, y)
    off = differing(three, {k: 3 * v for k, v in one.items()})
    hidden = {"layers.0.W", "layers.0.b", "layers.1.W", "layers.1.b"}
    assert off == (hidden if name in NOT_LINEAR else set())
    assert any((v != 0).any() for v in one.values())


# --- 16: the batch ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_the_gradient_of_a_batch_is_the_sum_over_its_samples(name):
    net = NETS.get(name, NET)
    p, x, y = draw(net, steps=STEPS, batch=BATCH)
    whole = by_name(name, net)(net, p, x, y)
    cuts = [slice(b, b + 1) for b in range(BATCH)]
    each = [by_name(name, net, cut=c)(net, p, x[:, c], y[:, c]) for c in cuts]
    assert same(whole, {k: sum(g[k] for g in each) for k in p})
    assert not same(each[0], each[1])


# its loss is one of rates, in which there is no time left
OF_RATES = {"rate-based"}


@pytest.mark.parametrize("name", EVERY)
def test_a_mean_over_the_batch_and_the_time_divides_by_both(name):
    net = NETS.get(name, NET)
    p, x, y = draw(net, steps=STEPS, batch=BATCH)
    total = by_name(name, net)(net, p, x, y)
    assert any((v != 0).any() for v in total.values())
    for options, divisor in (({"batch": "mean"}, BATCH), ({"time": "mean"}, 1 if name in OF_RATES else STEPS)):
        mean = replace(net, loss=Loss(**options))
        found = by_name(name, mean)(mean, p, x, y)
        assert same({k: divisor * v for k, v in found.items()}, total), options


@pytest.mark.parametrize("name", EVERY)
def test_a_loss_at_the_last_step_counts_what_the_last_step_adds(name):
    """What step T contributes is the gradient of T steps less that of T - 1; such a loss asks for no more."""
    net = NETS.get(name, NET)
    p, x, y = draw(net, steps=STEPS, batch=BATCH)
    last = replace(net, loss=Loss(when="last"))
    if name in OF_RATES:
        assert same(by_name(name, last)(last, p, x, y), by_name(name, net)(net, p, x, y))
        return
    options: dict[str, Any] = {"chosen": (0, STEPS - 1)} if name == "sltt-k" else {}
    less: dict[str, Any] = {"chosen": (0,)} if name == "sltt-k" else {}
    if name == "uoro":
        less["signs"] = signs_for(name, net, STEPS, BATCH)[:-1]
    if name == "kf-rtrl":
        less["signs"] = signs_for(name, net, STEPS, BATCH)[:, :-1]
    if name == "etlp":  # an event at every step, or the last one might have none
        options["events"], less["events"] = (np.ones((steps, BATCH), dtype=int) for steps in (STEPS, STEPS - 1))
    found = partial(by_name(name, last), **options)(last, p, x, y)
    whole = partial(by_name(name, net), **options)(net, p, x, y)
    short = partial(by_name(name, net), **less)(net, p, x[:-1], y[:-1])
    assert same(found, {k: whole[k] - short[k] for k in p})
    assert all((found[k] != 0).any() for k in p)


# --- 17: causality ---------------------------------------------------------------------------------------------------

PROJECTED = {"osttp", "decolle", "etlp", "tess"}  # their signal does not vanish where the loss does
ACAUSAL = {"rate-based"}  # one pass over the rates of the whole sequence


@pytest.mark.parametrize("name", [n for n in EVERY if n not in PROJECTED])
def test_what_the_first_steps_contribute_does_not_depend_on_the_future(name):
    """Two futures, neither of which has an error; the gradient is then that of the steps up to t."""
    net = NETS.get(name, NET)
    p, x, y = draw(net, steps=STEPS, batch=BATCH)
    found = []
    for seed in (1, 2):
        _, future, _ = draw(net, steps=STEPS, batch=BATCH, seed=seed)
        inputs = np.concatenate([x[:3], future[3:]])
        outputs = record(net, p, inputs, numbers=RATIONALS).outputs
        found.append(by_name(name, net)(net, p, inputs, np.concatenate([y[:3], outputs[3:]])))
    assert same(*found) == (name not in ACAUSAL)


@pytest.mark.parametrize("name", RULES)
def test_a_learner_has_the_same_gradient_after_t_steps_whatever_comes_next(name):
    p, x, y = draw(NET, steps=STEPS, batch=BATCH)
    _, other, _ = draw(NET, steps=STEPS, batch=BATCH, seed=1)
    rule = RULES[name]
    given = draw_feedback(NET, rule, seed=9, numbers=RATIONALS)
    after = []
    for future in (x, other):
        learner = forward.Learner(NET, p, rule=rule, steps=STEPS, batch=BATCH, numbers=RATIONALS, feedback=given)
        taken = []
        for t in range(STEPS):
            learner.step(x[t] if t < 3 else future[t], y[t])
            taken.append(learner.gradients())
        after.append(taken)
    assert all(same(after[0][t], after[1][t]) for t in range(3))
    assert not same(after[0][-1], after[1][-1])


# --- 18: silent steps ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in EVERY if n not in PROJECTED | ACAUSAL])
def test_silent_steps_after_the_last_loss_change_nothing(name):
    net = NETS.get(name, NET)
    p, x, y = draw(net, steps=STEPS, batch=BATCH)
    long = np.concatenate([x, 0 * x[:2]])
    outputs = record(net, p, long, numbers=RATIONALS).outputs
    found = by_name(name, net, steps=STEPS + 2)(net, p, long, np.concatenate([y, outputs[STEPS:]]))
    short = by_name(name, net, steps=STEPS + 2)
    if name == "uoro":
        short = partial(short, signs=signs_for(name, net, STEPS + 2, BATCH)[:STEPS])
    if name == "kf-rtrl":
        short = partial(short, signs=signs_for(name, net, STEPS + 2, BATCH)[:, :STEPS])
    assert same(found, short(net, p, x, y))


def at_rest(name):
    """No bias anywhere: without input the network is silent."""
    cells: list[Any] = [Lif(leak=LEAKS[i], threshold=THRESHOLDS[i], surrogate=PSI, bias=False) for i in (0, 1)]
    cells = [replace(cell, bias=False) for cell in NEURONS] if name in NETS else cells
    head: Any = Rnn(activation="identity", recurrent=False, bias=False)
    sizes = (2, 3, 4, 2)
    return Network(layers=tuple(Layer(c, inputs=sizes[i], units=sizes[i + 1]) for i, c in enumerate((*cells, head))))


# the acausal trace of S-TLLR counts the pseudo-derivatives of silent steps; noise enters UORO's factor at every step;
# an expectation over rates has the number of steps in it, the correction of ES-D-RTRL 1 - alpha^t; the drawn steps and
# events of the others would move
MOVED = {"es-d-rtrl", "s-tllr", "tess", "uoro", "kf-rtrl", "rate-based", "sltt-k", "etlp", "tbptt-chunks"}


@pytest.mark.parametrize("name", EVERY)
def test_silent_steps_before_the_first_input_change_nothing(name):
    network = at_rest(name)
    p, x, y = draw(network, steps=STEPS, batch=BATCH)
    long_x, long_y = np.concatenate([0 * x[:2], x]), np.concatenate([0 * y[:2], y])
    assert (record(network, p, long_x, numbers=RATIONALS).outputs[:2] == 0).all()
    found = by_name(name, network, steps=STEPS + 2)(network, p, long_x, long_y)
    short = by_name(name, network)(network, p, x, y)
    assert same(found, short) == (name not in MOVED)


def test_a_bias_feels_the_silent_steps():
    p, x, y = draw(NET, steps=STEPS, batch=BATCH)
    long_x, long_y = np.concatenate([0 * x[:2], x]), np.concatenate([0 * y[:2], y])
    rule = by_name("ottt", NET)
    assert differing(rule(NET, p, long_x, long_y), rule(NET, p, x, y))
    assert HEAD.bias


# --- number systems --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ESTIMATORS)
def test_single_precision_stays_single(name):
    cell: Any = replace(NEURONS[0], leak=0.75, rho=0.5) if name in NETS else Lif(leak=0.75)
    network = Network(layers=(Layer(cell, inputs=2, units=3), Layer(HEAD, inputs=3, units=2)))
    p = network.parameters(scale=2.0, numbers=FLOAT32)
    rng = np.random.default_rng(0)
    x, y = (FLOAT32.array(rng.standard_normal((4, 2, 2))) for _ in range(2))
    given: dict[str, Any] = {"rng": np.random.default_rng(1)} if "rng" in ESTIMATORS[name].needs else {}
    if "feedback" in ESTIMATORS[name].needs:
        given["feedback"] = draw_feedback(network, RULES["decolle"], numbers=FLOAT32)
    found = ESTIMATORS[name].gradients(network, p, x, y, numbers=FLOAT32, **given)
    assert {g.dtype.name for g in found.values()} == {"float32"}
    assert {k: g.shape for k, g in found.items()} == network.shapes()
