"""BPTT by PyTorch's autograd, for stacks of LIF, SNU, vanilla and leaky rate cells with a leaky or linear readout."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from gradcert.reference.networks import Problem
from gradcert.reference.rules import RULES, Rule

HAS_TORCH = importlib.util.find_spec("torch") is not None
CELLS = ("lif", "rnn", "leaky_rnn", "integrator")
SURROGATES = ("sigmoid", "triangle", "tanh")
FUNCTIONS = ("tanh", "identity", "relu")


def fits(problem: Problem, rule: Rule) -> bool:
    """Return whether the problem is one of these."""
    cells: list[Any] = [layer.cell for layer in problem.network.layers]
    return HAS_TORCH and rule == RULES["bptt"] and all(
        cell.name in CELLS
        and getattr(cell, "activation", "tanh") in FUNCTIONS
        and (cell.name != "lif" or (cell.surrogate.name in SURROGATES and cell.reset == "subtract_before_leak"))
        and getattr(cell, "rest", 0.0) == 0.0
        for cell in cells
    )  # fmt: skip


def _spike(cell: Any) -> Any:
    import torch

    s = dict(cell.surrogate.scales)

    def slope(u: Any) -> Any:
        if cell.surrogate.name == "triangle":
            return s["scale"] * torch.clamp(1 - u.abs() / s["width"], min=0)
        if cell.surrogate.name == "tanh":
            return 1 - torch.tanh(u) ** 2
        y = torch.sigmoid(s["scale"] * u)
        return s["scale"] * y * (1 - y)

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, u: Any) -> Any:  # type: ignore[override]
            ctx.save_for_backward(u)
            return ((u > 0) if cell.strict else (u >= 0)).to(u.dtype)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:  # type: ignore[override]
            (u,) = ctx.saved_tensors
            return g * slope(u)

    return Spike.apply


def _layer(cell: Any, p: dict[str, Any], xs: list[Any], units: int) -> list[Any]:
    import torch

    def constant(name: str) -> Any:
        return p[name] if name in p else torch.as_tensor(getattr(cell, name), dtype=xs[0].dtype)

    zero = torch.zeros(xs[0].shape[0], units, dtype=xs[0].dtype)
    z, v, out = zero, zero, []
    spike = _spike(cell) if cell.name == "lif" else None
    for x in xs:
        a = torch.nn.functional.linear(x, p["W"], p.get("b"))
        if "H" in p:
            a = a + torch.nn.functional.linear(z, p["H"])
        if cell.name == "lif":
            leak, threshold = constant("leak"), constant("threshold")
            v = leak * (v - threshold * z) + (a if cell.gain == "one" else (1 - leak) * a)
            z = spike(v - threshold)
        elif cell.name == "integrator":
            kappa = constant("kappa")
            z = kappa * z + (a if cell.gain == "one" else (1 - kappa) * a)
        else:
            f = {"tanh": torch.tanh, "relu": lambda u: torch.where(u >= 0, u, 0 * u), "identity": lambda u: u}
            y = f[cell.activation](a)
            z = y if cell.name == "rnn" else (1 - constant("rate")) * z + constant("rate") * y
        out.append(z)
    return out


def autograd(problem: Problem) -> tuple[Any, dict[str, Any], Any]:
    """Return loss, gradient and outputs, step by step in reverse, as PyTorch accumulates it."""
    import torch

    p = {k: torch.tensor(v, requires_grad=True) for k, v in problem.parameters.items()}
    xs, y = list(torch.tensor(problem.inputs)), torch.tensor(problem.targets)
    for i, layer in enumerate(problem.network.layers):
        own = {k.split(".")[2]: v for k, v in p.items() if k.split(".")[1] == str(i)}
        xs = _layer(layer.cell, own, xs, layer.units)
    o, loss = torch.stack(xs), problem.network.loss
    outputs = o.detach().numpy()
    if loss.when == "last":
        o, y = o[-1:], y[-1:]
    if loss.kind == "squared_error":
        total = torch.nn.functional.mse_loss(o, y) * (o.numel() / 2)
    else:
        total = -(y * torch.log_softmax(o, dim=-1)).sum()
    total = total / ((o.shape[0] if loss.time == "mean" else 1) * (o.shape[1] if loss.batch == "mean" else 1))
    found = torch.autograd.grad(total, list(p.values()), allow_unused=True)
    gradients = {
        k: np.zeros_like(problem.parameters[k]) if g is None else g.numpy() for k, g in zip(p, found, strict=True)
    }
    return total.detach().numpy(), gradients, outputs


TORCH_WAYS = {"PyTorch autograd": autograd}
