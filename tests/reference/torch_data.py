"""The torch oracle with all that a problem can have: initial values, weights, beginnings, masks, every loss."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as f
from torch_oracle import run_layer


def tensor(values, **options):
    return torch.tensor(values, dtype=torch.float64, **options)


class FirstCrossing(torch.autograd.Function):
    """snnTorch's convention: the step of the first crossing, the last one where there is none; -1 there."""

    @staticmethod
    def forward(ctx, o, level, counts):
        crossed = (o > level) & (counts > 0)[..., None]
        for b in range(o.shape[1]):
            crossed[counts[:, b].nonzero()[-1], b] = True  # the last step that counts
        time = crossed.to(torch.int64).argmax(dim=0)
        ctx.save_for_backward(time, o)
        return time.to(o.dtype)

    @staticmethod
    def backward(ctx, g):
        time, o = ctx.saved_tensors
        return torch.zeros_like(o).scatter_(0, time[None], -g[None]), None, None


def each(kind, o, y):
    """Return the loss of every output, (..., n_out)."""
    if kind == "squared_error":
        return 0.5 * (o - y) ** 2
    if kind == "bernoulli":
        return f.binary_cross_entropy_with_logits(o, y, reduction="none")
    return -y * torch.log_softmax(o, -1)


def loss_of(loss, o, y, w, layers, readouts=None):
    """E, written once more; w (time, batch) or None; auxiliary losses through readouts, layer -> (n_out, units)."""
    total = of_outputs(loss, o, y, w) + sum(
        activity(term, layers[m], w) for term in loss.activity for m in term.numbers_of(len(layers))
    )
    for name, matrix in (readouts or {}).items():
        m = int(name.split(".")[1])
        own = [one for one in loss.local if not one.layers or m in one.layers][-1]
        read = torch.einsum("tbi,ki->tbk", layers[m], tensor(matrix))
        total = total + own.strength * of_outputs(replace(loss, kind=own.kind), read, y, w)
    return total


def of_outputs(loss, o, y, w):
    steps, batch = o.shape[:2]
    counts = torch.ones(steps, batch, dtype=torch.float64) if w is None else w
    if loss.when in ("sum", "mean", "max", "first"):
        seen = {
            "sum": lambda: (counts[..., None] * o).sum(0),
            "mean": lambda: (counts[..., None] * o).sum(0) / counts.sum(0)[:, None],
            "max": lambda: torch.where(counts[..., None] > 0, o, -torch.inf).max(dim=0).values,
            "first": lambda: FirstCrossing.apply(o, loss.level, counts),
        }[loss.when]()
        terms = each(loss.kind, seen, y[-1])[None]
        counts = torch.ones(1, batch, dtype=torch.float64)
    elif loss.when == "last":
        terms, counts = each(loss.kind, o[-1:], y[-1:]), counts[-1:]
    else:
        terms = each(loss.kind, o, y)
    terms = terms.mean(-1) if loss.outputs == "mean" else terms.sum(-1)
    whole = loss.when != "every"
    if loss.time == "pooled":
        total = (counts * terms).sum() / counts.sum()
    else:
        by_sample = (counts * terms).sum(0) / (counts.sum(0) if loss.time == "mean" and not whole else 1)
        total = by_sample.mean() if loss.batch == "mean" else by_sample.sum()
    return total


def activity(term, z, w):
    counts = torch.ones(z.shape[:2], dtype=torch.float64) if w is None else w
    over = (lambda e: e.mean(0)) if term.batch == "mean" else (lambda e: e.sum(0))
    if term.kind == "rate":
        sums = (counts[..., None] * z).sum(0)
        if term.batch == "pooled":
            return term.strength / 2 * ((sums.sum(0) / counts.sum() - term.target) ** 2).sum()
        return term.strength / 2 * over(((sums / counts.sum(0)[:, None] - term.target) ** 2).sum(-1))
    each_step = (z.abs() if term.kind == "l1" else z**2 / 2).sum(-1)
    by_sample = (counts * each_step).sum(0) / (counts.sum(0) if term.time == "mean" else 1)
    return term.strength * over(by_sample)


def run(network, p, x, kept, starts, data):
    """Return what leaves each layer; `kept` are the edges of each."""
    out, masks, begins = [], data.get("masks") or {}, data.get("begins")
    for i, layer in enumerate(network.layers):
        own = f"layers.{i}"
        local = {k.removeprefix(own + "."): v for k, v in p.items() if k.startswith(own + ".")}
        hold = {k.removeprefix(own + "."): tensor(v) for k, v in masks.items() if k.startswith(own + ".")}
        x = run_layer(
            layer,
            local,
            x,
            kept[i],
            start={k.removeprefix(own + "."): v for k, v in starts.items() if k.startswith(own + ".")},
            begins=None if begins is None else torch.tensor(begins),
            drop=tensor(masks[own]) if own in masks else None,
            hold=hold,
            node=network.loss.node if i == network.depth - 1 else "z",
        )
        out.append(x)
    return out


def gradients(network, parameters, inputs, targets, rule, **data):
    """For each layer: keep the rule's own edges in it and its upper edges above it, and differentiate."""
    out = {}
    w = data.get("weights")
    for own in range(network.depth):
        p = {k: tensor(v, requires_grad=True) for k, v in parameters.items()}
        starts = {k: tensor(v, requires_grad=True) for k, v in (data.get("initial") or {}).items()}
        kept = [rule.own if i == own else rule.upper for i in range(network.depth)]
        layers = run(network, p, tensor(inputs), kept, starts, data)
        weights = None if w is None else tensor(w)
        loss_of(network.loss, layers[-1], tensor(targets), weights, layers, data.get("readouts")).backward()
        mine = f"layers.{own}."
        out.update({k: v.grad.numpy() for k, v in p.items() if k.startswith(mine)})
        if data.get("initial_gradient"):
            nothing = {k: torch.zeros_like(v) for k, v in starts.items()}
            grads = {k: (nothing[k] if v.grad is None else v.grad).numpy() for k, v in starts.items()}
            out.update({f"initial.{k}": g for k, g in grads.items() if k.startswith(mine)})
    return out
