"""OTTT_A and OTTT_O (mathematics.md 7.1) in plain loops, over the rationals."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mutants import mutant
from rational_nets import SLOPE, differing, draw, lif, ottt, plain, same, stack, vector

from gradcert.properties.numbers import RATIONALS, to_rational
from gradcert.reference import RULES
from gradcert.reference.procedures import accumulate, online

NET = stack(lif(0), lif(1))
RATE = to_rational(Fraction(1, 8))
OTTT: dict[str, Any] = {"rule": RULES["ottt"], "rate": RATE, "numbers": RATIONALS}


def literal_online(p, x, y, *, mutate=""):
    """Forward, credit and traces of each step with the weights of before its update; all else carries on."""
    p = {k: v.copy() for k, v in p.items()}
    layers = NET.layers
    batch = x.shape[1]
    v = [[vector([0] * layer.units) for layer in layers] for _ in range(batch)]
    z = [[vector([0] * layer.units) for layer in layers] for _ in range(batch)]
    xh = [[vector([0] * layer.inputs) for layer in layers] for _ in range(batch)]
    bh = [to_rational(0) for _ in layers]
    left = {name: 0 * value for name, value in p.items()}
    for t in range(len(x)):
        total = left if mutate == "T64" else {name: 0 * value for name, value in p.items()}
        total = {name: value.copy() for name, value in total.items()}
        stored = []
        for b in range(batch):
            below, psi = x[t, b], []
            for i, layer in enumerate(layers):
                w, bias = p[f"layers.{i}.W"], p[f"layers.{i}.b"]
                spiking = layer.cell.name == "lif"
                leak = to_rational(layer.cell.leak) if spiking else to_rational(0)
                th = to_rational(layer.cell.threshold) if spiking else to_rational(0)
                xh[b][i] = leak * xh[b][i] + below
                if b == 0:
                    bh[i] = leak * bh[i] + 1
                v[b][i] = leak * (v[b][i] - th * z[b][i]) + w @ below + bias
                if spiking:
                    z[b][i] = vector([1 if a >= th else 0 for a in v[b][i]])
                    psi.append(vector([1 / (to_rational(SLOPE) * abs(a - th) + 1) ** 2 for a in v[b][i]]))
                else:
                    z[b][i] = v[b][i]
                    psi.append(vector([1] * layer.units))
                below = z[b][i]
            stored.append(psi)
        weights = p
        if mutate == "T54":  # the credit goes down through weights that the same step has already updated
            weights = {k: value - RATE for k, value in p.items()}
        for b in range(batch):
            delta = z[b][-1] - y[t, b]
            for i in reversed(range(len(layers))):
                g = stored[b][i] * delta
                total[f"layers.{i}.W"] += np.outer(g, xh[b][i])
                total[f"layers.{i}.b"] += g * bh[i]
                delta = weights[f"layers.{i}.W"].T @ g
        p = {k: value - RATE * total[k] for k, value in p.items()}
        left = total
        if mutate == "traces cleared":
            xh = [[0 * trace for trace in traces] for traces in xh]
    return p


def test_accumulate_is_one_update_with_the_gradient_of_the_sequence():
    p, x, y = draw(NET)
    g = plain(NET, p, x, y, ottt)
    assert same(accumulate(NET, p, x, y, **OTTT), {k: p[k] - RATE * g[k] for k in p})


def test_online_is_an_update_after_every_step_with_everything_else_carried_on():
    p, x, y = draw(NET)
    assert same(online(NET, p, x, y, **OTTT), literal_online(p, x, y))


def test_online_is_not_accumulate_but_with_one_step():
    p, x, y = draw(NET)
    assert differing(online(NET, p, x, y, **OTTT), accumulate(NET, p, x, y, **OTTT)) == set(p)
    assert same(online(NET, p, x[:1], y[:1], **OTTT), accumulate(NET, p, x[:1], y[:1], **OTTT))


@pytest.mark.parametrize("trap", ("T54", "T64", "traces cleared"))
def test_changed_loops_are_seen(trap):
    p, x, y = draw(NET)
    assert differing(online(NET, p, x, y, **OTTT), literal_online(p, x, y, mutate=trap))


@pytest.mark.parametrize(
    "change",
    (
        ("found = learner.take()", "found = learner.gradients()"),  # T64
        ("        learner.replace(weights)\n", ""),  # T93, reversed: weights that never reach the network
    ),
)
def test_changed_procedures_are_seen(change):
    p, x, y = draw(NET)
    wrong = mutant("gradcert.reference.procedures.online", change)
    assert differing(wrong.online(NET, p, x, y, **OTTT), literal_online(p, x, y))


def test_the_parameters_given_stay_as_they_are():
    p, x, y = draw(NET)
    copy = {k: v.copy() for k, v in p.items()}
    online(NET, p, x, y, **OTTT)
    accumulate(NET, p, x, y, **OTTT)
    assert same(p, copy)
