"""BPTT through spiking layers by PyTorch's autograd, the step with a pseudo-derivative of its own."""

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


def gradients(problem: Any) -> dict[str, Any]:
    """Return the gradient of recurrent layers with a soft reset under a linear readout."""
    p = {name: torch.tensor(value, requires_grad=True) for name, value in problem.parameters.items()}
    layers = problem.network.layers
    top = len(layers) - 1
    inputs, targets = torch.tensor(problem.inputs), torch.tensor(problem.targets)
    v = [torch.zeros(inputs.shape[1], layer.units, dtype=inputs.dtype) for layer in layers[:top]]
    z = [torch.zeros_like(state) for state in v]
    loss = torch.zeros((), dtype=inputs.dtype)
    for x, y in zip(inputs, targets, strict=True):
        for i in range(top):
            leak, theta = layers[i].cell.leak, layers[i].cell.threshold
            drive = x @ p[f"layers.{i}.W"].T + z[i] @ p[f"layers.{i}.H"].T + p[f"layers.{i}.b"]
            v[i] = leak * v[i] + drive - theta * z[i]
            z[i] = Spike.apply(v[i] - theta)
            x = z[i]
        out = x @ p[f"layers.{top}.W"].T + p[f"layers.{top}.b"]
        loss = loss + 0.5 * ((out - y) ** 2).sum()
    loss.backward()
    return {name: value.grad.numpy() for name, value in p.items()}
