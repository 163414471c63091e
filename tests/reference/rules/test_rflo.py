"""RFLO by its equations (mathematics.md 3, Murray 2019), in loops: a leaky rate network with lateral weights."""

from __future__ import annotations

import numpy as np
import pytest
from budget import worst

from gradcert.reference import RULES, Layer, LeakyRnn, Network, Rnn, draw_feedback
from gradcert.reference.engines import forward, reverse

RATE = 0.3
NETWORK = Network(
    layers=(
        Layer(LeakyRnn(rate=RATE), inputs=2, units=3),
        Layer(Rnn(activation="identity", recurrent=False), inputs=3, units=2),
    )
)


def problem():
    rng = np.random.default_rng(6)
    p = NETWORK.parameters(seed=2, scale=1.5)
    return p, rng.standard_normal((6, 2, 2)), rng.standard_normal((6, 2, 2)), draw_feedback(NETWORK, RULES["rflo"])


def literal(p, x, y, b):
    """One sample at a time, one trace per synapse; the error comes through B, its shape (outputs, units)."""
    w, h, bias = (p[f"layers.0.{name}"] for name in ("W", "H", "b"))
    total = {name: np.zeros_like(value) for name, value in p.items()}
    for sample in range(x.shape[1]):
        state = np.zeros(3)
        trace = {"W": np.zeros((3, 2)), "H": np.zeros((3, 3)), "b": np.zeros(3)}
        for t in range(len(x)):
            slope = 1 - np.tanh(w @ x[t, sample] + h @ state + bias) ** 2
            fresh = {"W": np.outer(slope, x[t, sample]), "H": np.outer(slope, state), "b": slope}
            trace = {name: (1 - RATE) * trace[name] + RATE * fresh[name] for name in trace}
            state = (1 - RATE) * state + RATE * np.tanh(w @ x[t, sample] + h @ state + bias)
            error = p["layers.1.W"] @ state + p["layers.1.b"] - y[t, sample]
            signal = b.T @ error
            for name, m in trace.items():
                total[f"layers.0.{name}"] += (signal * m.T).T
            total["layers.1.W"] += np.outer(error, state)
            total["layers.1.b"] += error
    return total


@pytest.mark.parametrize("engine", [forward, reverse])
def test_rflo_is_its_equations(engine):
    p, x, y, feedback = problem()
    found = engine.gradients(NETWORK, p, x, y, rule=RULES["rflo"], feedback=feedback)
    expected = literal(p, x, y, feedback["layers.0.B"])
    assert worst(NETWORK, p, x, y, RULES["rflo"], feedback, found, expected) <= 1
