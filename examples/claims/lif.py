"""A stack of LIF neurons trained by torch.autograd, with all that a claim can say of its problems; and its mistakes.

The claims beside this file are each about one thing: `gradcert certify examples/claims/lif.py:gradients --claim
examples/claims/padded.toml`. A mistake has the name of the claim that it breaks, `wrong_padded`.
"""

from functools import partial

import numpy as np
import torch
from arctan import Spike

torch.set_num_threads(1)


def gradients(problem, mistake=""):
    """Return loss, gradients and outputs."""
    p = {name: torch.tensor(value, requires_grad=True) for name, value in problem.parameters.items()}
    starts = {name: torch.tensor(value, requires_grad=True) for name, value in problem.initial.items()}
    masks = {name: torch.tensor(value) for name, value in problem.masks.items()}
    if mistake in ("dropout", "zoneout"):  # one mask for the whole sequence
        masks = {name: mask[:1].expand_as(mask) for name, mask in masks.items()}
    x, y = torch.tensor(problem.inputs), torch.tensor(problem.targets)
    if mistake == "one_hot":  # labels that come one step late
        y = torch.cat([y[:1], y[:-1]])
    begins = np.zeros(x.shape[:2], dtype=bool) if problem.begins is None else problem.begins
    begins = torch.tensor(begins & (mistake != "sequences"))
    left = []
    for i, layer in enumerate(problem.network.layers):
        last = i == problem.network.depth - 1
        node = problem.network.loss.node if last and mistake != "potential" else "z"
        run = integrated if layer.cell.name == "integrator" else spiking
        x = run(layer, f"layers.{i}", p, starts, masks, x, begins, node, mistake)
        left.append(x)
    loss = loss_of(problem, x, y, left, mistake)
    wanted = {**p, **({f"initial.{k}": v for k, v in starts.items()} if problem.initial_gradient else {})}
    found = torch.autograd.grad(loss, list(wanted.values()), materialize_grads=True)
    grads = {name: g.numpy() for name, g in zip(wanted, found, strict=True)}
    if mistake == "trained_start":  # a tensor that was made with .data
        grads = {name: 0 * g if name.startswith("initial.") else g for name, g in grads.items()}
    if mistake == "fixed_sizes":
        grads = {name: 2 * g if name.endswith(".b") else g for name, g in grads.items()}
    if mistake == "one_hot":
        return grads
    return loss.detach().numpy(), grads, x.detach().numpy()


def spiking(layer, name, p, starts, masks, x, begins, node, mistake):
    """Return what leaves a layer of LIF neurons."""
    cell, rest = layer.cell, torch.zeros(x.shape[1], layer.units, dtype=x.dtype)
    start = rest + (starts.get(f"{name}.v", 0) if mistake != "carried_state" else 0)
    v, z, out = start, rest, []
    leak = p.get(f"{name}.leak", cell.leak)
    if mistake == "trained_leak":  # a constant in the recursion
        leak = leak.detach()
    for t in range(len(x)):
        new = begins[t][:, None]
        v, z = torch.where(new, start, v), torch.where(new, rest, z)
        fresh = leak * (v - cell.threshold * z) + x[t] @ p[f"{name}.W"].T + p[f"{name}.b"]
        z = Spike.apply(fresh - cell.threshold)
        mask = masks.get(f"{name}.v")
        v = fresh if mask is None else mask[t] * fresh + (1 - mask[t]) * v
        kept = v - cell.threshold * z if cell.stored == "post" and mistake != "stored_potential" else v
        out.append(kept if node == "v" else z)
    left = torch.stack(out)
    return left * masks[name] if name in masks else left


def integrated(layer, name, p, starts, masks, x, begins, node, mistake):
    """Return what leaves a leaky readout."""
    o, out = torch.zeros(x.shape[1], layer.units, dtype=x.dtype), []
    for t in range(len(x)):
        o = torch.where(begins[t][:, None], 0 * o, o)
        o = layer.cell.kappa * o + x[t] @ p[f"{name}.W"].T + p[f"{name}.b"]
        out.append(o)
    return torch.stack(out)


def loss_of(problem, o, y, left, mistake):
    """Return the loss: in what form, of what, reduced how, and terms about activity."""
    loss, (steps, batch) = problem.network.loss, o.shape[:2]
    w = torch.ones(steps, batch, dtype=o.dtype) if problem.weights is None else torch.tensor(problem.weights)
    if mistake == "error_window":  # every step, those outside the window too
        w = torch.ones_like(w)
    when = {"spike_count": "mean", "largest": "last", "labels": "last", "final_state": "every"}.get(mistake, loss.when)
    if when in ("every", "last"):
        terms = form("squared_error" if mistake in ("bernoulli", "huber") else loss.kind, o, y) * w
        if when == "last":
            total = terms[-1].sum()
        elif loss.time == "pooled":
            total = terms.sum() / (steps * batch if mistake == "pooled" else w.sum())
        elif loss.time == "mean":
            total = (terms.sum(dim=0) / (steps if mistake == "padded" else w.sum(dim=0))).sum()
        else:
            total = terms.sum()
    else:
        total = form(loss.kind, collected(when, o, w, loss.level, mistake), y[-1]).sum()
    total = total / (batch if loss.batch == "mean" else 1)
    total = total / (o.shape[2] if loss.outputs == "mean" and mistake != "outputs" else 1)
    if mistake == "poisson":  # PyTorch's own mean, over every entry
        total = total / y.numel()
    for term in loss.activity:
        if mistake in ("spike_cost", "sparsity"):
            continue
        sign = -1 if mistake == "rate" else 1
        for i in term.layers:
            z = left[i]
            if term.kind == "rate":
                rate = (w[..., None] * z).sum(dim=0) / w.sum(dim=0)[:, None]
                total = total + sign * term.strength / 2 * ((rate - term.target) ** 2).sum()
            else:
                total = total + term.strength * ((z**2).sum() / 2 if term.kind == "l2" else z.abs().sum())
    return total


def form(kind, o, y):
    """Return the loss of every step and sample, or of every sample."""
    if kind.startswith("{where"):  # a formula of the claim, huber.toml
        return torch.nn.functional.huber_loss(o, y, reduction="none", delta=0.5).sum(dim=-1)
    if kind.startswith("{exp"):
        return torch.nn.functional.poisson_nll_loss(o, y, reduction="none").sum(dim=-1)
    if kind == "squared_error":
        return ((o - y) ** 2).sum(dim=-1) / 2
    if kind == "cross_entropy":
        return -(y * torch.log_softmax(o, dim=-1)).sum(dim=-1)
    return torch.nn.functional.binary_cross_entropy_with_logits(o, y, reduction="none").sum(dim=-1)


def collected(when, o, w, level, mistake=""):
    """Return one number per output and sample."""
    if when in ("sum", "mean", "last"):
        total = (w[..., None] * o).sum(dim=0)
        return total if when == "sum" else o[-1] if when == "last" else total / w.sum(dim=0)[:, None]
    if when == "max":
        return o.gather(0, o.argmax(dim=0, keepdim=True))[0]
    crossed = o > level
    first = torch.where(crossed.any(dim=0), crossed.to(torch.int8).argmax(dim=0), len(o) - 1)
    # the time is a constant; its derivative is -1 at the step that crosses
    at_first = o.gather(0, first[None])[0]
    sign = 1 if mistake == "first_spike" else -1  # more potential, an earlier crossing
    return first.to(o.dtype) + sign * (at_first - at_first.detach())


NAMES = ("padded", "sequences", "trained_start", "carried_state", "dropout", "zoneout", "spike_count", "largest",
         "potential", "rate", "spike_cost", "bernoulli", "outputs", "pooled", "labels", "one_hot", "first_spike",
         "final_state", "error_window", "fixed_sizes", "sparsity", "trained_leak", "huber", "poisson",
         "stored_potential")  # fmt: skip
globals().update({f"wrong_{name}": partial(gradients, mistake=name) for name in NAMES})
