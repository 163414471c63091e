"""Rate-based backpropagation (mathematics.md 10), exactly, over the rationals.

kappa is exact for a current that is constant in time: a bias is one, so BPTT's gradient of the bias is the other side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mutants import mutant
from rational_nets import draw, lif, run, same, stack

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import RULES, record
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import rate_based

RESETS = ("subtract_before_leak", "subtract_after_leak", "hard", "none")


def bias_both_ways(reset, live, module=rate_based):
    """d(sum_t c . z^t)/db by BPTT and T c . dr/dI, for a loss whose gradient at the output is c at every step."""
    network = stack(lif(0, reset=reset, gain="one_minus_leak"), head=False)
    p, x, _ = draw(network, steps=6)
    tape = record(network, p, x, numbers=RATIONALS)
    c = RATIONALS.array(np.arange(1, 4) / 4)
    rule = RULES["bptt" if live else "bptt-detached-reset"]
    bptt = reverse.gradients(network, p, x, tape.outputs - c, rule=rule, numbers=RATIONALS)
    slope = module.rate_slope(tape.layers[0], live_reset=live)
    return bptt["layers.0.b"], 6 * (c * slope).sum(axis=0)


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("live", (True, False))
def test_kappa_is_exact_for_a_constant_current(reset, live):
    bptt, rate = bias_both_ways(reset, live)
    assert (bptt == rate).all()
    assert (bptt != 0).all()


def test_the_live_reset_matters():
    assert (bias_both_ways("hard", True)[0] != bias_both_ways("hard", False)[0]).any()
    assert (bias_both_ways("subtract_before_leak", True)[0] != bias_both_ways("subtract_before_leak", False)[0]).any()


STEP = "membrane_step(layer, t, live_reset=live_reset) if t else 0"
LATE = "layer.p['leak'] * (1 - layer.p['threshold'] * psi[t])"
UNIT = "layer.p['leak'] * (1 - psi[t - 1])"


@pytest.mark.parametrize("wrong", (LATE, UNIT, "layer.p['leak'] * (1 - layer.p['threshold'] * psi[t - 1]) ** 2"))
def test_a_wrong_kappa_is_seen(wrong):
    """T82: psi of step t instead of t - 1; a threshold of 1 written into the formula."""
    module = mutant("gradcert.reference.estimators.rate_based", (STEP, f"{wrong} if t else 0"))
    bptt, rate = bias_both_ways("subtract_before_leak", True, module)
    assert (bptt != rate).any()


def test_the_right_formula_put_in_by_hand_passes():
    right = "layer.p['leak'] * (1 - layer.p['threshold'] * psi[t - 1]) if t else 0"
    module = mutant("gradcert.reference.estimators.rate_based", (STEP, right))
    bptt, rate = bias_both_ways("subtract_before_leak", True, module)
    assert (bptt == rate).all()


def test_rates_go_down_the_stack_and_weights_get_mean_inputs():
    network = stack(lif(0), lif(1))
    p, x, y = draw(network)
    total: dict[str, Any] = {name: 0 for name in p}
    for sample in range(x.shape[1]):
        runs = run(network, p, x[:, sample])
        steps = len(x)
        credit = sum(runs[-1].z[t] - y[t, sample] for t in range(steps)) / steps
        for i in reversed(range(3)):
            layer = runs[i]
            kappa, slope = 0, 0
            for t in range(steps):
                kappa = 1 + (layer.leak * (1 - layer.th * layer.psi[t - 1]) * kappa if t and i < 2 else 0)
                slope = slope + layer.psi[t] * kappa / steps
            g = credit * slope
            total[f"layers.{i}.W"] = total[f"layers.{i}.W"] + np.outer(g, sum(layer.x) / steps)
            total[f"layers.{i}.b"] = total[f"layers.{i}.b"] + g
            credit = layer.w.T @ g
    assert same(rate_based.gradients(network, p, x, y, numbers=RATIONALS), total)
