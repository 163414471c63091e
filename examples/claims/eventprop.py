"""EventProp as a torch.autograd.Function: a step of current-based LIF neurons with the adjoint of spike times.

`gradcert certify examples/claims/eventprop.py:eventprop --claim examples/claims/eventprop.toml`; the mistake is
`wrong_eventprop`.
"""

from functools import partial

import torch

torch.set_num_threads(1)


class Step(torch.autograd.Function):
    """One step: z, v and i of now from the drive, and v and i of before."""

    @staticmethod
    def forward(ctx, drive, v, i, cell, dt, lost):
        """Decay, spike, reset; v is driven by the current of before."""
        charged = cell.leak * v + (1 - cell.leak) * i
        z = (charged > cell.threshold).to(v.dtype)
        after = torch.where(z > 0, torch.full_like(v, cell.reset_value), charged)
        tau_m = dt / (1 - cell.leak)
        ctx.save_for_backward(z, (i - v) / tau_m, (i - after) / tau_m)
        ctx.cell, ctx.lost = cell, lost
        return z, after, cell.rho * i + drive

    @staticmethod
    def backward(ctx, delta, lam_v, lam_i):
        """Jump at spikes: by the quotient of slopes, and by what arrives over the slope before."""
        z, before, after = ctx.saved_tensors
        spiked = z > 0
        slope = torch.where(spiked, before, torch.ones_like(before))
        lam_i = ctx.cell.rho * lam_i + (1 - ctx.cell.rho) * lam_v
        lam_v = ctx.cell.leak * lam_v
        jumped = delta / slope if ctx.lost else lam_v * (after / slope) + delta / slope
        return lam_i, torch.where(spiked, jumped, lam_v), lam_i, None, None, None


def eventprop(problem, mistake=False):
    """Return the gradients of a stack of such neurons under a linear readout; the mistake loses lam_v at a spike."""
    p = {name: torch.tensor(value, requires_grad=True) for name, value in problem.parameters.items()}
    x, y = torch.tensor(problem.inputs), torch.tensor(problem.targets)
    for k, layer in enumerate(problem.network.layers):
        drive = x @ p[f"layers.{k}.W"].T + p[f"layers.{k}.b"]
        if layer.cell.name == "rnn":
            x = drive
            continue
        v = i = torch.zeros(x.shape[1], layer.units, dtype=x.dtype)
        spikes = []
        for t in range(len(x)):
            z, v, i = Step.apply(drive[t], v, i, layer.cell, problem.settings["dt"], mistake)
            spikes.append(z)
        x = torch.stack(spikes)
    error = ((x - y) ** 2).sum(dim=-1) / 2
    loss = error[-1].sum() if problem.network.loss.when == "last" else error.sum()
    found = torch.autograd.grad(loss, list(p.values()), materialize_grads=True)
    return {name: g.numpy() for name, g in zip(p, found, strict=True)}


wrong_eventprop = partial(eventprop, mistake=True)
