"""Presets against the libraries that they describe, in float64, inside ball arithmetic of 42 bits.

Every inexact operation of the engine widens its ball by up to 2^-42, or 2048 roundings of float64; the libraries' steps
differ from ours by a handful (v - v / tau for leak v). Their spikes have to be ours, their gradients inside the balls.
"""

import math
from dataclasses import replace
from inspect import signature

import numpy as np
import pytest
import torch
from balls import BALLS, BITS, agree, each, precision, size
from flint import arb

from gradcert.reference import RULES, GradcertError, Layer, Loss, Network, Surrogate, record
from gradcert.reference.engines import forward, reverse
from gradcert.reference.engines.majorant import gamma
from gradcert.reference.networks.presets import (
    PRESETS,
    alif_e_prop,
    alif_light,
    alif_yin,
    at_rest,
    norse_lif_box,
    ottt,
    sltt,
    snntorch_leaky,
    spikingjelly_lif,
)

COARSE = 42
NARROW = 1e-6
STEPS, BATCH, SIZES = 7, 3, (4, 3, 5)


def network(*presets):
    """Return one layer per preset."""
    sizes = zip(presets, SIZES, SIZES[1:], strict=False)
    return Network(layers=tuple(Layer(preset.cell, inputs=a, units=b) for preset, a, b in sizes))


def data(net, seed=0):
    """Draw parameters and inputs with which every layer spikes, now and then."""
    for attempt in range(200):
        rng = np.random.default_rng([seed, attempt])
        p = net.parameters(seed=attempt, scale=2.5)
        x = rng.standard_normal((STEPS, BATCH, SIZES[0])) + 0.5
        y = rng.standard_normal((STEPS, BATCH, net.layers[-1].units))
        rates = [layer.now["z"].mean() for layer in record(net, p, x, initial=at_rest(net, BATCH)).layers]
        if all(0.15 < rate < 0.85 for rate in rates):
            return p, x, y
    raise AssertionError("no spiking parameters found")


def enclosure(net, p, x, y, rule):
    """Return outputs and gradients of the engine as balls."""
    with precision(COARSE):
        p = {k: BALLS.array(v) for k, v in p.items()}
        x, y, initial = BALLS.array(x), BALLS.array(y), at_rest(net, BATCH, numbers=BALLS)
        grads = reverse.gradients(net, p, x, y, rule=RULES[rule], numbers=BALLS, initial=initial)
        return record(net, p, x, numbers=BALLS, initial=initial).outputs, grads


def outside(balls, values):
    """Return the parameters of which some entry does not lie in its ball."""
    with precision(BITS):
        wrong = set()
        for name, ball in balls.items():
            ball = each(lambda b: b, ball)
            assert 0 < max(float(b.rad()) for b in ball.ravel()) < NARROW * size(ball), name
            inside = [b.contains(arb(float(v))) for b, v in zip(ball.ravel(), values[name].ravel(), strict=True)]
            wrong |= set() if all(inside) else {name}
        return wrong


def differentiate(net, p, x, y, neurons):
    """Run linear maps and neurons, (layer, current, p) -> spikes, over time; return outputs and gradients."""
    tensors = {k: torch.tensor(v, requires_grad=True) for k, v in p.items()}
    outputs = []
    for current in torch.tensor(x):
        for i in range(net.depth):
            local = {k.split(".")[2]: v for k, v in tensors.items() if k.startswith(f"layers.{i}.")}
            current = neurons[i](torch.nn.functional.linear(current, local["W"], local["b"]), local)
        outputs.append(current)
    outputs = torch.stack(outputs)
    (((outputs - torch.tensor(y)) ** 2).sum() / 2).backward()
    return outputs.detach().numpy(), {k: v.grad.numpy() for k, v in tensors.items()}


def compare(preset, make, true=None):
    """Return what differs between two layers of a preset and of a library's neuron: "spikes", or parameters.

    Data are drawn for the `true` preset where the one given is wrong on purpose.
    """
    net = network(preset, preset)
    p, x, y = data(network(true or preset, true or preset))
    ours, grads = enclosure(net, p, x, y, preset.rule)
    theirs, gradients = differentiate(net, p, x, y, [make(layer) for layer in net.layers])
    return outside(grads, gradients) if (ours.astype(float) == theirs).all() else {"spikes"}


# -------------------------------------------------------------------------------------------------------- snnTorch


class Atan(torch.autograd.Function):
    """The library's atan keeps no float64: spikes are float32 whatever goes in. This one does."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / (1 + (torch.pi * x) ** 2)


def snntorch_neuron(recurrent, reset_mechanism):
    snntorch = pytest.importorskip("snntorch")

    def make(layer):
        beta, threshold = (torch.tensor(v, dtype=torch.float64) for v in (layer.cell.leak, layer.cell.threshold))
        options = {"threshold": threshold, "spike_grad": Atan.apply, "reset_mechanism": reset_mechanism}
        state = [torch.zeros(BATCH, layer.units, dtype=torch.float64)] * (2 if recurrent else 1)
        if recurrent:
            neuron = snntorch.RLeaky(beta, linear_features=layer.units, **options)
        else:
            neuron = snntorch.Leaky(beta, **options)
        snntorch.SpikingNeuron.init()

        def step(current, p):
            if recurrent:
                del neuron.recurrent
                neuron.recurrent = lambda spikes: torch.nn.functional.linear(spikes, p["H"])
            state[:] = neuron(current, *state)
            return state[0]

        if recurrent:
            return step

        def feed_forward(current, p):
            spikes, state[0] = neuron(current, state[0])
            return spikes

        return feed_forward

    return make


@pytest.mark.parametrize("recurrent", [False, True], ids=["Leaky", "RLeaky"])
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
def test_snntorch(reset, recurrent):
    preset = snntorch_leaky(beta=0.8, threshold=1.1, reset_mechanism=reset, recurrent=recurrent)
    assert compare(preset, snntorch_neuron(recurrent, reset)) == set()


@pytest.mark.parametrize(
    "wrong", [{"rule": "bptt"}, {"gain": "one_minus_leak"}, {"reset": "subtract_before_leak"}], ids=str
)
def test_snntorch_is_nothing_else(wrong):
    wrong = dict(wrong)
    preset = snntorch_leaky(beta=0.8, threshold=1.1)
    rule = wrong.pop("rule", preset.rule)
    wrong = replace(preset, cell=replace(preset.cell, **wrong), rule=rule)
    assert compare(wrong, snntorch_neuron(False, "subtract"), preset) != set()


# ---------------------------------------------------------------------------------------------------- SpikingJelly


def spikingjelly_node(kind="LIFNode", **options):
    based = pytest.importorskip("spikingjelly.activation_based")
    from spikingjelly.activation_based import neuron, surrogate

    assert based is not None

    def make(layer):
        cell = layer.cell
        node = getattr(neuron, kind)(
            1 / (1 - cell.leak), v_threshold=cell.threshold, surrogate_function=surrogate.Sigmoid(4.0), **options
        )
        return lambda current, _: node(current)

    return make


@pytest.mark.parametrize("decay_input", [True, False])
@pytest.mark.parametrize("detach_reset", [True, False])
@pytest.mark.parametrize("v_reset", [0.0, None, -0.25])
def test_spikingjelly(v_reset, detach_reset, decay_input):
    options = {"v_reset": v_reset, "detach_reset": detach_reset, "decay_input": decay_input}
    preset = spikingjelly_lif(tau=2.5, v_threshold=0.6, **options)
    assert compare(preset, spikingjelly_node(**options)) == set()


@pytest.mark.parametrize(
    "wrong", [{"rule": "bptt-detached-reset"}, {"rest": 0.0}, {"reset_value": 0.0}, {"gain": "one"}], ids=str
)
def test_spikingjelly_is_nothing_else(wrong):
    wrong = dict(wrong)
    preset = spikingjelly_lif(tau=2.5, v_threshold=0.6, v_reset=-0.25)
    rule = wrong.pop("rule", preset.rule)
    wrong = replace(preset, cell=replace(preset.cell, **wrong), rule=rule)
    assert compare(wrong, spikingjelly_node(v_reset=-0.25), preset) != set()


# ------------------------------------------------------------------------- loops from the text, without the libraries


class Step(torch.autograd.Function):
    """A step with a given slope, at > or at >=."""

    @staticmethod
    def forward(ctx, x, slope, strict):
        ctx.save_for_backward(slope)
        return (x > 0 if strict else x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (slope,) = ctx.saved_tensors
        return g * slope, None, None


def norse_box(layer):
    """v = v + (1 - leak)(input - v), z = [v > th], v = (1 - z) v."""
    v = [torch.zeros(BATCH, layer.units, dtype=torch.float64)]

    def step(current, _):
        h = v[0] + (1 - layer.cell.leak) * (current - v[0])
        x = h - layer.cell.threshold
        z = Step.apply(x, 1 / (1 + x.detach().abs()) ** 2, True)
        v[0] = (1 - z) * h
        return z

    return step


def test_norse_box():
    assert compare(norse_lif_box(leak=0.6, v_th=0.7), norse_box) == set()


def test_ottt_by_its_sum():
    """grad W = sum over t of g^t outer trace^t, trace = leak trace + presynaptic (mathematics.md 7.1)."""
    preset = ottt(v_threshold=1.25)
    net = network(preset, preset)
    p, x, y = data(net)
    with precision(BITS):
        p, x, y = {k: BALLS.array(v) for k, v in p.items()}, BALLS.array(x), BALLS.array(y)
        mine = forward.gradients(net, p, x, y, rule=RULES["ottt"], numbers=BALLS)
        out, leak = {name: 0 * v for name, v in p.items()}, arb(0.5)
        v, z, psi = [None, None], [None, None], [None, None]
        traces = [BALLS.zeros((BATCH, s)) for s in SIZES[:2]]
        bias_trace = arb(0)
        for t in range(STEPS):
            source = x[t]
            for i in range(2):
                drive = source @ p[f"layers.{i}.W"].T + p[f"layers.{i}.b"]
                v[i] = drive if t == 0 else leak * (v[i] - arb(1.25) * z[i]) + drive
                z[i] = each(lambda u: arb(1 if u >= arb(1.25) else 0), v[i])
                psi[i] = each(lambda u: 4 / (2 + (4 * u - 5).exp() + (5 - 4 * u).exp()), v[i])
                traces[i] = leak * traces[i] + source
                source = z[i]
            bias_trace = leak * bias_trace + 1
            g = [None, psi[1] * (z[1] - y[t])]
            g[0] = psi[0] * (g[1] @ p["layers.1.W"])
            for i in range(2):
                out[f"layers.{i}.W"] = out[f"layers.{i}.W"] + g[i].T @ traces[i]
                out[f"layers.{i}.b"] = out[f"layers.{i}.b"] + g[i].sum(axis=0) * bias_trace
        assert [name for name in out if not agree(mine[name], out[name])] == []


def test_light_alif_is_the_e_prop_form_rescaled():
    """Equal spikes and v = (1 - leak) v of the e-prop form, after the conversion of mathematics.md 1.2."""
    light = alif_light(tau=5.0, tau_adaptation=12.0, threshold=0.3, beta=0.4)
    leak, rho = arb(light.cell.leak), arb(light.cell.rho)
    with precision(BITS):
        threshold, beta = arb(0.3) / (1 - leak), arb(0.4) * (1 - rho) / (1 - leak)
        plain = alif_e_prop(tau=5.0, tau_adaptation=12.0, threshold=threshold, beta=beta)
        scaled, unscaled = (Network(layers=(Layer(preset.cell, inputs=4, units=3),)) for preset in (light, plain))
        p, x, _ = data(scaled)
        p, x = {k: BALLS.array(v) for k, v in p.items()}, BALLS.array(x)
        a, b = (record(net, p, x, numbers=BALLS).layers[0].now for net in (scaled, unscaled))
        assert 0 < a["z"].sum() < a["z"].size
        assert agree(a["z"], b["z"])
        assert agree(a["v"], (1 - leak) * b["v"])
        assert agree(a["k"], (1 - rho) * b["k"])
        assert not agree(a["v"], b["v"])


def test_time_constants_in_steps():
    """e^(-1/tau) of the membrane potential and of the adaptation; of the two tau's of a preset, each in its place."""
    for make in (alif_e_prop, alif_light, alif_yin):
        for tau, slow in ((20.0, 200.0), (5.0, 12.0)):
            cell = make(tau=tau, tau_adaptation=slow).cell
            # the power multiplies the error of its base, a rounding or two, by 200 at most
            assert (cell.leak**tau, cell.rho**slow) == pytest.approx((1 / math.e,) * 2, rel=gamma(1000)), make
    slow = [make().cell.rho for make in (alif_e_prop, alif_light, alif_yin)]
    assert [round(-1 / math.log(rho)) for rho in slow] == [200, 200, 100]


DEFAULTS = {
    "snntorch_leaky": {"threshold": 1.0, "reset_mechanism": "subtract", "recurrent": False},
    "spikingjelly_lif": {"tau": 2.0, "v_threshold": 1.0, "v_reset": 0.0, "decay_input": True, "detach_reset": False},
    "norse_lif_box": {"v_th": 1.0},
    "ottt": {"tau": 2.0, "v_threshold": 1.0},
    "sltt": {"tau": 1.1, "v_threshold": 1.0},
    "alif_e_prop": {"tau": 20.0, "tau_adaptation": 200.0, "threshold": 1.0, "beta": 0.2, "dampening": 0.3},
    "alif_light": {"tau": 20.0, "tau_adaptation": 200.0, "threshold": 0.01, "beta": 0.16, "dampening": 0.3},
    "alif_yin": {"tau": 20.0, "tau_adaptation": 100.0, "threshold": 0.01, "beta": 1.8, "resistance": 1.0},
}


@pytest.mark.parametrize("name", PRESETS)
def test_defaults_are_those_of_the_sources(name):
    options = signature(PRESETS[name]).parameters.values()
    found = {o.name: o.default for o in options if o.default is not o.empty and o.name != "surrogate"}
    assert found == DEFAULTS[name] | ({"recurrent": True} if name.startswith("alif") else {})


def test_numbers_of_the_sources():
    """As their code has them; what fires at the threshold itself and what does not."""
    assert [norse_lif_box(leak=0.5).cell.strict, spikingjelly_lif().cell.strict, sltt().cell.strict] == [
        True,
        False,
        False,
    ]
    assert dict(sltt().cell.surrogate.scales) == {"scale": 1.0}
    assert alif_e_prop().cell.surrogate == alif_light().cell.surrogate == Surrogate("triangle", scale=0.3, width=1.0)
    assert (alif_e_prop().cell.threshold, alif_e_prop().cell.beta) == (1.0, 0.2)
    assert (alif_light().cell.threshold, alif_light().cell.beta) == (0.01, 0.16)
    assert (alif_yin().cell.threshold, alif_yin().cell.resistance) == (0.01, 1.0)
    assert spikingjelly_lif().cell.leak == 0.5
    assert snntorch_leaky(beta=0.5).cell.strict
    assert [snntorch_leaky(beta=0.5, recurrent=r).source.split()[-1] for r in (False, True)] == ["Leaky", "RLeaky"]


def test_what_starts_elsewhere_than_at_zero():
    """Only cells with a resting potential of their own have a value to begin with, -1 as much as any."""
    for rest in (-1.0, 1.0):
        high, plain = spikingjelly_lif(v_reset=rest).cell, spikingjelly_lif().cell
        net = Network(layers=(Layer(plain, inputs=2, units=3), Layer(high, inputs=3, units=1)))
        (found,) = at_rest(net, 2).items()
        assert found[0] == "layers.1.v" and found[1].tolist() == [[rest]] * 2
    assert ottt().cell.leak == 0.5
    assert dict(ottt().cell.surrogate.scales) == {"scale": 4.0}
    assert not ottt().cell.strict
    assert sltt().cell.reset == "subtract_before_leak"
    assert alif_yin().cell.beta == 1.8
    assert alif_yin().cell.surrogate == Surrogate("multi_gaussian", sigma=0.5, side=0.15, scale=0.5)
    assert snntorch_leaky(beta=0.5).cell.surrogate == Surrogate("atan", scale=2.0)


def test_every_preset_names_a_row_and_runs():
    for name, make in PRESETS.items():
        needed = {"snntorch_leaky": {"beta": 0.5}, "norse_lif_box": {"leak": 0.5}}.get(name, {})
        preset = make(**needed)
        net = Network(layers=(Layer(preset.cell, inputs=2, units=3),), loss=Loss())
        x = np.ones((4, 2, 2))
        grads = reverse.gradients(net, net.parameters(), x, np.ones((4, 2, 3)), rule=RULES[preset.rule])
        assert grads.keys() == net.shapes().keys()


def test_an_unknown_reset_is_refused():
    with pytest.raises(GradcertError, match="reset_mechanism"):
        snntorch_leaky(beta=0.5, reset_mechanism="soft")
