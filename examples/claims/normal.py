"""LIF layers with layer normalisation, and with standardised weights, by torch.autograd; and their mistakes.

`gradcert certify examples/claims/normal.py:gradients --claim examples/claims/normalised.toml`. A mistake has the name
of the claim that it breaks, `wrong_normalised`.
"""

from functools import partial

import torch
from arctan import Spike

torch.set_num_threads(1)


def gradients(problem, mistake=""):
    """Return loss, gradients and outputs."""
    p = {name: torch.tensor(value, requires_grad=True) for name, value in problem.parameters.items()}
    x, acting = torch.tensor(problem.inputs), dict(p)
    for i, layer in enumerate(problem.network.layers):
        how = getattr(layer.cell, "standardised", None)
        if how is not None:
            for name in how.weights:
                acting[f"layers.{i}.{name}"] = standardised(p[f"layers.{i}.{name}"], how.epsilon)
        own = {name.split(".")[2]: value for name, value in acting.items() if name.startswith(f"layers.{i}.")}
        x = spiking(layer, own, x, mistake)
    y, last = torch.tensor(problem.targets), problem.network.loss.when == "last"
    loss = ((x - y)[-1:] ** 2 if last else (x - y) ** 2).sum() / 2
    wanted = acting if mistake == "standardised" else p  # by the weight that acts
    found = torch.autograd.grad(loss, [wanted[name] for name in p])
    return loss.detach().numpy(), {k: g.numpy() for k, g in zip(p, found, strict=True)}, x.detach().numpy()


def standardised(weight, epsilon):
    """Return the weight that acts."""
    variance, mean = torch.var_mean(weight, dim=1, keepdim=True, unbiased=False)
    return (weight - mean) * torch.rsqrt(variance + epsilon)


def spiking(layer, p, x, mistake):
    """Return what leaves a layer."""
    cell, v = layer.cell, torch.zeros(x.shape[1], layer.units, dtype=x.dtype)
    z, out = torch.zeros_like(v), []
    for t in range(len(x)):
        a = x[t] @ p["W"].T + z @ p["H"].T + p["b"]
        if "a_gain" in p:
            a = normal(a, p["a_gain"], p["a_bias"], cell.normalised.epsilon, mistake)
        v = cell.leak * (v - cell.threshold * z.detach()) + a
        z = Spike.apply(v - cell.threshold)
        out.append(z)
    return torch.stack(out)


def normal(a, gain, bias, epsilon, mistake):
    """Return layer normalisation of a weighted sum."""
    if mistake != "normalised":
        return torch.nn.functional.layer_norm(a, a.shape[1:], gain, bias, epsilon)
    fixed = a.detach()  # mean and variance are no part of the graph
    scale = torch.rsqrt(fixed.var(dim=1, keepdim=True, unbiased=False) + epsilon)
    return gain * (a - fixed.mean(dim=1, keepdim=True)) * scale + bias


NAMES = ("normalised", "standardised")
globals().update({f"wrong_{name}": partial(gradients, mistake=name) for name in NAMES})
