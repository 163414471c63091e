"""Small LIF stacks over the rationals, so that every comparison is one of equality; and their equations in plain loops.

The plain loops share nothing with the engine: one sample at a time, vectors, the equations of mathematics.md 1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.properties.numbers import RATIONALS, to_rational
from gradcert.reference import Layer, Lif, Loss, Network, Rnn, Surrogate

SLOPE = Fraction(1, 2)
LEAKS = (Fraction(3, 4), Fraction(1, 2), Fraction(2, 3))
THRESHOLDS = (Fraction(2, 5), Fraction(1, 3), Fraction(3, 7))
HEAD = Rnn(activation="identity", recurrent=False)
PSI = Surrogate("fast_sigmoid", slope=SLOPE)


def lif(depth=0, **options):
    given = {"leak": LEAKS[depth], "threshold": THRESHOLDS[depth], "surrogate": PSI, **options}
    return Lif(**given)


def stack(*cells, sizes=(2, 3, 4, 2), head=True, loss=None):
    """A stack of the cells, and a linear readout without memory of two units."""
    sizes = (*sizes[: len(cells) + 1], 2)
    everything = (*cells, HEAD) if head else cells
    layers = tuple(Layer(c, inputs=sizes[i], units=sizes[i + 1]) for i, c in enumerate(everything))
    return Network(layers=layers, loss=loss or Loss())


def draw(network, *, steps=5, batch=2, seed=0):
    """Draw parameters, inputs and targets: eighths, so that fractions stay short."""
    rng = np.random.default_rng(seed)

    def eighths(*shape):
        return RATIONALS.array(rng.integers(-12, 17, size=shape) / 8)

    p = {name: eighths(*shape) for name, shape in network.shapes().items()}
    return p, eighths(steps, batch, network.layers[0].inputs), eighths(steps, batch, network.layers[-1].units)


def same(a, b):
    """Whether two dicts of gradients are equal, entry for entry, and not trivially so."""
    assert set(a) == set(b)
    return all((a[k] == b[k]).all() for k in a)


def differing(a, b):
    """The names of the parameters whose gradients differ."""
    return {k for k in a if (a[k] != b[k]).any()}


@dataclass
class Run:
    """One layer and one sample in plain loops: lists over t of vectors."""

    x: list
    v: list
    z: list
    psi: list
    leak: object
    th: object
    w: object
    h: object


def vector(values):
    return np.array([to_rational(v) for v in values], dtype=object)


def run(network, p, x):
    """Run the stack on one sample, x: (T, n); soft reset before the leak, or hard; gain one."""
    out = []
    values = list(x)
    for i, layer in enumerate(network.layers):
        w, b = p[f"layers.{i}.W"], p[f"layers.{i}.b"]
        if layer.cell.name != "lif":
            z = [w @ u + b for u in values]
            ones = [vector([1] * layer.units)] * len(z)
            out.append(Run(values, z, z, ones, to_rational(0), None, w, None))
            values = z
            continue
        hard = {"subtract_before_leak": False, "hard": True}[layer.cell.reset]
        assert layer.cell.gain == "one"
        leak, th = to_rational(layer.cell.leak), to_rational(layer.cell.threshold)
        h = p.get(f"layers.{i}.H")
        v_before = z_before = vector([0] * layer.units)
        vs, zs, psis = [], [], []
        for u in values:
            kept = (1 - z_before) * v_before if hard else v_before - th * z_before
            v = leak * kept + w @ u + b
            if h is not None:
                v = v + h @ z_before
            z = vector([1 if a - th >= 0 else 0 for a in v])
            psis.append(vector([1 / (to_rational(SLOPE) * abs(a - th) + 1) ** 2 for a in v]))
            vs.append(v)
            zs.append(z)
            v_before, z_before = v, z
        out.append(Run(values, vs, zs, psis, leak, th, w, h))
        values = zs
    return out


def same_step_credit(runs, delta):
    """dE^t/dz_l^t by backpropagation within step t, [l][t]; delta: dE^t/do^t."""
    out = [list(delta)]
    for upper in reversed(runs[1:]):
        out.insert(0, [upper.w.T @ (upper.psi[t] * out[0][t]) for t in range(len(delta))])
    return out


def plain(network, p, x, y, layer_rule):
    """Sum over the samples of layer_rule(run of the layer, credit at its output, runs, index) -> {local name: g}."""
    total: dict[str, Any] = {}
    for b in range(x.shape[1]):
        runs = run(network, p, x[:, b])
        credit = same_step_credit(runs, [runs[-1].z[t] - y[t, b] for t in range(len(x))])
        for i, layer in enumerate(runs):
            for name, g in layer_rule(layer, credit[i], runs, i).items():
                key = f"layers.{i}.{name}"
                total[key] = total[key] + g if key in total else g
    return total


def spatial(layer, delta, runs, i):
    """Backpropagation within each step: sum_t g^t (x) x^t."""
    steps = range(len(delta))
    out = {
        "W": sum(np.outer(layer.psi[t] * delta[t], layer.x[t]) for t in steps),
        "b": sum(layer.psi[t] * delta[t] for t in steps),
    }
    if layer.h is not None:
        out["H"] = sum(np.outer(layer.psi[t] * delta[t], layer.z[t - 1]) for t in steps if t)
    return out


def ottt(layer, delta, runs, i):
    """mathematics.md 7.1: traces xh and bh with the leak of the layer."""
    xh, bh, zh = 0 * layer.x[0], to_rational(0), 0 * layer.z[0]
    w: Any = 0
    b: Any = 0
    h: Any = 0
    for t in range(len(delta)):
        xh = layer.leak * xh + layer.x[t]
        bh = layer.leak * bh + 1
        zh = layer.leak * zh + (layer.z[t - 1] if t else 0 * zh)
        g = layer.psi[t] * delta[t]
        w, b, h = w + np.outer(g, xh), b + g * bh, h + np.outer(g, zh)
    return {"W": w, "b": b, **({"H": h} if layer.h is not None else {})}
