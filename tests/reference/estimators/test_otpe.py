"""OTPE (mathematics.md 9, 12.8), exactly, over the rationals."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mutants import mutant
from rational_nets import differing, draw, lif, ottt, plain, run, same, stack

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import TEMPORAL, Edge, Rule
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import otpe

TWO = stack(lif(0), lif(1))
THREE = stack(lif(0), lif(1), lif(2))
NO_RESET = TEMPORAL - {Edge.RESET}
NAME = "gradcert.reference.estimators.otpe"


def bptt(network, p, x, y, own, upper):
    rule = Rule("test", "BPTT on edges of its own", own=own, upper=upper)
    return reverse.gradients(network, p, x, y, rule=rule, numbers=RATIONALS)


def engine(network, p, x, y, module=otpe, **options):
    return module.gradients(network, p, x, y, numbers=RATIONALS, **options)


@pytest.mark.parametrize("reset", ("subtract_before_leak", "subtract_after_leak", "hard", "none"))
@pytest.mark.parametrize("live", (True, False))
def test_otpe_is_bptt_on_two_layers_with_the_upper_reset_detached(reset, live):
    network = stack(lif(0, reset=reset, gain="one_minus_leak"), lif(1))
    p, x, y = draw(network)
    own = TEMPORAL if live else NO_RESET
    assert same(engine(network, p, x, y, live_reset=live), bptt(network, p, x, y, own, NO_RESET))


def test_otpe_is_not_bptt_with_the_upper_reset_live_nor_on_three_layers():
    p, x, y = draw(TWO)
    assert differing(engine(TWO, p, x, y), bptt(TWO, p, x, y, TEMPORAL, TEMPORAL)) == {"layers.0.W", "layers.0.b"}
    p, x, y = draw(THREE)
    off = differing(engine(THREE, p, x, y), bptt(THREE, p, x, y, TEMPORAL, NO_RESET))
    assert off == {"layers.0.W", "layers.0.b"}


def test_without_memory_above_it_is_ostl_and_with_the_reset_detached_ottt():
    network = stack(lif(0), lif(1, leak=Fraction(0)))
    p, x, y = draw(network)
    assert same(engine(network, p, x, y), bptt(network, p, x, y, TEMPORAL, frozenset()))
    assert same(engine(network, p, x, y, live_reset=False), plain(network, p, x, y, ottt))
    assert same(engine(network, p, x, y, live_reset=False, approximate=True), plain(network, p, x, y, ottt))
    p, x, y = draw(TWO)
    assert differing(engine(TWO, p, x, y, live_reset=False), plain(TWO, p, x, y, ottt)) == {"layers.0.W", "layers.0.b"}


def smooth(layer, leak, t):
    """psibar^t: the decaying average of psi."""
    return sum(leak**k * layer.psi[t - k] for k in range(t + 1)) / sum(leak**k for k in range(t + 1))


def literal(network, p, x, y, *, approximate):
    """mathematics.md 9 with the reset detached, as sums over the past, one sample at a time."""
    total: dict[str, Any] = {name: 0 for name in p}
    for sample in range(x.shape[1]):
        runs = run(network, p, x[:, sample])
        times = range(len(x))
        credit = [runs[-1].z[t] - y[t, sample] for t in times]
        for i in reversed(range(len(runs))):
            layer = runs[i]
            up = runs[i + 1].leak if i + 1 < len(runs) else 0 * runs[0].leak
            for t in times:
                for s in range(t + 1):
                    for r in range(s + 1):
                        psi = smooth(layer, up, t) if approximate else layer.psi[s]
                        g = up ** (t - s) * layer.leak ** (s - r) * psi * credit[t]
                        total[f"layers.{i}.W"] = total[f"layers.{i}.W"] + np.outer(g, layer.x[r])
                        total[f"layers.{i}.b"] = total[f"layers.{i}.b"] + g
            credit = [layer.w.T @ (smooth(layer, up, t) * credit[t]) for t in times]
    return total


@pytest.mark.parametrize("approximate", (False, True))
def test_otpe_is_its_sums_on_three_layers(approximate):
    p, x, y = draw(THREE, steps=4)
    found = engine(THREE, p, x, y, approximate=approximate, live_reset=False)
    assert same(found, literal(THREE, p, x, y, approximate=approximate))


def test_the_approximation_is_another_number():
    p, x, y = draw(THREE, steps=4)
    exact, rough = (literal(THREE, p, x, y, approximate=a) for a in (False, True))
    assert differing(exact, rough) == {"layers.0.W", "layers.0.b", "layers.1.W", "layers.1.b"}


@pytest.mark.parametrize(
    "change",
    (
        ('one_leak(tape.layers[i + 1], "otpe")', 'one_leak(layer, "otpe")'),  # T76: the wrong layer's leak
        ("jacobian[:, :, None] * e_w", "0 * e_w"),  # T76: without the membrane trace
        ("up * r_w + psi", "0 * r_w + psi"),  # a single filter
        ("e_w = jacobian[:, :, None] * e_w +", "e_w = jacobian[:, :, None] ** 2 * e_w +"),  # T77: E updated twice
        ('"v": smooth * delta', '"v": slopes(layer) * delta'),  # psi instead of psibar on the way down
    ),
)
def test_changed_equations_are_seen(change):
    p, x, y = draw(THREE, steps=4)
    found = engine(THREE, p, x, y, module=mutant(NAME, change), live_reset=False)
    assert not same(found, literal(THREE, p, x, y, approximate=False))
