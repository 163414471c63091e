"""BPTT through stacked LSTM layers by autograd, the gates written out."""

from __future__ import annotations

from typing import Any

import torch


def gradients(problem: Any) -> dict[str, Any]:
    """Return the gradient of stacked LSTM layers under half the squared error of every step."""
    p = {name: torch.tensor(value, requires_grad=True) for name, value in problem.parameters.items()}
    inputs, targets = torch.tensor(problem.inputs), torch.tensor(problem.targets)
    sequence = list(inputs)
    for i, layer in enumerate(problem.network.layers):
        h = torch.zeros(inputs.shape[1], layer.units, dtype=inputs.dtype)
        c = torch.zeros_like(h)
        above = []
        for x in sequence:
            gates = {}
            for gate in "ifgo":
                w, r, b = (p[f"layers.{i}.{kind}_{gate}"] for kind in "WHb")
                gates[gate] = x @ w.T + h @ r.T + b
            keep = torch.sigmoid(gates["f"])
            write = torch.sigmoid(gates["i"]) * torch.tanh(gates["g"])
            c = keep * c + write
            h = torch.sigmoid(gates["o"]) * torch.tanh(c)
            above.append(h)
        sequence = above
    loss = 0.5 * sum(((h - y) ** 2).sum() for h, y in zip(sequence, targets, strict=True))
    loss.backward()
    return {name: value.grad.numpy() for name, value in p.items()}
