"""Automatic differentiation by PyTorch, where it is installed: reverse mode, forward mode, compiled."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

HAS_TORCH = importlib.util.find_spec("torch") is not None


def _tensors(problem: Any) -> tuple[Any, Any, Any]:
    import torch

    parameters = {k: torch.tensor(v) for k, v in problem.parameters.items()}
    return parameters, torch.tensor(problem.inputs), torch.tensor(problem.targets)


def _loss(p: Any, x: Any, y: Any, last: bool) -> Any:
    """Return the squared error of a tanh layer."""
    import torch

    z = torch.zeros((x.shape[1], p["layers.0.W"].shape[0]), dtype=x.dtype)
    total = torch.zeros((), dtype=x.dtype)
    for t in range(x.shape[0]):
        a = x[t] @ p["layers.0.W"].T
        if "layers.0.H" in p:
            a = a + z @ p["layers.0.H"].T
        if "layers.0.b" in p:
            a = a + p["layers.0.b"]
        z = torch.tanh(a)
        if not last or t == x.shape[0] - 1:
            total = total + ((z - y[t]) ** 2).sum() / 2
    return total


def autograd(problem: Any) -> Any:
    """Return BPTT by reverse mode."""
    import torch

    p, x, y = _tensors(problem)
    p = {k: v.requires_grad_() for k, v in p.items()}
    loss = _loss(p, x, y, problem.network.loss.when == "last")
    found = torch.autograd.grad(loss, list(p.values()), allow_unused=True)
    return {
        k: np.zeros(np.shape(problem.parameters[k])) if g is None else g.numpy() for k, g in zip(p, found, strict=True)
    }


def functional(problem: Any) -> Any:
    """Return BPTT by torch.func.grad."""
    import torch

    p, x, y = _tensors(problem)
    last = problem.network.loss.when == "last"
    found = torch.func.grad(lambda q: _loss(q, x, y, last))(p)
    return {k: v.numpy() for k, v in found.items()}


def forward_mode(problem: Any) -> Any:
    """Return the gradient by forward mode, one direction per entry."""
    import torch

    p, x, y = _tensors(problem)
    last = problem.network.loss.when == "last"
    out = {}
    for name, value in p.items():
        flat = torch.zeros(value.numel(), dtype=value.dtype)
        for i in range(value.numel()):
            direction = torch.zeros(value.numel(), dtype=value.dtype)
            direction[i] = 1
            d = torch.func.jvp(
                lambda v, n=name: _loss({**p, n: v}, x, y, last), (value,), (direction.reshape(value.shape),)
            )[1]
            flat[i] = d
        out[name] = flat.reshape(value.shape).numpy()
    return out


def compiled(problem: Any) -> Any:
    """Return BPTT of a traced graph, compiled by TorchScript's tracer."""
    import torch

    p, x, y = _tensors(problem)
    names, last = list(p), problem.network.loss.when == "last"
    values = [p[k].requires_grad_() for k in names]
    graph = torch.jit.trace(lambda *v: _loss(dict(zip(names, v, strict=True)), x, y, last), values, check_trace=False)
    found = torch.autograd.grad(graph(*values), values, allow_unused=True)
    return {
        k: np.zeros(np.shape(problem.parameters[k])) if g is None else g.numpy()
        for k, g in zip(names, found, strict=True)
    }
