"""BPTT with the reset outside the graph, as libraries have it: PyTorch, a hard reset, the spike detached there."""

from __future__ import annotations

from typing import Any

import torch


class Spike(torch.autograd.Function):
    """The step function, differentiated as the derivative of a sigmoid."""

    @staticmethod
    def forward(ctx: Any, u: Any) -> Any:
        """Return 1 where the potential has reached the threshold."""
        ctx.save_for_backward(u)
        return (u >= 0).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """Return the credit of the potential."""
        (u,) = ctx.saved_tensors
        s = torch.sigmoid(4.0 * u)
        return grad * 4.0 * s * (1.0 - s)


def gradients(problem: Any) -> dict[str, Any]:
    """Return the gradient of one spiking layer under a linear readout."""
    p = {name: torch.tensor(value, requires_grad=True) for name, value in problem.parameters.items()}
    cell = problem.network.layers[0].cell
    inputs, targets = torch.tensor(problem.inputs), torch.tensor(problem.targets)
    v = torch.zeros(inputs.shape[1], problem.network.layers[0].units, dtype=inputs.dtype)
    z = torch.zeros_like(v)
    total = torch.zeros((), dtype=inputs.dtype)
    for t in range(inputs.shape[0]):
        kept = v * (1.0 - z.detach())
        v = cell.leak * kept + inputs[t] @ p["layers.0.W"].T + z @ p["layers.0.H"].T + p["layers.0.b"]
        z = Spike.apply(v - cell.threshold)
        out = z @ p["layers.1.W"].T + p["layers.1.b"]
        total = total + ((out - targets[t]) ** 2).sum() / 2
    total.backward()
    return {name: value.grad.numpy() for name, value in p.items()}
