"""OTTT, SLTT, SLTT-K (mathematics.md 7, 12.4), exactly, over the rationals."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from mutants import mutant
from rational_nets import differing, draw, lif, ottt, plain, run, same, spatial, stack

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import RULES
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import sltt_k

DEEP = stack(lif(0), lif(1))
LATERAL = stack(lif(0), lif(1, recurrent=True))


def engine(network, p, x, y, rule):
    return reverse.gradients(network, p, x, y, rule=RULES[rule], numbers=RATIONALS)


def test_the_network_of_these_tests_spikes_and_is_silent():
    p, x, _ = draw(DEEP)
    for layer in run(DEEP, p, x[:, 0])[:2]:
        spikes = sum(int(z) for step in layer.z for z in step)
        assert 0 < spikes < len(layer.z) * len(layer.z[0])


@pytest.mark.parametrize("network", (DEEP, LATERAL))
def test_ottt_is_its_equations(network):
    p, x, y = draw(network)
    assert same(engine(network, p, x, y, "ottt"), plain(network, p, x, y, ottt))


def test_ottt_is_bptt_with_detached_reset_at_the_last_spiking_layer_and_nowhere_else():
    p, x, y = draw(DEEP)
    literal, bptt = plain(DEEP, p, x, y, ottt), engine(DEEP, p, x, y, "bptt-detached-reset")
    assert differing(literal, bptt) == {"layers.0.W", "layers.0.b"}
    live = engine(DEEP, p, x, y, "bptt")
    assert {"layers.1.W", "layers.1.b"} <= differing(literal, live)


@pytest.mark.parametrize("upper", (lif(1, recurrent=True), lif(1, reset="hard")))
def test_lateral_weights_and_a_hard_reset_are_excepted(upper):
    """The hypotheses of mathematics.md 7.1: with a hard reset the row, whose trace is gated, is another number."""
    network = stack(lif(0), upper)
    p, x, y = draw(network)
    literal, row = plain(network, p, x, y, ottt), engine(network, p, x, y, "ottt")
    bptt = engine(network, p, x, y, "bptt-detached-reset")
    assert {"layers.1.W", "layers.1.b"} <= differing(literal, bptt)
    assert ("layers.1.W" in differing(literal, row)) == (upper.reset == "hard")
    assert ("layers.1.W" in differing(row, bptt)) == upper.recurrent


def test_ottt_without_leak_is_sltt_is_backpropagation_within_each_step():
    forgetful = stack(lif(0, leak=Fraction(0)), lif(1, leak=Fraction(0)))
    p, x, y = draw(forgetful)
    assert same(plain(forgetful, p, x, y, ottt), plain(forgetful, p, x, y, spatial))
    assert same(engine(forgetful, p, x, y, "sltt"), plain(forgetful, p, x, y, spatial))
    assert same(engine(forgetful, p, x, y, "ottt"), plain(forgetful, p, x, y, spatial))
    assert differing(plain(DEEP, *draw(DEEP), ottt), plain(DEEP, *draw(DEEP), spatial))


@pytest.mark.parametrize("k", (1, 2, 4))
def test_the_mean_of_sltt_k_over_all_choices_is_k_over_t_of_sltt(k):
    p, x, y = draw(DEEP, steps=4)
    choices = list(combinations(range(4), k))
    found = [sltt_k.gradients(DEEP, p, x, y, numbers=RATIONALS, chosen=c) for c in choices]
    mean = {name: sum(g[name] for g in found) / len(choices) for name in p}
    target = plain(DEEP, p, x, y, spatial)
    assert same(mean, {name: target[name] * k / 4 for name in p})
    scaled = sltt_k.gradients(DEEP, p, x, y, numbers=RATIONALS, chosen=choices[0], unbiased=True)
    assert same(scaled, {name: found[0][name] * 4 / k for name in p})


def test_sltt_k_draws_k_different_steps():
    p, x, y = draw(DEEP, steps=4)
    singles = [sltt_k.gradients(DEEP, p, x, y, numbers=RATIONALS, chosen=(t,)) for t in range(4)]
    drawn = sltt_k.gradients(DEEP, p, x, y, numbers=RATIONALS, k=2, rng=np.random.default_rng(3))
    pairs = [{name: a[name] + b[name] for name in p} for a, b in combinations(singles, 2)]
    assert sum(same(drawn, pair) for pair in pairs) == 1


def test_a_loss_divided_by_k_is_seen():
    """T63."""
    wrong = mutant("gradcert.reference.estimators.sltt_k", ("    if unbiased:", "    if True:"))
    p, x, y = draw(DEEP, steps=4)
    right = sltt_k.gradients(DEEP, p, x, y, numbers=RATIONALS, chosen=(1, 3))
    assert differing(wrong.gradients(DEEP, p, x, y, numbers=RATIONALS, chosen=(1, 3)), right) == set(p)
