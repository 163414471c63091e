"""Equalities of mathematics.md 12 that need the table alone; the formulas are written out, not called."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from budget import worst
from networks import problem

from gradcert.reference import RULES, Layer, Lif, Network, Snu, record
from gradcert.reference.engines import reverse


@pytest.mark.parametrize("name", ("snu", "snu-triangle", "ssnu", "lif-before", "lif-hard", "rnn"))
def test_ostl_is_bptt_on_one_recurrent_layer(name):
    network, p, x, y = problem(name, 1, seed=2)
    b = reverse.gradients(network, p, x, y, rule=RULES["bptt"])
    o = reverse.gradients(network, p, x, y, rule=RULES["ostl"])
    assert worst(network, p, x, y, RULES["bptt"], None, o, b) <= 1


def test_ostl_is_not_bptt_on_two_layers():
    network, p, x, y = problem("snu", 2, seed=2)
    b = reverse.gradients(network, p, x, y, rule=RULES["bptt"])
    o = reverse.gradients(network, p, x, y, rule=RULES["ostl"])
    assert worst(network, p, x, y, RULES["bptt"], None, o, b) > 1e6


def _one_step_jacobians(tape, p):
    """J of mathematics.md 4.1 as matrices, [t][b], from the recorded values and the weights alone."""
    cell, now, prev = tape.layer.cell, tape.now, tape.prev
    leak, h = p["leak"], p["H"]
    g = 1 - np.tanh(now["a"]) ** 2
    psi_before = 1 - np.tanh(prev["v"] - p["threshold"]) ** 2
    assert cell.transfer == "tanh" and cell.surrogate.name == "tanh"
    steps, batch, n = now["v"].shape
    out = np.zeros((steps, batch, n, n))
    for t in range(1, steps):
        for b in range(batch):
            for i in range(n):
                for j in range(n):
                    out[t, b, i, j] = g[t, b, i] * h[i, j] * psi_before[t, b, j]
                gate = leak[i] * (1 - prev["z"][t, b, i]) - leak[i] * prev["v"][t, b, i] * psi_before[t, b, i]
                out[t, b, i, i] += g[t, b, i] * gate
    return out, g


def test_ostl_plus_the_printed_residual_is_bptt_on_two_layers():
    """mathematics.md 4.3, written as the double sum over s < t with products of Jacobians."""
    network, p, x, y = problem("snu", 2, seed=4)
    tape = record(network, p, x)
    lower, upper = tape.layers
    local = [{k.split(".")[2]: v for k, v in p.items() if k.startswith(f"layers.{i}.")} for i in (0, 1)]
    j1, g1 = _one_step_jacobians(lower, local[0])
    j2, g2 = _one_step_jacobians(upper, local[1])
    psi1 = 1 - np.tanh(lower.now["v"] - local[0]["threshold"]) ** 2
    psi2 = 1 - np.tanh(upper.now["v"] - local[1]["threshold"]) ** 2
    delta = tape.outputs - y
    steps, batch, n1 = lower.now["v"].shape
    residual = np.zeros_like(p["layers.0.W"])
    for b in range(batch):
        eps = np.zeros((n1, n1, x.shape[2]))
        for s in range(steps):
            eps = np.einsum("ij,jkl->ikl", j1[s, b], eps)
            for i in range(n1):
                eps[i, i] += g1[s, b, i] * x[s, b]
            signal = np.zeros(n1)
            for t in range(s + 1, steps):
                credit = psi2[t, b] * delta[t, b]
                for r in range(t, s, -1):
                    credit = j2[r, b].T @ credit
                signal += local[1]["W"].T @ (g2[s, b] * credit)
            residual += np.einsum("i,ikl->kl", signal * psi1[s, b], eps)
    bptt = reverse.gradients(network, p, x, y, rule=RULES["bptt"])
    ostl = reverse.gradients(network, p, x, y, rule=RULES["ostl"])
    key = "layers.0.W"
    both = {**bptt, key: ostl[key] + residual}
    assert worst(network, p, x, y, RULES["bptt"], None, both, bptt) <= 1
    assert np.linalg.norm(residual) > 0.01 * np.linalg.norm(bptt[key])


def test_ottt_is_bptt_with_detached_reset_on_one_layer():
    network, p, x, y = problem("lif-ff", 1, seed=2)
    detached, whole = RULES["bptt-detached-reset"], RULES["bptt"]
    o = reverse.gradients(network, p, x, y, rule=RULES["ottt"])
    assert worst(network, p, x, y, detached, None, o, reverse.gradients(network, p, x, y, rule=detached)) <= 1
    assert worst(network, p, x, y, whole, None, o, reverse.gradients(network, p, x, y, rule=whole)) > 1e6


def test_ottt_as_its_authors_write_it():
    """mathematics.md 7.1: g^t (x) xh^t with xh^t = leak xh^(t-1) + x^t, bias with its own trace."""
    network, p, x, y = problem("lif-ff", 2, seed=6)
    tape = record(network, p, x)
    sizes = [t.layer.units for t in tape.layers]
    got = {}
    delta = tape.outputs - y
    for i in (1, 0):
        t, leak = tape.layers[i], tape.layers[i].layer.cell.leak
        s = 1 / (1 + np.exp(-4 * (t.now["v"] - 0.35)))
        g = 4 * s * (1 - s) * delta
        trace, ones, w, b = np.zeros(t.x.shape[1:]), 0.0, 0.0, np.zeros(sizes[i])
        for step in range(len(x)):
            trace, ones = leak * trace + t.x[step], leak * ones + 1
            w = w + np.einsum("bi,bj->ij", g[step], trace)
            b = b + ones * g[step].sum(0)
        got[f"layers.{i}.W"], got[f"layers.{i}.b"] = w, b
        delta = g @ p[f"layers.{i}.W"]
    o = reverse.gradients(network, p, x, y, rule=RULES["ottt"])
    assert worst(network, p, x, y, RULES["ottt"], None, got, o) <= 1


def test_sltt_is_ottt_with_no_trace():
    """mathematics.md 12.4: the leak of the trace set to 0 while the forward pass keeps its own."""
    network, p, x, y = problem("lif-ff", 3, seed=7)
    tape = record(network, p, x)
    delta, got = tape.outputs - y, {}
    for i in (2, 1, 0):
        t = tape.layers[i]
        s = 1 / (1 + np.exp(-4 * (t.now["v"] - 0.35)))
        g = 4 * s * (1 - s) * delta
        got[f"layers.{i}.W"], got[f"layers.{i}.b"] = np.einsum("tbi,tbj->ij", g, t.x), g.sum((0, 1))
        delta = g @ p[f"layers.{i}.W"]
    s = reverse.gradients(network, p, x, y, rule=RULES["sltt"])
    assert worst(network, p, x, y, RULES["sltt"], None, got, s) <= 1


def test_at_one_step_every_symmetric_rule_is_backpropagation():
    network, p, x, y = problem("snu", 3, seed=8, steps=1)
    want = reverse.gradients(network, p, x, y, rule=RULES["bptt"])
    for rule in RULES.values():
        if rule.feedback == "symmetric":
            got = reverse.gradients(network, p, x, y, rule=rule)
            assert worst(network, p, x, y, RULES["bptt"], None, got, want) <= 1, rule.name


def test_a_window_of_the_whole_sequence_is_bptt_by_another_order_of_summation():
    network, p, x, y = problem("snu", 3, seed=9)
    b = reverse.gradients(network, p, x, y, rule=RULES["bptt"])
    w = reverse.gradients(network, p, x, y, rule=replace(RULES["tbptt"], window=len(x)))
    assert worst(network, p, x, y, RULES["bptt"], None, w, b) <= 1
    short = reverse.gradients(network, p, x, y, rule=replace(RULES["tbptt"], window=3))
    assert worst(network, p, x, y, RULES["bptt"], None, short, b) > 1e6


def test_snap_reaches_rtrl_at_the_diameter():
    """mathematics.md 12.9: dense lateral weights have diameter 2."""
    network, p, x, y = problem("snu", 1, seed=10)
    want = reverse.gradients(network, p, x, y, rule=RULES["rtrl"])
    two = reverse.gradients(network, p, x, y, rule=RULES["snap-2"])
    one = reverse.gradients(network, p, x, y, rule=RULES["snap-1"])
    assert worst(network, p, x, y, RULES["rtrl"], None, two, want) <= 1
    assert worst(network, p, x, y, RULES["rtrl"], None, one, want) > 1e6


def test_snap_1_is_the_recursion_with_the_diagonal_of_the_jacobian():
    """mathematics.md 12.9: m^t = diag(J^t) m^(t-1) + d^t, which keeps H_ii and the reset."""
    network, p, x, y = problem("snu", 1, seed=11)
    tape = record(network, p, x).layers[0]
    local = {k.split(".")[2]: v for k, v in p.items()}
    j, g = _one_step_jacobians(tape, local)
    psi = 1 - np.tanh(tape.now["v"] - local["threshold"]) ** 2
    got = np.zeros_like(p["layers.0.W"])
    m = np.zeros((x.shape[1], *got.shape))
    for t in range(len(x)):
        m = np.einsum("bii->bi", j[t])[:, :, None] * m + g[t][:, :, None] * x[t][:, None, :]
        got += ((psi[t] * (tape.now["z"][t] - y[t]))[:, :, None] * m).sum(0)
    want = reverse.gradients(network, p, x, y, rule=RULES["snap-1"])
    assert worst(network, p, x, y, RULES["snap-1"], None, {**want, "layers.0.W": got}, want) <= 1


def test_silent_steps_after_the_last_loss_change_nothing():
    """mathematics.md 12.18, first half."""
    network, p, x, y = problem("snu", 1, seed=12)
    rule = RULES["bptt"]
    want = reverse.gradients(network, p, x, y, rule=rule)
    padded_x = np.concatenate([x, 0 * x[:2]])
    outputs = record(network, p, padded_x).outputs
    padded_y = np.concatenate([y, outputs[len(x) :]])  # no loss there
    got = reverse.gradients(network, p, padded_x, padded_y, rule=rule)
    assert worst(network, p, x, y, rule, None, got, want) <= 1


def test_validation_names_what_is_wrong():
    network = Network(layers=(Layer(Snu(), inputs=2, units=3),))
    with pytest.raises(ValueError, match=r"layers\.0\.H of shape \(2, 2\)"):
        p = {**network.parameters(), "layers.0.H": np.zeros((2, 2))}
        reverse.gradients(network, p, np.ones((2, 1, 2)), np.ones((2, 1, 3)), rule=RULES["bptt"])
    with pytest.raises(ValueError, match="inputs with NaN"):
        x = np.full((2, 1, 2), np.nan)
        reverse.gradients(network, network.parameters(), x, np.ones((2, 1, 3)), rule=RULES["bptt"])
    with pytest.raises(ValueError, match="leak=2"):
        Lif(leak=2.0)
