"""e-prop by its equations (mathematics.md 6, 12.6), exactly, over the rationals."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from rational_nets import HEAD, LEAKS, PSI, SLOPE, THRESHOLDS, differing, draw, lif, same, vector

from gradcert.properties.numbers import RATIONALS, to_rational
from gradcert.reference import RULES, Edge, GradcertError, Layer, Network, draw_feedback
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks.cells.alif import Alif
from gradcert.reference.networks.cells.integrator import Integrator
from gradcert.reference.networks.cells.lstm import Lstm
from gradcert.reference.procedures import adapted
from gradcert.reference.procedures.adaptive_feedback import readout_of

BETA, RHO, KAPPA = Fraction(1, 4), Fraction(4, 5), Fraction(2, 5)


def network(beta=BETA, kappa=KAPPA, *, recurrent=True):
    cell = Alif(
        leak=LEAKS[0], threshold=THRESHOLDS[0], beta=beta, rho=RHO, surrogate=PSI, strict=False, recurrent=recurrent
    )
    return Network(layers=(Layer(cell, inputs=2, units=3), Layer(Integrator(kappa=kappa), inputs=3, units=2)))


def literal(p, x, y, beta, kappa, *, feedback=None, mutate=""):
    """The equations of mathematics.md 6, entry by entry, one sample at a time."""
    lam, th, rho, beta, kappa = map(to_rational, (LEAKS[0], THRESHOLDS[0], RHO, beta, kappa))
    w, w_o = p["layers.0.W"], p["layers.1.W"]
    h = p.get("layers.0.H", np.zeros((3, 3), dtype=object))
    b = w_o.T if feedback is None else feedback.T
    total: dict[str, Any] = {name: 0 for name in p}
    for sample in range(x.shape[1]):
        v: Any = vector([0] * 3)
        z, k = v, v
        psi = vector([0] * 3)
        o, zbar, ones = vector([0] * 2), vector([0] * 3), to_rational(0)
        traces = {"W": vector([0] * 2), "H": vector([0] * 3), "b": vector([0])}
        epsa: dict[str, Any] = {name: 0 for name in traces}
        filtered: dict[str, Any] = {name: 0 for name in traces}
        for t in range(len(x)):
            before, psi_before, traces_before = z, psi, traces
            v = lam * v - th * z + w @ x[t, sample] + h @ z + p["layers.0.b"]
            k = rho * k + z
            excess = v - th - beta * k
            z = vector([1 if a >= 0 else 0 for a in excess])
            psi = vector([1 / (to_rational(SLOPE) * abs(a) + 1) ** 2 for a in excess])
            fresh = {"W": x[t, sample], "H": z if mutate == "T10" else before, "b": vector([1])}
            decay = kappa if mutate == "T37" else lam
            traces = {n: decay * traces_before[n] + fresh[n] for n in traces}
            o = kappa * o + w_o @ z + p["layers.1.b"]
            zbar, ones = kappa * zbar + z, kappa * ones + 1
            error = o - y[t, sample]
            for n in traces:
                if mutate == "T40":
                    psi_before, traces_before = psi, traces
                keep = vector([rho] * 3) if mutate == "T42" else rho - beta * psi_before
                epsa[n] = np.outer(psi_before, traces_before[n]) + keep[:, None] * epsa[n]
                sign = -1 if mutate == "T41" else 1
                e = psi[:, None] * (traces[n][None, :] - sign * beta * epsa[n])
                filtered[n] = (lam if mutate == "T37" else kappa) * filtered[n] + e
                g = (b @ error)[:, None] * (e if mutate == "T38" else filtered[n])
                key = f"layers.0.{n}"
                if key in total:
                    total[key] = total[key] + (g[:, 0] if n == "b" else g)
            total["layers.1.W"] = total["layers.1.W"] + np.outer(error, zbar)
            total["layers.1.b"] = total["layers.1.b"] + error * ones
    return total


@pytest.mark.parametrize("engine", (forward, reverse))
def test_e_prop_is_its_equations(engine):
    net = network()
    p, x, y = draw(net)
    found = engine.gradients(net, p, x, y, rule=RULES["e-prop"], numbers=RATIONALS)
    assert same(found, literal(p, x, y, BETA, KAPPA))


@pytest.mark.parametrize("trap", ("T10", "T37", "T38", "T40", "T41", "T42"))
def test_changed_equations_are_seen(trap):
    net = network()
    p, x, y = draw(net)
    found = reverse.gradients(net, p, x, y, rule=RULES["e-prop"], numbers=RATIONALS)
    off = differing(found, literal(p, x, y, BETA, KAPPA, mutate=trap))
    assert off and off <= {"layers.0.W", "layers.0.H", "layers.0.b"}


@pytest.mark.parametrize("rule", ("e-prop-random", "e-prop-adaptive"))
@pytest.mark.parametrize("engine", (forward, reverse))
def test_random_feedback_takes_the_place_of_the_readout_weights_alone(rule, engine):
    net = network()
    p, x, y = draw(net)
    b = draw_feedback(net, RULES[rule], seed=3, numbers=RATIONALS)
    found = engine.gradients(net, p, x, y, rule=RULES[rule], numbers=RATIONALS, feedback=b)
    assert same(found, literal(p, x, y, BETA, KAPPA, feedback=b["layers.0.B"]))
    assert differing(found, literal(p, x, y, BETA, KAPPA)) == {"layers.0.W", "layers.0.H", "layers.0.b"}


def test_without_adaptation_filter_and_lateral_weights_it_is_ottt():
    p, x, y = draw(network(0, 0, recurrent=False))
    layers = (Layer(lif(0, reset="subtract_after_leak"), inputs=2, units=3), Layer(HEAD, inputs=3, units=2))
    ottt = reverse.gradients(Network(layers=layers), p, x, y, rule=RULES["ottt"], numbers=RATIONALS)
    assert same(literal(p, x, y, 0, 0), ottt)
    assert differing(literal(p, x, y, BETA, 0), ottt) and differing(literal(p, x, y, 0, KAPPA), ottt)


@pytest.mark.parametrize("hidden", (1, 2))
def test_it_is_the_gradient_of_the_stopped_graph_under_one_hidden_layer_alone(hidden):
    """mathematics.md 6, 12.5: lateral and reset spikes stopped, adaptation live, in every layer of the graph."""
    first = network()
    lower, readout = first.layers
    net = Network(layers=(lower, *[Layer(lower.cell, inputs=3, units=3)] * (hidden - 1), readout))
    p, x, y = draw(net)
    live = frozenset({Edge.STATE, Edge.ADAPTATION})
    stopped = replace(RULES["bptt"], name="stopped", own=live, upper=live)
    a, b = (reverse.gradients(net, p, x, y, rule=r, numbers=RATIONALS) for r in (RULES["e-prop"], stopped))
    assert differing(a, b) == (set() if hidden == 1 else {f"layers.0.{k}" for k in "WHb"})


def test_adaptive_feedback_approaches_the_readout_by_the_decay_whatever_the_gradient_is():
    net, rule = network(), RULES["e-prop-adaptive"]
    p, x, y = draw(net)
    b = draw_feedback(net, rule, seed=3, numbers=RATIONALS)
    rate, decay = to_rational(Fraction(1, 8)), to_rational(Fraction(1, 100))
    gap = p["layers.1.W"] - b["layers.0.B"]
    g = reverse.gradients(net, p, x, y, rule=rule, numbers=RATIONALS, feedback=b)
    after = adapted(net, p, b, g, rate=rate, decay=decay)
    assert (after.parameters["layers.1.W"] - after.feedback["layers.0.B"] == (1 - decay) * gap).all()
    assert (after.parameters["layers.1.W"] == p["layers.1.W"] * (1 - decay) - rate * g["layers.1.W"]).all()
    assert (after.parameters["layers.0.H"] == p["layers.0.H"] - rate * g["layers.0.H"]).all()
    bare = adapted(net, p, b, g, rate=rate, decay=to_rational(0))
    assert (bare.parameters["layers.1.W"] - bare.feedback["layers.0.B"] == gap).all()  # T50


def test_what_adaptive_feedback_follows_is_one_matrix_into_the_last_layer():
    """Whatever feeds the layers below it: four weights do here."""
    lower, readout = network().layers
    gated = Layer(Lstm(), inputs=2, units=3)
    assert readout_of(Network(layers=(gated, readout))) == ("layers.1.W", "layers.0.B")
    assert readout_of(Network(layers=(lower, replace(gated, inputs=3), readout))) == ("layers.2.W", "layers.1.B")
    for layers in ((readout,), (lower, replace(gated, inputs=3)), (gated,)):
        with pytest.raises(GradcertError, match="allowed: a last layer with one input weight"):
            readout_of(Network(layers=layers))


def test_feedback_that_equals_the_readout_is_e_prop():
    net = network()
    p, x, y = draw(net)
    met = {"layers.0.B": p["layers.1.W"]}
    found = forward.gradients(net, p, x, y, rule=RULES["e-prop-adaptive"], numbers=RATIONALS, feedback=met)
    assert same(found, literal(p, x, y, BETA, KAPPA))


@pytest.mark.parametrize("engine", (forward, reverse))
def test_what_is_kept_of_a_readout_is_kept_of_no_hidden_layer(engine):
    """Two hidden layers under a head without memory: that e-prop keeps a leaky readout's state changes nothing."""
    lower = network().layers[0]
    net = Network(layers=(lower, Layer(lower.cell, inputs=3, units=3), Layer(HEAD, inputs=3, units=2)))
    p, x, y = draw(net)
    row = RULES["e-prop"]
    assert row.readout
    found, bare = (
        engine.gradients(net, p, x, y, rule=rule, numbers=RATIONALS)
        for rule in (row, replace(row, readout=frozenset()))
    )
    assert same(found, bare)
