"""Cells against PyTorch: nn.LSTM, nn.GRU, and spiking loops in torch with edges cut by `detach`.

torch rounds every operation to 53 bits, in an order of its own. The engine is run in ball arithmetic of 42 bits, where
every inexact operation widens the result by up to 2^-42, or 2048 roundings of torch: more than the operations that
separate two ways to write one of these steps (sums of fewer than 10 terms, one sigmoid). torch's numbers have to lie
inside the balls, and the balls have to be narrow: at most NARROW of the largest entry.
"""

from itertools import pairwise

import numpy as np
import pytest
import torch
from balls import BALLS, BITS, each, precision, size
from cell_nets import CELLS, Problem, problem, stack
from flint import arb

from gradcert.reference import FLOAT64, RULES, Edge, Layer, Network
from gradcert.reference.engines import reverse
from gradcert.reference.networks.cells import Gru, Integrator, Lstm

COARSE = 42
NARROW = 1e-6
ROUNDED = 2.0**-20  # parameters are multiples of this, so that the sum of two biases is exact


def coarse(case, rule="bptt"):
    """The engine's gradient as balls that hold every float64 evaluation of the same sums and products."""
    with precision(COARSE):
        arrays = {k: BALLS.array(v) for k, v in case.parameters.items()}
        return reverse.gradients(
            case.network, arrays, BALLS.array(case.inputs), BALLS.array(case.targets), rule=RULES[rule], numbers=BALLS
        )


def outside(balls, values):
    """The parameters of which some entry does not lie in its ball."""
    balls = {name: each(lambda b: b, ball) for name, ball in balls.items()}
    with precision(BITS):
        for name, ball in balls.items():
            radius = max(float(b.rad()) for b in ball.ravel())
            assert 0 < radius < NARROW * size(ball), name
        return {
            name
            for name, ball in balls.items()
            if not all(b.contains(arb(float(v))) for b, v in zip(ball.ravel(), values[name].ravel(), strict=True))
        }


def rounded(case):
    grid = {k: np.round(v / ROUNDED) * ROUNDED for k, v in case.parameters.items()}
    return Problem(case.network, grid, case.inputs, case.targets)


def tensors(case):
    return {k: torch.tensor(np.asarray(v), requires_grad=True) for k, v in case.parameters.items()}


def loss(case, outputs):
    return ((outputs - torch.tensor(case.targets)) ** 2).sum() / 2 / case.network.loss.divisor(*outputs.shape[:2])


# ------------------------------------------------------------------------------------------------ nn.LSTM and nn.GRU

GATES = {"lstm": "ifgo", "gru": "run"}  # PyTorch stacks i, f, g, o and r, z, n; its z is u here


def gated(cell, depth=2):
    sizes = (3, 4, 4)[: depth + 1]
    layers = tuple(Layer(cell, inputs=a, units=b) for a, b in pairwise(sizes))
    return rounded(problem(Network(layers=layers), steps=5, batch=3, numbers=FLOAT64))


def as_module(case):
    """Return nn.LSTM or nn.GRU with the same parameters; the two biases of a gate share ours in unequal parts."""
    first = case.network.layers[0]
    kind, gates = first.cell.name, GATES[first.cell.name]
    module = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind]
    module = module(first.inputs, first.units, num_layers=case.network.depth, dtype=torch.float64)
    with torch.no_grad():
        for i in range(case.network.depth):
            p = {k: case.parameters[f"layers.{i}.{k}"] for k in case.network.layers[i].shapes()}
            stacked = {name: np.concatenate([p[f"{name}_{g}"] for g in gates]) for name in ("W", "H", "b")}
            second = np.round(stacked["b"] / 3 / ROUNDED) * ROUNDED
            first_bias = stacked["b"] - second
            if kind == "gru":  # the candidate's two biases are two parameters
                n = case.network.layers[i].units
                second[2 * n :], first_bias[2 * n :] = p["c_n"], p["b_n"]
            for name, value in (
                ("weight_ih", stacked["W"]),
                ("weight_hh", stacked["H"]),
                ("bias_ih", first_bias),
                ("bias_hh", second),
            ):
                getattr(module, f"{name}_l{i}").copy_(torch.tensor(value))
    return module


def module_gradients(case):
    """Return torch's gradients under our names, with the input's biases and with the hidden state's."""
    module = as_module(case)
    outputs, _ = module(torch.tensor(case.inputs))
    loss(case, outputs).backward()
    gates, out, second = GATES[case.network.layers[0].cell.name], {}, {}
    for i in range(case.network.depth):
        g = {name: getattr(module, f"{name}_l{i}").grad.numpy() for name in ("weight_ih", "weight_hh")}
        b, c = (getattr(module, f"{name}_l{i}").grad.numpy() for name in ("bias_ih", "bias_hh"))
        for k, gate in enumerate(gates):
            rows = slice(k * len(b) // len(gates), (k + 1) * len(b) // len(gates))
            out[f"layers.{i}.W_{gate}"], out[f"layers.{i}.H_{gate}"] = g["weight_ih"][rows], g["weight_hh"][rows]
            out[f"layers.{i}.b_{gate}"] = b[rows]
            second[f"layers.{i}.b_{gate}"] = c[rows]
            if gates == "run" and gate == "n":
                out[f"layers.{i}.c_n"] = c[rows]
    return out, {**out, **second}


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("cell", [Lstm(), Gru()], ids=["lstm", "gru"])
def test_modules_of_torch(cell, depth):
    case = gated(cell, depth)
    theirs, with_second_bias = module_gradients(case)
    mine = coarse(case)
    assert mine.keys() == theirs.keys() == with_second_bias.keys()
    assert outside(mine, theirs) == set()
    # the two bias vectors coincide, but for the candidate of the GRU (mathematics.md 12.13)
    assert outside(mine, with_second_bias) == {k for k in mine if k.endswith("b_n")}


def test_reset_before_is_another_cell_than_that_of_torch():
    case = gated(Gru())
    theirs, _ = module_gradients(case)
    before = tuple(Layer(Gru(reset="before"), inputs=x.inputs, units=x.units) for x in case.network.layers)
    assert len(outside(coarse(Problem(Network(layers=before), *case.arguments[1:])), theirs)) == len(theirs)


@pytest.mark.parametrize("gates", ["ifog", "igfo"])
def test_another_order_of_the_gates_is_seen(gates, monkeypatch):
    case = gated(Lstm())
    mine = coarse(case)
    monkeypatch.setitem(GATES, "lstm", gates)
    assert outside(mine, module_gradients(case)[0]) != set()


# -------------------------------------------------------------------------------------------- spiking loops in torch


class Spike(torch.autograd.Function):
    """A step whose derivative is a given number."""

    @staticmethod
    def forward(ctx, x, slope):
        ctx.save_for_backward(slope)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (slope,) = ctx.saved_tensors
        return g * slope, None


def slope_of(surrogate, x):
    s, x = dict(surrogate.scales), x.detach()
    if surrogate.name == "sigmoid":
        y = torch.sigmoid(s["scale"] * x)
        return s["scale"] * y * (1 - y)

    def normal(u, sigma):
        return torch.exp(-(u**2) / (2 * sigma**2)) / (sigma * (2 * torch.pi) ** 0.5)

    assert surrogate.name == "multi_gaussian"
    sigma, side = s["sigma"], s["side"]
    lobes = normal(x - sigma, 6 * sigma) + normal(x + sigma, 6 * sigma)
    return s["scale"] * ((1 + side) * normal(x, sigma) - side * lobes)


def zeros(layer, x):
    return torch.zeros(x.shape[1], layer.units, dtype=torch.float64)


def lateral(layer, p, z):
    if "H" not in p:
        return 0
    mask = torch.ones(layer.units, layer.units, dtype=torch.float64)
    if layer.synapses:
        mask = mask - torch.eye(layer.units, dtype=torch.float64)
    return z @ (p["H"] * mask).T


def option(cell, name):
    return torch.tensor(getattr(cell, name), dtype=torch.float64)


def alif_loop(layer, p, x, cut):
    c, v, k, z, out = layer.cell, zeros(layer, x), zeros(layer, x), zeros(layer, x), []
    leak, th, beta, rho = (p.get(name, option(c, name)) for name in ("leak", "threshold", "beta", "rho"))
    for current in x:
        drive = c.resistance * (current @ p["W"].T + p.get("b", 0) + lateral(layer, p, cut(z, Edge.RECURRENT)))
        spike = cut(z, Edge.ADAPTATION)
        k = rho * cut(k, Edge.STATE) + (spike if c.adaptation_gain == "one" else (1 - rho) * spike)
        height = {"threshold": th, "adaptive_threshold": th + beta * k, "none": 0}[c.reset]
        v = leak * cut(v, Edge.STATE) + (drive if c.gain == "one" else (1 - leak) * drive)
        v = v - height * cut(z, Edge.RESET)
        distance = v - th - beta * k
        if c.scaling != "none":
            distance = distance / (th if c.scaling == "threshold" else th + beta * k)
        z = Spike.apply(distance, slope_of(c.surrogate, distance))
        out.append(z)
    return torch.stack(out)


def ltc_loop(layer, p, x, cut):
    c, v, b, z, out = layer.cell, zeros(layer, x), zeros(layer, x), zeros(layer, x), []
    th, beta = (p.get(name, option(c, name)) for name in ("threshold", "beta"))
    for current in x:
        drive = current @ p["W"].T + p.get("b", 0) + lateral(layer, p, cut(z, Edge.RECURRENT))
        silent = 1 - cut(z, Edge.RESET)
        u, seen = silent * cut(v, Edge.STATE), silent * cut(v, Edge.RECURRENT)
        k = torch.sigmoid(drive @ p["Wm_I"].T + seen @ p["Wm_u"].T + p.get("b_m", 0))
        r = torch.sigmoid(drive @ p["Wa_I"].T + cut(b, Edge.RECURRENT) @ p["Wa_b"].T + p.get("b_a", 0))
        b = r * cut(b, Edge.STATE) + (1 - r) * cut(z, Edge.ADAPTATION)
        v = u + k * (drive - u)
        distance = (v - (th + beta * b)) / (th if c.scaling == "threshold" else 1)
        z = Spike.apply(distance, slope_of(c.surrogate, distance))
        out.append(z)
    return torch.stack(out)


def integrator_loop(layer, p, x, cut):
    z, out = zeros(layer, x), []
    for current in x:
        z = layer.cell.kappa * cut(z, Edge.STATE) + (1 - layer.cell.kappa) * (current @ p["W"].T + p["b"])
        out.append(z)
    return torch.stack(out)


LOOPS = {"alif": alif_loop, "ltc": ltc_loop, "integrator": integrator_loop}


def loop_gradients(case, rule):
    """One backward pass per layer: its own edges cut to the rule's own, those above to what the rule keeps above."""
    out = {}
    for own in range(case.network.depth):
        p, x = tensors(case), torch.tensor(case.inputs)
        for i, layer in enumerate(case.network.layers):
            kept = rule.own if i <= own else rule.kept_above(layer.cell.name)

            def cut(value, edge, kept=kept):
                return value if edge in kept else value.detach()

            local = {k: p[f"layers.{i}.{k}"] for k in layer.shapes()}
            x = LOOPS[layer.cell.name](layer, local, x, cut)
        mine = {k: v for k, v in p.items() if k.startswith(f"layers.{own}.")}
        grads = torch.autograd.grad(loss(case, x), list(mine.values()))
        out.update({k: g.numpy() for k, g in zip(mine, grads, strict=True)})
    return out


ROWS = ("bptt", "bptt-detached-reset", "e-prop")
LOOPED = [name for name in CELLS if name.startswith(("alif", "ltc"))]


@pytest.mark.parametrize("rule", ROWS)
@pytest.mark.parametrize("name", LOOPED)
def test_spiking_loops(name, rule):
    case = problem(stack(name, 2), steps=5, batch=3, numbers=FLOAT64)
    assert isinstance(case.network.layers[-1].cell, Integrator)
    mine, theirs = coarse(case, rule), loop_gradients(case, RULES[rule])
    assert mine.keys() == theirs.keys()
    assert outside(mine, theirs) == set()


@pytest.mark.parametrize(("rule", "other"), [("bptt", "bptt-detached-reset"), ("bptt", "e-prop"), ("e-prop", "ottt")])
@pytest.mark.parametrize("name", ["alif-e-prop", "ltc"])
def test_the_wrong_row_is_seen(name, rule, other):
    case = problem(stack(name, 2), steps=5, batch=3, numbers=FLOAT64)
    assert outside(coarse(case, rule), loop_gradients(case, RULES[other])) != set()
