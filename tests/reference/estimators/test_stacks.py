"""Rules with a trace of their own on stacks: layers without memory among the spiking ones, what they refuse, zeros.

Over the rationals, so that every comparison is one of equality. With one step there is no past to leave out: what a
rule says of the layers of its stack is then the gradient, whatever it makes of time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import ClassVar

import numpy as np
import pytest
from rational_nets import HEAD, draw, lif, same, stack

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import ESTIMATORS, RULES, Edge, GradcertError, Layer, Link, Network, Surrogate, draw_feedback
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import etlp, kf_rtrl, opzo, otpe, uoro
from gradcert.reference.estimators.walk import state_size
from gradcert.reference.networks.cells import Integrator, Lstm

MIXED = stack(replace(HEAD, activation="relu"), lif(0), HEAD, lif(1, reset="hard"), sizes=(2, 3, 4, 3, 3))
NORMALISERS = tuple(RATIONALS.array([1.5, 0.25]))
TRIANGLE = Surrogate("triangle", scale=Fraction(1, 2), width=Fraction(1, 4))  # 0 where it is far from the threshold
ONE_STEP = {
    "otpe": {},
    "ndot": {},
    "es-d-rtrl": {"decay": 0.5},
    "s-tllr": {},
    "sltt-k": {"k": 1, "rng": np.random.default_rng(0)},
    "kf-rtrl": {"rng": np.random.default_rng(1), "normalisers": NORMALISERS},
}


@pytest.mark.parametrize("name", ONE_STEP)
def test_one_step_is_the_gradient_on_every_stack(name):
    p, x, y = draw(MIXED, steps=1, batch=2, seed=3)
    want = reverse.gradients(MIXED, p, x, y, rule=RULES["bptt"], numbers=RATIONALS)
    assert all(g.any() for g in want.values())
    assert same(ESTIMATORS[name].gradients(MIXED, p, x, y, numbers=RATIONALS, **ONE_STEP[name]), want)


@pytest.mark.parametrize("approximate", [False, True])
def test_one_step_of_otpe_with_a_gain(approximate):
    network = stack(lif(0, gain="one_minus_leak"), lif(1), sizes=(2, 3, 4))
    p, x, y = draw(network, steps=1, batch=2, seed=3)
    want = reverse.gradients(network, p, x, y, rule=RULES["bptt"], numbers=RATIONALS)
    assert same(otpe.gradients(network, p, x, y, numbers=RATIONALS, approximate=approximate), want)


def test_all_steps_of_sltt_k_are_sltt():
    """As many as there are, drawn: each of them once."""
    network = stack(lif(0), sizes=(2, 3))
    p, x, y = draw(network, steps=6)
    for seed in range(3):
        given = {"k": 6, "rng": np.random.default_rng(seed), "numbers": RATIONALS}
        found = ESTIMATORS["sltt-k"].gradients(network, p, x, y, **given)
        assert same(found, reverse.gradients(network, p, x, y, rule=RULES["sltt"], numbers=RATIONALS))


@pytest.mark.parametrize("name", ["otpe", "ndot", "s-tllr", "etlp", "opzo", "tess", "rate-based"])
def test_what_a_rule_is_not_defined_for_is_refused(name):
    rule = ESTIMATORS[name].gradients
    lateral, gains = name in ("s-tllr", "etlp", "opzo", "tess"), name in ("otpe", "rate-based")
    cells = {
        "lateral weights in layer 1; allowed: recurrent=False": (lif(1, recurrent=True), lateral),
        "gain='one_minus_leak' in layer 1; allowed: one": (lif(1, gain="one_minus_leak"), gains),
        "trained leak in layer 1": (lif(1, train=("leak",)), False),
        "a layer of 'integrator' cells": (Integrator(kappa=Fraction(1, 2)), False),
    }
    for said, (cell, fits) in cells.items():
        network = stack(lif(0), cell, sizes=(2, 3, 3))
        p, x, y = draw(network, steps=2, batch=1)
        given = {"numbers": RATIONALS}
        if "rng" in ESTIMATORS[name].needs:
            given["rng"] = np.random.default_rng(0)
        if "feedback" in ESTIMATORS[name].needs:
            given["feedback"] = draw_feedback(network, RULES["osttp"], numbers=RATIONALS)
        if fits:
            assert set(rule(network, p, x, y, **given)) == set(p)
            continue
        with pytest.raises(GradcertError, match=said):
            rule(network, p, x, y, **given)


@dataclass(frozen=True)
class Through(Integrator):
    """v = kappa v' + a, z = v + a / 2: an output that sees the drive past the state."""

    name: ClassVar[str] = "through"
    nodes: ClassVar[tuple[str, ...]] = ("a", "v", "z")
    links: ClassVar[tuple[Link, ...]] = (
        Link("a", "x", weight="W"),
        Link("v", "v", 1, Edge.STATE),
        Link("v", "a"),
        Link("z", "v"),
        Link("z", "a"),
    )

    def step(self, n, p, drive, prev):
        """Compute one step."""
        a = drive("a")
        v = p["kappa"] * prev["v"] + a
        return {"a": a, "v": v, "z": v + a / 2}

    def factors(self, n, p, prev, now):
        """Return the local derivatives."""
        half = n.array(0.5)[()]
        bias, kappa = self.uses
        return dict(zip(self.links[1:], (p["kappa"], 1, 1, half), strict=True)) | {bias: 1, kappa: prev["v"]}


TWICE = stack(lif(0, train=("threshold",)), lif(1), sizes=(2, 1, 1))  # the threshold acts on the spike and on the reset
PAST = stack(Through(kappa=Fraction(3, 4)), sizes=(2, 2), head=False)


@pytest.mark.parametrize(("module", "network", "steps"), [(uoro, TWICE, 2), (uoro, PAST, 2), (kf_rtrl, PAST, 3)])
def test_the_mean_over_all_signs_is_rtrl(module, network, steps):
    entries = state_size(network) if module is uoro else 2
    for seed in range(100):
        p, x, y = draw(network, steps=steps, batch=1, seed=seed)
        want, now = (reverse.gradients(network, p, x, y, rule=RULES[r], numbers=RATIONALS) for r in ("rtrl", "sltt"))
        if all(g.all() for g in want.values()) and (want["layers.0.W"] != now["layers.0.W"]).all():
            break
    else:
        raise AssertionError("every network is silent")
    flat = list(product((-1, 1), repeat=entries * steps))
    signs = np.array(flat).reshape(len(flat), -1, entries).transpose(1, 0, 2)
    x, y = np.repeat(x, len(flat), axis=1), np.repeat(y, len(flat), axis=1)
    signs = signs if module is uoro else signs[None]
    found = module.gradients(network, p, x, y, numbers=RATIONALS, signs=signs, normalisers=NORMALISERS)
    assert same({k: v / len(flat) for k, v in found.items()}, want)


def test_signs_are_signs():
    """Drawn ones are +1 and -1, each in about half of the places; others are refused."""
    rng = np.random.default_rng(0)
    for drawn in (*opzo.draw_signs(MIXED, np.zeros((30, 4, 2)), rng), uoro.checked_signs((30, 4, 9), None, rng)):
        assert set(drawn.flat) == {-1, 1}
        assert abs(drawn.mean()) < 4 / np.sqrt(drawn.size)
    for wrong in (np.zeros((1, 2)), np.ones((2, 1)), [[1, 1]], np.full((1, 2), "1"), np.full((1, 2), 2)):
        with pytest.raises(GradcertError, match=r"allowed: \+1 and -1, shape \(1, 2\)"):
            uoro.checked_signs((1, 2), wrong, rng)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("s-tllr", {"first_step": 2}),
        ("otpe", {}),
        ("otpe", {"approximate": True}),
        ("ndot", {}),
        ("tess", {}),
        ("rate-based", {}),
        ("sltt-k", {"k": 2, "chosen": [1]}),
    ],
)
def test_slopes_and_credit_that_are_zero_are_zeros_and_no_quotients(name, options):
    """Potentials far from the threshold, steps without credit, a layer that never spikes."""
    network = stack(lif(0, surrogate=TRIANGLE), lif(1, surrogate=TRIANGLE, threshold=100), sizes=(2, 3, 2))
    p, x, y = draw(network, steps=4)
    x[:2], y[:2] = 0 * x[:2], 0 * y[:2]
    exact = ESTIMATORS[name].gradients(network, p, x, y, numbers=RATIONALS, **options)
    floats = {k: np.array(v, dtype=float) for k, v in p.items()}
    with np.errstate(all="raise"):
        mine = ESTIMATORS[name].gradients(network, floats, x.astype(float), y.astype(float), **options)
    assert all((exact[k] == 0).tolist() == (mine[k] == 0).tolist() for k in p)
    assert not exact["layers.1.W"].any() and exact["layers.2.b"].any()


@pytest.mark.parametrize("module", [uoro, kf_rtrl])
def test_of_two_normalisers_one_is_of_no_consequence(module):
    """What multiplies one factor of the estimate at every step, and divides the other, cancels; the first does not."""
    network = stack(lif(0, recurrent=True), sizes=(2, 2))
    p, x, y = draw(network, steps=3, batch=1, seed=1)
    shape = (1, 3, 1, 2) if module is kf_rtrl else (3, 1, state_size(network))
    signs = 2 * np.random.default_rng(0).integers(0, 2, shape) - 1

    def estimate(*normalisers):
        given = {"signs": signs, "normalisers": tuple(RATIONALS.array(list(normalisers)))}
        return module.gradients(network, p, x, y, numbers=RATIONALS, **given)

    assert same(estimate(1.5, 0.25), estimate(1.5, 4.0))
    assert not same(estimate(1.5, 0.25), estimate(0.5, 0.25))


def test_a_normaliser_is_the_root_of_a_ratio_and_1_without_one():
    above, below = np.array([[4.0, 0.0, 4.0, 0.0]]), np.array([[1.0, 1.0, 0.0, 0.0]])
    assert uoro.normaliser(above, below).tolist() == [[2, 1, 1, 1]]


@pytest.mark.parametrize("name", ["s-tllr", "etlp", "opzo"])
def test_there_is_a_matrix_for_every_layer_but_the_last(name):
    network = stack(lif(0), lif(1), sizes=(2, 3, 4))
    p, x, y = draw(network, steps=2, batch=1)
    feedback = draw_feedback(network, RULES["osttp"], numbers=RATIONALS)
    given = {"numbers": RATIONALS} | ({"rng": np.random.default_rng(0)} if "rng" in ESTIMATORS[name].needs else {})
    assert set(ESTIMATORS[name].gradients(network, p, x, y, feedback=feedback, **given)) == set(p)
    fewer, turned = {"layers.0.B": feedback["layers.0.B"]}, {**feedback, "layers.1.B": feedback["layers.1.B"].T}
    for wrong, said in ((fewer, r"without the feedback matrix layers\.1\.B"), (turned, r"layers\.1\.B .*shape")):
        with pytest.raises(GradcertError, match=said):
            ESTIMATORS[name].gradients(network, p, x, y, feedback=wrong, **given)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_etlp_with_no_event_and_with_all(rate):
    """At the ends of its range the rate leaves nothing to chance."""
    network = stack(lif(0), lif(1))
    p, x, y = draw(network, steps=3)
    feedback = draw_feedback(network, RULES["osttp"], numbers=RATIONALS)
    given = {"feedback": feedback, "numbers": RATIONALS}
    found = etlp.gradients(network, p, x, y, rate=rate, rng=np.random.default_rng(0), **given)
    want = etlp.gradients(network, p, x, y, events=np.full((3, 2), int(rate)), **given)
    assert same(found, want) and found["layers.0.W"].any() == bool(rate)
    for wrong in (-0.25, 1.25):
        with pytest.raises(GradcertError, match=r"allowed: a rate in \[0, 1\]"):
            etlp.gradients(network, p, x, y, rate=wrong, rng=np.random.default_rng(0), **given)


def test_kf_rtrl_has_parameters_at_the_drive_alone():
    network = Network(layers=(Layer(Lstm(), inputs=2, units=2),))
    p, x, y = draw(network, steps=2)
    with pytest.raises(
        GradcertError, match=r"'lstm' cells, whose parameters act at .* allowed: weights and biases that"
    ):
        kf_rtrl.gradients(network, p, x, y, numbers=RATIONALS, rng=np.random.default_rng(0))
