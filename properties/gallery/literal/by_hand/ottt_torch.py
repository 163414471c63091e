"""OTTT by autograd: within a step PyTorch differentiates, between steps a detached trace of the input stands in."""

from __future__ import annotations

from typing import Any

import torch


class Spike(torch.autograd.Function):
    """The step function, differentiated as a triangle."""

    @staticmethod
    def forward(ctx: Any, u: Any) -> Any:
        """Return 1 where the potential has reached the threshold."""
        ctx.save_for_backward(u)
        return (u >= 0).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """Return the credit of the potential."""
        (u,) = ctx.saved_tensors
        return grad * 0.5 * torch.clamp(1.0 - u.abs(), min=0.0)


class Traced(torch.autograd.Function):
    """A product whose weights are credited with the trace of what they multiply."""

    @staticmethod
    def forward(ctx: Any, x: Any, trace: Any, ones: Any, weight: Any, bias: Any) -> Any:
        """Return the product with the input itself."""
        ctx.save_for_backward(trace, ones, weight)
        return x @ weight.T + bias

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """Return the credit of the input, and of weights and biases from their traces."""
        trace, ones, weight = ctx.saved_tensors
        return grad @ weight, None, None, grad.T @ trace, (grad * ones).sum(dim=0)


def gradients(problem: Any) -> dict[str, Any]:
    """Return the OTTT gradient of spiking layers under a linear readout."""
    p = {name: torch.tensor(value, requires_grad=True) for name, value in problem.parameters.items()}
    layers = problem.network.layers
    top = len(layers) - 1
    inputs, targets = torch.tensor(problem.inputs), torch.tensor(problem.targets)
    batch, dtype = inputs.shape[1], inputs.dtype
    v = [torch.zeros(batch, layer.units, dtype=dtype) for layer in layers[:top]]
    z = [torch.zeros_like(state) for state in v]
    trace = [torch.zeros(batch, layer.inputs, dtype=dtype) for layer in layers[:top]]
    ones = torch.zeros(top, dtype=dtype)
    for t in range(inputs.shape[0]):
        x = inputs[t]
        for i in range(top):
            leak, theta = layers[i].cell.leak, layers[i].cell.threshold
            trace[i] = leak * trace[i] + x.detach()
            ones[i] = leak * ones[i] + 1.0
            drive = Traced.apply(x, trace[i], ones[i].clone(), p[f"layers.{i}.W"], p[f"layers.{i}.b"])
            v[i] = leak * (v[i] - theta * z[i]).detach() + drive
            z[i] = Spike.apply(v[i] - theta)
            x = z[i]
        out = x @ p[f"layers.{top}.W"].T + p[f"layers.{top}.b"]
        loss = 0.5 * ((out - targets[t]) ** 2).sum()
        loss.backward()
    return {name: value.grad.numpy() for name, value in p.items()}
