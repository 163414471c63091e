"""LIF neurons in float16 and bfloat16 by torch.autograd, as mixed precision trains them; and their mistakes.

`gradcert certify examples/claims/halves.py:gradients --claim examples/claims/float16.toml`. A mistake has the name of
the claim that it breaks, `wrong_float16`.
"""

from functools import partial

import torch

torch.set_num_threads(1)
SCALE = 256.0  # of the loss, so that small gradients are not lost below float16's range


class Spike(torch.autograd.Function):
    """A step whose derivative is a triangle (surrogate triangle, scale 0.5)."""

    @staticmethod
    def forward(ctx, x):
        """Return 1 from 0 on."""
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        """Return the pseudo-derivative times what arrives."""
        (x,) = ctx.saved_tensors
        return grad * 0.5 * torch.clamp(1 - x.abs(), min=0)


def gradients(problem, mistake=""):
    """Return loss, gradients and outputs."""
    dtype = getattr(torch, problem.dtype)  # NumPy has no bfloat16: such numbers come in float32 arrays
    p = {k: torch.tensor(v, dtype=dtype, requires_grad=True) for k, v in problem.parameters.items()}
    x, y = torch.tensor(problem.inputs, dtype=dtype), torch.tensor(problem.targets, dtype=dtype)
    for i, layer in enumerate(problem.network.layers):
        x = spiking(layer, p[f"layers.{i}.W"], p[f"layers.{i}.b"], x)
    every = ((x - y) ** 2).sum(dim=-1) / 2
    loss = every[-1].sum() if problem.network.loss.when == "last" else every.sum()
    scale = 2.0**16 if mistake == "float16" else SCALE  # of GradScaler to begin with, 65536: past float16's 65504
    found = torch.autograd.grad(loss * scale, list(p.values()))
    undo = 1.0 if mistake == "bfloat16" else scale  # a scale that nobody takes back
    grads = {k: g.float() / undo for k, g in zip(p, found, strict=True)}
    return loss.detach(), {k: g.numpy() for k, g in grads.items()}, x.detach()


def spiking(layer, weight, bias, x):
    """Return what leaves a layer."""
    cell = layer.cell
    v = torch.zeros(x.shape[1], layer.units, dtype=x.dtype)
    z, out = v, []
    for t in range(len(x)):
        v = cell.leak * (v - cell.threshold * z) + x[t] @ weight.T + bias
        z = Spike.apply(v - cell.threshold)
        out.append(z)
    return torch.stack(out)


NAMES = ("float16", "bfloat16")
globals().update({f"wrong_{name}": partial(gradients, mistake=name) for name in NAMES})
