"""A spike for torch.autograd, which the claims beside this file call surrogate atan, scale 2."""

import torch


class Spike(torch.autograd.Function):
    """A step whose derivative is that of an arcus tangent."""

    @staticmethod
    def forward(ctx, x):
        """Return 1 from 0 on."""
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        """Return the pseudo-derivative times what arrives."""
        (x,) = ctx.saved_tensors
        return grad / (1 + (torch.pi * x) ** 2)
