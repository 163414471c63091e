"""SnAp-n (mathematics.md 3, 12.9), exactly, over the rationals; the masked recursion in loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rational_nets import differing, draw, lif, run, same, stack

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import RULES, Layer, Network, rule_named
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks.synapses import Dense

ONE = stack(lif(0, recurrent=True), head=False)


def literal(p, x, y, n, *, shape=None, mutate=""):
    """RTRL with M[unit, row, column] for every parameter of one lateral LIF layer, masked by reach within n steps."""
    w, h, bias = p["layers.0.W"], p["layers.0.H"], p["layers.0.b"]
    units = len(w)
    pattern = np.ones((units, units), dtype=bool) if shape is None else shape
    if mutate == "T91 diagonal of H left out of the pattern and the product":
        pattern = pattern & ~np.eye(units, dtype=bool)
    step = pattern | np.eye(units, dtype=bool)  # the leak and the reset connect a unit to itself
    reach = np.eye(units, dtype=bool)
    for _ in range(n - 1):
        reach = (step.astype(int) @ reach.astype(int)) > 0
    net = Network(layers=(Layer(lif(0, recurrent=True), inputs=len(w[0]), units=units),))
    total: dict[str, Any] = {name: 0 for name in p}
    for sample in range(x.shape[1]):
        (layer,) = run(net, {"layers.0.W": w, "layers.0.H": h, "layers.0.b": bias}, x[:, sample])
        m: dict[str, Any] = {k: 0 for k in "WHb"}
        for t in range(len(x)):
            fresh = {"W": layer.x[t], "H": layer.z[t - 1] if t else 0 * layer.z[0], "b": np.array([1 + 0 * layer.leak])}
            for k in m:
                moved: Any = 0
                if t:
                    jacobian = np.where(pattern, h, 0 * h) * layer.psi[t - 1][None, :]
                    for i in range(units):
                        jacobian[i, i] = jacobian[i, i] + layer.leak * (1 - layer.th * layer.psi[t - 1][i])
                    moved = np.tensordot(jacobian, m[k], axes=1) if t else 0
                d = np.zeros((units, units, len(fresh[k])), dtype=object)
                for i in range(units):
                    d[i, i] = fresh[k]
                mask = reach[:, :, None].astype(int)
                if mutate == "T91 mask from the values" and t:
                    live = (jacobian != 0).astype(int) if n > 1 else np.eye(units, dtype=int)
                    mask = ((live @ np.eye(units, dtype=int)) > 0)[:, :, None].astype(int)
                m[k] = (moved + d) * mask
                g = np.tensordot(layer.psi[t] * (layer.z[t] - y[t, sample]), m[k], axes=1)
                total[f"layers.0.{k}"] = total[f"layers.0.{k}"] + (g[:, 0] if k == "b" else g)
    return total


@pytest.mark.parametrize("engine", (forward, reverse))
@pytest.mark.parametrize("n", (1, 2, 3))
def test_snap_is_the_masked_recursion(engine, n):
    p, x, y = draw(ONE)
    found = engine.gradients(ONE, p, x, y, rule=rule_named(f"snap-{n}"), numbers=RATIONALS)
    assert same(found, literal(p, x, y, n))


def test_snap_1_is_the_recursion_with_the_diagonal_of_j():
    p, x, y = draw(ONE)
    found = reverse.gradients(ONE, p, x, y, rule=RULES["snap-1"], numbers=RATIONALS)
    total: dict[str, Any] = {name: 0 for name in p}
    for sample in range(x.shape[1]):
        (layer,) = run(ONE, p, x[:, sample])
        for unit in range(3):
            m = {"W": 0 * layer.x[0], "H": 0 * layer.z[0], "b": 0 * layer.leak}
            for t in range(len(x)):
                psi = layer.psi[t - 1][unit] if t else 0
                j = layer.leak - layer.leak * layer.th * psi + layer.h[unit, unit] * psi
                m["W"] = j * m["W"] + layer.x[t]
                m["H"] = j * m["H"] + (layer.z[t - 1] if t else 0 * layer.z[0])
                m["b"] = j * m["b"] + 1
                for k, trace in m.items():
                    g = np.zeros_like(p[f"layers.0.{k}"])
                    g[unit] = layer.psi[t][unit] * (layer.z[t][unit] - y[t, sample, unit]) * trace
                    total[f"layers.0.{k}"] = total[f"layers.0.{k}"] + g
    assert same(found, total)


def test_dense_snap_2_is_rtrl_and_snap_1_is_not():
    p, x, y = draw(ONE)
    p["layers.0.H"][0, 1] = 0 * p["layers.0.H"][0, 1]  # a weight of 0 is still a connection: the mask is structure
    rtrl = forward.gradients(ONE, p, x, y, rule=RULES["rtrl"], numbers=RATIONALS)
    assert same(reverse.gradients(ONE, p, x, y, rule=RULES["snap-2"], numbers=RATIONALS), rtrl)
    assert same(literal(p, x, y, 2), rtrl)
    assert differing(literal(p, x, y, 1), rtrl) == set(p)
    assert differing(literal(p, x, y, 2, mutate="T91 mask from the values"), rtrl)


def test_an_absent_connection_is_out_of_reach():
    absent = ((0, 1), (1, 2), (2, 0))
    synapse = Dense(inputs=3, units=3, absent=absent)
    net = Network(layers=(Layer(lif(0, recurrent=True), inputs=2, units=3, synapses=(("H", synapse),)),))
    p, x, y = draw(net)
    shape = np.ones((3, 3), dtype=bool)
    for i, j in absent:
        shape[i, j] = False
        p["layers.0.H"][i, j] = 0 * p["layers.0.H"][i, j]
    rtrl = reverse.gradients(net, p, x, y, rule=RULES["rtrl"], numbers=RATIONALS)
    for n in (1, 2, 3):
        found = reverse.gradients(net, p, x, y, rule=rule_named(f"snap-{n}"), numbers=RATIONALS)
        theirs = literal(p, x, y, n, shape=shape)
        theirs["layers.0.H"] = np.where(shape, theirs["layers.0.H"], 0 * theirs["layers.0.H"])
        assert same(found, theirs)
        assert same(found, rtrl) == (n == 3)  # two lateral steps reach everything


@pytest.mark.parametrize("wrong", ("off by one", "T91 diagonal of H left out of the pattern and the product"))
def test_changed_masks_are_seen(wrong):
    p, x, y = draw(ONE)
    found = reverse.gradients(ONE, p, x, y, rule=RULES["snap-1"], numbers=RATIONALS)
    theirs = literal(p, x, y, 2) if wrong == "off by one" else literal(p, x, y, 1, mutate=wrong)
    assert differing(found, theirs)


def test_the_row_with_the_leak_alone_is_not_snap_1():
    """T94: a trace that forgets H_ii and the reset."""
    p, x, y = draw(ONE)
    found = reverse.gradients(ONE, p, x, y, rule=RULES["snap-1"], numbers=RATIONALS)
    for name in ("rflo", "e-prop"):
        other = reverse.gradients(ONE, p, x, y, rule=RULES[name], numbers=RATIONALS)
        assert differing(found, other) == set(p)
