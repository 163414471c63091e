"""Smooth cells against differentiation of the loss itself, at 50 digits, by scalar loops that share no code with us.

A central difference with step h = 1e-16 is off by h^2 |E'''| / 6 (about 1e-32) and by 1e-50 |E| / h (about 1e-34):
both vanish beside the float64 budget of the engine.
"""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from budget import worst

from gradcert.reference import RULES, Layer, Loss, Network, Rnn, Ssnu
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks import cell_with

H = mpmath.mpf("1e-16")
BOTH = ("leak", "threshold")


def sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def normal(values, epsilon):
    mean = sum(values) / len(values)
    variance = sum((u - mean) ** 2 for u in values) / len(values)
    return [(u - mean) / mpmath.sqrt(variance + mpmath.mpf(epsilon)) for u in values]


def run(network, p, x):
    """Return the outputs [t][b][k] of the equations of mathematics.md 1.4 and 1.5, in scalars."""
    signal = [[[mpmath.mpf(float(v)) for v in row] for row in step] for step in x]
    for i, layer in enumerate(network.layers):
        w, h, b = (p[f"layers.{i}.{k}"] for k in ("W", "H", "b"))
        n = layer.units
        if getattr(layer.cell, "standardised", None):
            w, h = ([normal(row, layer.cell.standardised.epsilon) for row in weight] for weight in (w, h))
        out = [[None] * len(signal[0]) for _ in signal]
        for s in range(len(signal[0])):
            v, z = [mpmath.mpf(0)] * n, [mpmath.mpf(0)] * n
            for t in range(len(signal)):
                u = signal[t][s]
                drive = [b[r] + sum(w[r][k] * u[k] for k in range(layer.inputs)) for r in range(n)]
                a = [drive[r] + sum(h[r][k] * z[k] for k in range(n)) for r in range(n)]
                if getattr(layer.cell, "normalised", None):
                    gain, bias = p[f"layers.{i}.a_gain"], p[f"layers.{i}.a_bias"]
                    unit = normal(a, layer.cell.normalised.epsilon)
                    a = [gain[r] * unit[r] + bias[r] for r in range(n)]
                if layer.cell.name == "ssnu":
                    leak, th = p[f"layers.{i}.leak"], p[f"layers.{i}.threshold"]
                    v = [mpmath.tanh(a[r] + leak[r] * v[r] * (1 - z[r])) for r in range(n)]
                    z = [sigmoid(v[r] - th[r]) for r in range(n)]
                else:
                    z = [mpmath.tanh(u) for u in a]
                out[t][s] = z
        signal = out
    return signal


def loss(network, p, x, y):
    total = mpmath.mpf(0)
    for outputs, targets in zip(run(network, p, x), y, strict=True):
        for o, target in zip(outputs, targets, strict=True):
            if network.loss.kind == "squared_error":
                total += sum((a - float(b)) ** 2 for a, b in zip(o, target, strict=True)) / 2
            else:
                log_sum = mpmath.log(sum(mpmath.exp(a) for a in o))
                total += sum(float(b) * (log_sum - a) for a, b in zip(o, target, strict=True))
    return total / (len(x) if network.loss.time == "mean" else 1)


def to_mp(values):
    return [to_mp(v) for v in values] if np.ndim(values) else mpmath.mpf(float(values))


def difference(network, parameters, x, y):
    """Return the gradient by central differences at 50 digits."""
    out = {}
    with mpmath.workdps(50):
        for name, values in parameters.items():
            out[name] = np.zeros_like(values)
            for index in np.ndindex(values.shape):
                ends = []
                for sign in (1, -1):
                    p = {k: to_mp(v) for k, v in parameters.items()}
                    row = p[name]
                    for k in index[:-1]:
                        row = row[k]
                    row[index[-1]] += sign * H
                    ends.append(loss(network, p, x, y))
                out[name][index] = float((ends[0] - ends[1]) / (2 * H))
    return out


MIXING = cell_with(Rnn, {"normalised": {"epsilon": 0.25}, "standardised": {"epsilon": 0.125}})
PLAIN = Ssnu(transfer="tanh", threshold=0.3, train=BOTH)
GATED = cell_with(Ssnu, {"threshold": 0.3, "transfer": "tanh", "train": BOTH, "normalised": {"epsilon": 0.5}})


@pytest.mark.parametrize("options", ({"kind": "squared_error"}, {"kind": "cross_entropy", "time": "mean"}))
@pytest.mark.parametrize(
    "cell",
    (PLAIN, Rnn(), MIXING, pytest.param(GATED, marks=pytest.mark.long)),
)
def test_both_engines_give_the_derivative_of_the_loss(cell, options):
    layers = (Layer(cell, inputs=3, units=2), Layer(cell, inputs=2, units=3))
    network = Network(layers=layers, loss=Loss(**options))
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((4, 2, 3)), np.abs(rng.standard_normal((4, 2, 3)))
    p = network.parameters(seed=2)
    want = difference(network, p, x, y)
    for engine in (reverse, forward):
        got = engine.gradients(network, p, x, y, rule=RULES["bptt"])
        assert worst(network, p, x, y, RULES["bptt"], None, got, want) <= 1
    broken = reverse.gradients(network, p, x, y, rule=RULES["ostl"])
    assert worst(network, p, x, y, RULES["bptt"], None, broken, want) > 1e6
