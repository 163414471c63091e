"""ES-D-RTRL against its equations, over the rationals: every comparison is one of equality."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mutants import mutant
from rational_nets import differing, draw, lif, plain, same, stack

from gradcert.properties.numbers import RATIONALS, to_rational
from gradcert.reference import GradcertError, Layer, Network, record
from gradcert.reference.estimators import es_d_rtrl
from gradcert.reference.published import read_rule

DEEP = stack(lif(0), lif(1, gain="one"))
DECAY = 0.75


def rule(layer, delta, runs, i, *, corrected=True):
    """The two recursions, one sample at a time; the readout, without memory, has x and 1."""
    alpha = to_rational(Fraction(3, 4))
    xh, f, left = 0 * layer.x[0], 0 * layer.psi[0], 1
    w: Any = 0
    b: Any = 0
    for t in range(len(delta)):
        if i == len(runs) - 1:
            xh, f, left = layer.x[t], 0 * layer.psi[t] + 1, 0
        else:
            step = layer.leak * (1 - layer.th * layer.psi[t - 1]) if t else 0 * layer.psi[t]
            xh, f, left = alpha * xh + layer.x[t], alpha * step * f + (1 - alpha), left * alpha
        g = layer.psi[t] * delta[t] * f / (1 - left if corrected else 1)
        w, b = w + np.outer(g, xh), b + g
    return {"W": w, "b": b}


@pytest.mark.parametrize("corrected", [True, False])
def test_it_is_its_equations(corrected):
    p, x, y = draw(DEEP)
    found = es_d_rtrl.gradients(DEEP, p, x, y, numbers=RATIONALS, decay=DECAY, corrected=corrected)
    assert same(found, plain(DEEP, p, x, y, lambda *a: rule(*a, corrected=corrected)))


@pytest.mark.parametrize(
    "change",
    [
        ("1 - left", "1 - alpha"),
        ("live_reset=live_reset) * trace", "live_reset=False) * trace"),
        ("left * alpha", "left"),
    ],
)
def test_a_changed_line_is_seen(change):
    p, x, y = draw(DEEP)
    wrong = mutant("gradcert.reference.estimators.es_d_rtrl", change)
    try:
        found = wrong.gradients(DEEP, p, x, y, numbers=RATIONALS, decay=DECAY)
    except ZeroDivisionError:
        return
    assert differing(found, plain(DEEP, p, x, y, rule)) >= {"layers.0.W", "layers.1.W"}


def test_lateral_weights_are_weights():
    """A recurrent layer is one without lateral weights whose input is x and the spikes of the step before."""
    network = stack(lif(0, recurrent=True))
    p, x, y = draw(network)
    found = es_d_rtrl.gradients(network, p, x, y, numbers=RATIONALS, decay=DECAY)
    spikes = record(network, p, x, numbers=RATIONALS).layers[0].prev["z"]
    first = Layer(lif(0), inputs=network.inputs + spikes.shape[2], units=spikes.shape[2])
    other = Network(layers=(first, network.layers[1]))
    joined = {k: v for k, v in p.items() if k != "layers.0.H"}
    joined["layers.0.W"] = np.concatenate([p["layers.0.W"], p["layers.0.H"]], axis=1)
    want = es_d_rtrl.gradients(other, joined, np.concatenate([x, spikes], axis=2), y, numbers=RATIONALS, decay=DECAY)
    found["layers.0.W"] = np.concatenate([found["layers.0.W"], found.pop("layers.0.H")], axis=1)
    assert same(found, want) and want["layers.0.W"][:, network.inputs :].any()


def test_its_names_and_what_it_refuses():
    assert read_rule("pp-prop(decay=0.5)") == read_rule("es-d-rtrl", {"decay": 0.5})
    p, x, y = draw(DEEP)
    for decay in (1.0, -0.5):
        with pytest.raises(GradcertError, match="allowed: 0 <= decay < 1"):
            es_d_rtrl.gradients(DEEP, p, x, y, numbers=RATIONALS, decay=decay)
    trained = Network(layers=(replace(DEEP.layers[0], cell=lif(0, train=("leak",))), *DEEP.layers[1:]))
    with pytest.raises(GradcertError, match="trained leak"):
        es_d_rtrl.gradients(trained, trained.parameters(), np.ones((2, 1, 2)), np.ones((2, 1, 2)))
