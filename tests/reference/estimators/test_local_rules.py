"""NDOT, OPZO, ETLP, TESS and DECOLLE against their equations (mathematics.md 7.4 and 10), over the rationals."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from mutants import mutant
from rational_nets import differing, draw, lif, ottt, plain, run, same, stack

from gradcert.properties.numbers import RATIONALS, to_rational
from gradcert.reference import RULES, draw_feedback
from gradcert.reference.engines import forward, reverse
from gradcert.reference.estimators import etlp, ndot, opzo, tess

DEEP = stack(lif(0), lif(1))
LATERAL = stack(lif(0, recurrent=True), lif(1))
B = "layers.{}.B"


def matrices(network, seed=11):
    return draw_feedback(network, RULES["decolle"], seed=seed, numbers=RATIONALS)


# --- NDOT -----------------------------------------------------------------------------------------------------------


def ndot_rule(layer, delta, runs, i):
    """ratio of the layer below, clamped to its leak; the input of the stack decays with the layer's own leak."""
    below = runs[i - 1] if i else None
    xh, bh = 0 * layer.x[0], 0 * layer.leak
    w: Any = 0
    b: Any = 0
    for t in range(len(delta)):
        if i == len(runs) - 1:
            xh, bh = layer.x[t], 1
        else:
            if below is None:
                ratio = layer.leak
            elif t == 0:
                ratio = 0 * layer.leak
            else:
                ratio = []
                for v, z, v0, z0 in zip(below.v[t - 1], below.z[t - 1], *before(below, t - 1), strict=True):
                    under = v0 - below.th * z0
                    r = (v - below.th * z) / under if under != 0 else below.leak
                    ratio.append(max(-below.leak, min(below.leak, r)))
                ratio = np.array(ratio, dtype=object)
            xh, bh = ratio * xh + layer.x[t], layer.leak * bh + 1
        g = layer.psi[t] * delta[t]
        w, b = w + np.outer(g, xh), b + g * bh
    return {"W": w, "b": b}


def before(layer, t):
    return (layer.v[t - 1], layer.z[t - 1]) if t else (0 * layer.v[0], 0 * layer.z[0])


def test_ndot_is_its_equations_and_not_ottt():
    p, x, y = draw(DEEP)
    found = ndot.gradients(DEEP, p, x, y, numbers=RATIONALS)
    assert same(found, plain(DEEP, p, x, y, ndot_rule))
    assert differing(found, plain(DEEP, p, x, y, ottt)) == {"layers.1.W"}


def test_ratios_are_clamped_on_both_sides_and_some_are_not():
    p, x, _ = draw(DEEP)
    values = []
    for sample in range(x.shape[1]):
        layer = run(DEEP, p, x[:, sample])[0]
        for t in range(1, len(x)):
            for v, z, v0, z0 in zip(layer.v[t], layer.z[t], layer.v[t - 1], layer.z[t - 1], strict=True):
                values.append((v - layer.th * z) / (v0 - layer.th * z0))
    leak = to_rational(Fraction(3, 4))
    assert any(r > leak for r in values) and any(r < -leak for r in values) and any(abs(r) < leak for r in values)


@pytest.mark.parametrize(
    "change",
    (
        ('numbers.where(ratio, ">", leak, leak, ratio)', "ratio"),  # T73: no clamp from above
        ('numbers.where(top, "<", -leak, -leak, top)', "top"),  # T73: no clamp from below
        ("ratios(below, numbers)", "ratios(layer, numbers)[:, :, [0, 1, 2]]"),  # T73: the wrong layer
        ("ratio[t - 1] * trace", "ratio[t] * trace"),
    ),
)
def test_changed_ratios_are_seen(change):
    p, x, y = draw(DEEP)
    wrong = mutant("gradcert.reference.estimators.ndot", change)
    assert not same(wrong.gradients(DEEP, p, x, y, numbers=RATIONALS), plain(DEEP, p, x, y, ndot_rule))


def test_a_membrane_at_rest_has_the_leak_as_its_ratio():
    """T73: 0 / 0 without input and bias."""
    p, x, y = draw(DEEP)
    x = 0 * x
    p = {k: 0 * v if k == "layers.0.b" else v for k, v in p.items()}
    found = ndot.gradients(DEEP, p, x, y, numbers=RATIONALS)
    assert same(found, plain(DEEP, p, x, y, ndot_rule))
    bare = mutant("gradcert.reference.estimators.ndot", ("(before + silent)", "before"))
    with pytest.raises(ZeroDivisionError):
        bare.gradients(DEEP, p, x, y, numbers=RATIONALS)


# --- OPZO -----------------------------------------------------------------------------------------------------------


def every_sign(units, steps):
    """All patterns of one step as samples of a batch, the same pattern at every step."""
    patterns = np.array(list(product((-1, 1), repeat=units)))
    return [np.broadcast_to(patterns, (steps, *patterns.shape))]


def test_the_mean_of_the_feedback_under_a_linear_head_is_its_weight():
    network = stack(lif(0))
    p, x, _ = draw(network, steps=3, batch=1)
    x = np.repeat(x, 8, axis=1)
    options = {"signs": every_sign(3, 3), "alpha": Fraction(1, 7), "numbers": RATIONALS}
    only_last = opzo.estimate_feedback(network, p, x, momentum=0, **options)
    assert (only_last["layers.0.B"] == p["layers.1.W"]).all()
    mu = to_rational(Fraction(1, 3))
    blend = opzo.estimate_feedback(network, p, x, momentum=mu, start=matrices(network), **options)
    start = matrices(network)["layers.0.B"]
    assert (blend["layers.0.B"] == mu**3 * start + (1 - mu**3) * p["layers.1.W"]).all()


@pytest.mark.parametrize(
    "change",
    (
        ("(batch * numbers.array(alpha))", "batch"),
        ("numbers.array(momentum) * b + (1 - numbers.array(momentum)) * product", "product + b"),
        ("numbers.array(alpha) * numbers.array(signs[i])", "numbers.array(alpha) * abs(numbers.array(signs[i]))"),
    ),
)
def test_changed_estimates_are_seen(change):
    """T81: the estimate of now in place of the decayed one, among others."""
    wrong = mutant("gradcert.reference.estimators.opzo", change)
    network = stack(lif(0))
    p, x, _ = draw(network, steps=3, batch=1)
    options = {"signs": every_sign(3, 3), "alpha": Fraction(1, 7), "numbers": RATIONALS, "momentum": Fraction(1, 3)}
    found = wrong.estimate_feedback(network, p, np.repeat(x, 8, axis=1), start=matrices(network), **options)
    mu = to_rational(Fraction(1, 3))
    right = mu**3 * matrices(network)["layers.0.B"] + (1 - mu**3) * p["layers.1.W"]
    assert (found["layers.0.B"] != right).any()


def test_with_the_weights_as_feedback_opzo_is_ottt_on_one_hidden_layer():
    network = stack(lif(0, recurrent=True))
    p, x, y = draw(network)
    given = {"layers.0.B": p["layers.1.W"]}
    found = opzo.gradients(network, p, x, y, numbers=RATIONALS, feedback=given)
    assert same(found, plain(network, p, x, y, ottt))


def test_opzo_draws_feedback_from_its_generator():
    p, x, y = draw(DEEP)
    a, b, c = (opzo.gradients(DEEP, p, x, y, numbers=RATIONALS, rng=np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert same(a, b)
    assert differing(a, c) == {"layers.0.W", "layers.0.b", "layers.1.W", "layers.1.b"}


# --- ETLP -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", (DEEP, LATERAL))
def test_etlp_is_its_equations(network):
    p, x, y = draw(network)
    events = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0]])
    b = matrices(network)
    total: dict[str, Any] = {name: 0 for name in p}
    for sample in range(x.shape[1]):
        runs = run(network, p, x[:, sample])
        for i, layer in enumerate(runs):
            last = i == len(runs) - 1
            for t in range(len(x)):
                signal = layer.z[t] - y[t, sample] if last else y[t, sample] @ b[B.format(i)]
                g = events[t, sample] * layer.psi[t] * signal
                past = range(t, t + 1) if last else range(t + 1)
                total[f"layers.{i}.W"] += sum(np.outer(g * layer.leak ** (t - k), layer.x[k]) for k in past)
                total[f"layers.{i}.b"] = total[f"layers.{i}.b"] + sum(g * layer.leak ** (t - k) for k in past)
                if layer.h is not None:
                    before_t = [np.outer(g * layer.leak ** (t - 1 - k), layer.z[k]) for k in range(t)]
                    total[f"layers.{i}.H"] = total[f"layers.{i}.H"] + sum(before_t)
    found = etlp.gradients(network, p, x, y, numbers=RATIONALS, feedback=b, events=events)
    assert same(found, total)
    assert differing(found, etlp.gradients(network, p, x, y, numbers=RATIONALS, feedback=b, events=0 * events + 1))


def test_etlp_is_silent_without_events_and_draws_them_at_its_rate():
    p, x, y = draw(DEEP)
    options = {"numbers": RATIONALS, "feedback": matrices(DEEP)}
    none = etlp.gradients(DEEP, p, x, y, rate=0.0, rng=np.random.default_rng(0), **options)
    assert all((g == 0).all() for g in none.values())
    every = etlp.gradients(DEEP, p, x, y, rate=1.0, rng=np.random.default_rng(0), **options)
    assert same(every, etlp.gradients(DEEP, p, x, y, events=np.ones((5, 2), dtype=int), **options))


# --- TESS and DECOLLE -----------------------------------------------------------------------------------------------


def test_tess_is_s_tllr_with_a_local_loss():
    p, x, y = draw(LATERAL)
    lq, lp, a_post, a_pre = map(to_rational, (Fraction(1, 3), Fraction(3, 5), Fraction(-1, 5), Fraction(7, 6)))
    total: dict[str, Any] = {name: 0 for name in p}
    for sample in range(x.shape[1]):
        runs = run(LATERAL, p, x[:, sample])
        for i, layer in enumerate(runs[:2]):
            n = len(layer.z[0])
            s = np.array([[np.sign(np.sin((k + 1) * 2 * np.pi * (j + 0.5) / n)) for j in range(n)] for k in range(2)])
            s = np.where(np.abs(np.sin(np.outer((1, 2), 2 * np.pi * (np.arange(n) + 0.5) / n))) < 1e-9, 0, s)
            s = RATIONALS.array(s) / n
            for t in range(len(x)):
                m = s.T @ (s @ layer.z[t] - y[t, sample])
                post = sum(lq ** (t - k) * layer.psi[k] for k in range(t))
                for name, source in (("W", layer.x), ("H", [0 * layer.z[0], *layer.z[:-1]])):
                    if name == "H" and layer.h is None:
                        continue
                    causal = sum(lp ** (t - k) * source[k] for k in range(t + 1))
                    g = np.outer(m * a_pre * layer.psi[t], causal) + np.outer(m * a_post * post, source[t])
                    total[f"layers.{i}.{name}"] = total[f"layers.{i}.{name}"] + g
                total[f"layers.{i}.b"] = total[f"layers.{i}.b"] + m * layer.psi[t]
        for t in range(len(x)):
            error = runs[2].z[t] - y[t, sample]
            total["layers.2.W"] = total["layers.2.W"] + np.outer(error, runs[2].x[t])
            total["layers.2.b"] = total["layers.2.b"] + error
    options: dict[str, Any] = {"lq": lq, "lp": lp, "a_post": a_post, "a_pre": a_pre}
    assert same(tess.gradients(LATERAL, p, x, y, numbers=RATIONALS, **options), total)


@pytest.mark.parametrize("engine", (forward, reverse))
@pytest.mark.parametrize("network", (DEEP, LATERAL))
def test_decolle_is_ottts_trace_with_a_local_loss(engine, network):
    p, x, y = draw(network)
    readouts = matrices(network)
    total: dict[str, Any] = {name: 0 for name in p}
    for sample in range(x.shape[1]):
        runs = run(network, p, x[:, sample])
        for i, layer in enumerate(runs):
            g = readouts[B.format(i)] if i < len(runs) - 1 else np.eye(2, dtype=int)
            delta = [g.T @ (g @ z - y[t, sample]) for t, z in enumerate(layer.z)]
            for name, value in ottt(layer, delta, runs, i).items():
                total[f"layers.{i}.{name}"] = total[f"layers.{i}.{name}"] + value
    found = engine.gradients(network, p, x, y, rule=RULES["decolle"], numbers=RATIONALS, feedback=readouts)
    assert same(found, total)


@pytest.mark.parametrize("engine", (forward, reverse))
def test_nothing_passes_between_the_layers_of_decolle(engine):
    """T78: the gradient of a layer does not change with the layers above it, nor with their readouts."""
    p, x, y = draw(DEEP)
    readouts = matrices(DEEP)
    other = {k: v if k.startswith("layers.0") else 2 * v for k, v in p.items()}
    a = engine.gradients(DEEP, p, x, y, rule=RULES["decolle"], numbers=RATIONALS, feedback=readouts)
    b = engine.gradients(
        DEEP,
        other,
        x,
        y,
        rule=RULES["decolle"],
        numbers=RATIONALS,
        feedback={**readouts, "layers.1.B": readouts["layers.1.B"] * 3},
    )
    assert differing(a, b) == {"layers.1.W", "layers.1.b", "layers.2.W", "layers.2.b"}
