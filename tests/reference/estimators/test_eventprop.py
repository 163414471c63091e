"""EventProp in discrete time: BPTT with other local derivatives, exactly; the derivative of spike times for dt -> 0."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from rational_nets import HEAD, same

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import RULES, Edge, GradcertError, Layer, Network, Surrogate, Synaptic, Use, record
from gradcert.reference.engines import layer_gradients, sweep
from gradcert.reference.estimators import eventprop

NEURON = Synaptic(
    order="old",
    reset="hard",
    gain="one_minus_leak",
    leak=Fraction(3, 4),
    rho=Fraction(1, 2),
    threshold=Fraction(1, 4),
    reset_value=Fraction(-1, 8),
    surrogate=Surrogate("triangle"),
)


def posed(*layers, sizes, steps=7, seed=0):
    network = Network(
        layers=tuple(Layer(c, inputs=a, units=b) for c, a, b in zip(layers, sizes, sizes[1:], strict=False))
    )
    rng = np.random.default_rng(seed)

    def grid(shape, start=0):
        return RATIONALS.array(rng.integers(start - 4, start + 8, size=shape) / 4)

    p = {name: grid(shape) for name, shape in network.shapes().items()}
    return network, p, grid((steps, 2, sizes[0]), 2), grid((steps, 2, sizes[-1]))


def test_it_is_the_sweep_of_bptt_with_other_local_derivatives():
    network, p, x, y = posed(NEURON, NEURON, HEAD, sizes=(2, 3, 2, 2))
    dt = Fraction(1, 2)
    found = eventprop.gradients(network, p, x, y, numbers=RATIONALS, dt=0.5)
    tape = record(network, p, x, numbers=RATIONALS)
    delta = network.loss.gradient(tape.outputs, y, RATIONALS)
    assert all(0 < layer.now["z"].sum() < layer.now["z"].size for layer in tape.layers[:2])
    want = {}
    for i in (2, 1, 0):
        layer = tape.layers[i]
        if i < 2:
            layer = with_other_factors(layer, dt)
        adjoints = sweep(layer, delta, RULES["bptt"].own)
        want |= {f"layers.{i}.{k}": g for k, g in layer_gradients(layer, adjoints).items()}
        delta = np.matmul(adjoints["a"], p[f"layers.{i}.W"])
    assert same(found, want) and all(g.any() for g in found.values())
    inside = eventprop.gradients(network, p, x, y, numbers=RATIONALS, dt=0.5, weights="inside")
    assert not same(inside, found)


def with_other_factors(layer, dt):
    """Return a layer's tape: z/dv- for psi, a gate of slopes, no reset, 1 - rho from the current."""
    links = {(k.source, k.target): k for k in layer.layer.cell.links}
    before, after = eventprop.slopes_of(layer)
    z, leak, rho = layer.now["z"], layer.p["leak"], layer.p["rho"]
    quotient = np.where(z == 1, after / np.where(z == 1, before, 1 + 0 * before), 0 * before)
    gate = leak * (1 - z + quotient)
    gate = np.concatenate([0 * gate[:1], gate[:-1]])  # of the step before
    psi = z * RATIONALS.array(dt) / ((1 - leak) * np.where(z == 1, before, 1 + 0 * before))
    factors = {
        links["v", "z"]: psi,
        links["v", "v"]: gate,
        links["z", "v"]: 0 * psi,
        links["i", "v"]: 1 - rho + 0 * psi,
        links["i", "i"]: rho + 0 * psi,
        links["a", "i"]: 1 + 0 * psi,
    }
    assert links["z", "v"].edge is Edge.RESET
    return replace(layer, factors={**factors, Use("a", "b"): 1})


@pytest.mark.parametrize("tau_s", [1.0, 2.5])
def test_for_small_steps_it_is_the_derivative_of_the_spike_time(tau_s):
    """One input of weight w at time 0, tau_m = 1.5: dt1/dw = -(v/w)/v'(t1), up to the factor -tau_m/tau_s.

    A spike is found up to a step late, so that v and its slope are off by what they change in dt: the error is of first
    order. With a sixteenth of the step it has to be an eighth or less.
    """
    tau_m, w, threshold, errors = 1.5, 3.0, 0.4, []
    for dt in (2.0**-7, 2.0**-11):
        cell = replace(
            NEURON, leak=1 - dt / tau_m, rho=1 - dt / tau_s, threshold=threshold, reset_value=0.0, bias=False
        )
        network = Network(layers=(Layer(cell, inputs=1, units=1),))
        x = np.zeros((int(1.0 / dt), 1, 1))
        x[0] = 1.0
        layer = record(network, {"layers.0.W": np.array([[w]])}, x).layers[0]
        (first, *_) = np.flatnonzero(layer.now["z"][:, 0, 0])
        delta = np.zeros_like(x)
        delta[first] = 1.0
        _, late = eventprop.adjoint(layer, delta, dt)
        t1 = spike_time(w, tau_m, tau_s, threshold)
        v = potential(t1, w, tau_m, tau_s)
        slope = (w * np.exp(-t1 / tau_s) - v) / tau_m
        wanted = -(tau_m / tau_s) * (-(v / w) / slope)
        errors.append(abs(float((late * x).sum()) / wanted - 1))
    assert errors[1] <= errors[0] / 8 and errors[0] < 0.1


def potential(t, w, tau_m, tau_s):
    """Return v(t) of tau_m v' = -v + w exp(-t/tau_s) from rest."""
    return w * tau_s / (tau_s - tau_m) * (np.exp(-t / tau_s) - np.exp(-t / tau_m))


def spike_time(w, tau_m, tau_s, threshold):
    """Return the first time at which v reaches the threshold, by bisection on its rising part."""
    low, high = 0.0, tau_m * tau_s / (tau_s - tau_m) * np.log(tau_s / tau_m)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if potential(middle, w, tau_m, tau_s) < threshold else (low, middle)
    return high


@pytest.mark.parametrize("change", [{"order": "new"}, {"reset": "none"}, {"gain": "one"}, {"recurrent": True}])
def test_other_neurons_are_refused(change):
    network, p, x, y = posed(replace(NEURON, **change), sizes=(2, 2))
    with pytest.raises(GradcertError, match="eventprop with"):
        eventprop.gradients(network, p, x, y, numbers=RATIONALS)
