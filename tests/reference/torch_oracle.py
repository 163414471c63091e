"""An oracle that shares nothing with the engines: the papers' equations as torch loops, edges cut with `detach`."""

from __future__ import annotations

import torch

from gradcert.reference.networks.edges import Edge


class Spike(torch.autograd.Function):
    """A step with a pseudo-derivative."""

    @staticmethod
    def forward(ctx, x, psi, strict):
        ctx.save_for_backward(psi)
        return ((x > 0) if strict else (x >= 0)).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (psi,) = ctx.saved_tensors
        return g * psi, None, None


def pseudo(surrogate, x):
    s = dict(surrogate.scales)
    x = x.detach()
    if surrogate.name == "tanh":
        return 1 - torch.tanh(x) ** 2
    if surrogate.name == "sigmoid":
        y = torch.sigmoid(s["scale"] * x)
        return s["scale"] * y * (1 - y)
    if surrogate.name == "atan":
        return s["scale"] / 2 / (1 + (torch.pi / 2 * s["scale"] * x) ** 2)
    if surrogate.name == "triangle":
        return s["scale"] * torch.clamp(1 - x.abs() / s["width"], min=0)
    raise AssertionError(surrogate.name)


def cut(value, edge, kept):
    return value if edge in kept else value.detach()


def run_layer(layer, p, x, kept):
    """Run one layer over (time, batch, inputs); temporal edges outside `kept` are detached where they start."""
    cell = layer.cell
    steps, batch, _ = x.shape
    v = torch.zeros(batch, layer.units, dtype=torch.float64)
    z = torch.zeros_like(v)
    leak = p.get("leak", torch.tensor(getattr(cell, "leak", 0.0), dtype=torch.float64))
    th = p.get("threshold", torch.tensor(getattr(cell, "threshold", 0.0), dtype=torch.float64))
    out = []
    for t in range(steps):
        a = x[t] @ p["W"].T
        if "b" in p:
            a = a + p["b"]
        if "H" in p:
            a = a + cut(z, Edge.RECURRENT, kept) @ p["H"].T
        if cell.name == "rnn":
            z = torch.tanh(a)
            out.append(z)
            continue
        vs, zr = cut(v, Edge.STATE, kept), cut(z, Edge.RESET, kept)
        if cell.name in ("snu", "ssnu"):
            a = a + leak * vs * (1 - zr)
            v = torch.tanh(a) if cell.transfer == "tanh" else torch.relu(a) if cell.transfer == "relu" else a
            u = v - th
            z = torch.sigmoid(u) if cell.name == "ssnu" else Spike.apply(u, pseudo(cell.surrogate, u), cell.strict)
            out.append(z)
            continue
        drive = a if cell.gain == "one" else (1 - leak) * a
        if cell.reset == "subtract_before_leak":
            v = leak * (vs - th * zr) + drive
        elif cell.reset == "subtract_after_leak":
            v = leak * vs - th * zr + drive
        elif cell.reset == "hard":
            v = leak * (vs * (1 - zr) + cell.reset_value * zr) + drive
        else:
            v = leak * vs + drive
        z = Spike.apply(v - th, pseudo(cell.surrogate, v - th), cell.strict)
        out.append(z)
    return torch.stack(out)


def loss_of(loss, outputs, targets):
    if loss.when == "last":
        outputs, targets = outputs[-1:], targets[-1:]
    if loss.kind == "squared_error":
        each = 0.5 * ((outputs - targets) ** 2).sum(-1)
    else:
        each = -(targets * torch.log_softmax(outputs, -1)).sum(-1)
    each = each.sum(0) if loss.time == "sum" else each.mean(0)
    return each.sum() if loss.batch == "sum" else each.mean()


def gradients(network, parameters, inputs, targets, rule):
    """For each layer: keep the rule's own edges in it and its upper edges above it, and differentiate."""
    out = {}
    for own in range(network.depth):
        p = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in parameters.items()}
        x = torch.tensor(inputs, dtype=torch.float64)
        for i, layer in enumerate(network.layers):
            local = {k.split(".")[2]: v for k, v in p.items() if k.startswith(f"layers.{i}.")}
            x = run_layer(layer, local, x, rule.own if i == own else rule.upper)
        loss_of(network.loss, x, torch.tensor(targets, dtype=torch.float64)).backward()
        out.update({k: v.grad.numpy() for k, v in p.items() if k.startswith(f"layers.{own}.")})
    return out
