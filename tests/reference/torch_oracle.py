"""An oracle that shares nothing with the engines: the papers' equations as torch loops, edges cut with `detach`."""

from __future__ import annotations

import torch
from torch.nn.functional import layer_norm

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


def run_layer(layer, p, x, kept, *, start=None, begins=None, drop=None, hold=None, node="z"):
    """Run one layer over (time, batch, inputs); temporal edges outside `kept` are detached where they start.

    start: initial v and z; begins (time, batch): they come back; drop (time, batch, units) multiplies what leaves;
    hold: for v and z, the share of the new value, the rest being the value before.
    """
    cell = layer.cell
    steps, batch, _ = x.shape
    zero = torch.zeros(batch, layer.units, dtype=torch.float64)
    v0, z0 = ((start or {}).get(k, zero) + zero for k in "vz")
    v, z = v0, z0
    p = {**p, **standardised(cell, p)}
    leak = p.get("leak", torch.tensor(getattr(cell, "leak", 0.0), dtype=torch.float64))
    th = p.get("threshold", torch.tensor(getattr(cell, "threshold", 0.0), dtype=torch.float64))
    out = []
    for t in range(steps):
        if begins is not None:
            v, z = (torch.where(begins[t][:, None], first, now) for first, now in ((v0, v), (z0, z)))
        was = {"v": cut(v, Edge.STATE, kept), "z": cut(z, Edge.STATE, kept)}
        a = x[t] @ p["W"].T
        if "b" in p:
            a = a + p["b"]
        if "H" in p:
            a = a + cut(z, Edge.RECURRENT, kept) @ p["H"].T
        a = normalised(cell, p, a)
        if cell.name == "rnn":
            z = torch.tanh(a)
            v, z = settle(v, z, was, hold, t)
            out.append((v if node == "v" else z) * (1 if drop is None else drop[t]))
            continue
        vs, zr = cut(v, Edge.STATE, kept), cut(z, Edge.RESET, kept)
        if cell.name in ("snu", "ssnu"):
            a = a + leak * vs * (1 - zr)
            v = torch.tanh(a) if cell.transfer == "tanh" else torch.relu(a) if cell.transfer == "relu" else a
            u = v - th
            z = torch.sigmoid(u) if cell.name == "ssnu" else Spike.apply(u, pseudo(cell.surrogate, u), cell.strict)
            v, z = settle(v, z, was, hold, t)
            out.append((v if node == "v" else z) * (1 if drop is None else drop[t]))
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
        v, z = settle(v, z, was, hold, t)
        out.append((v if node == "v" else z) * (1 if drop is None else drop[t]))
    return torch.stack(out)


def normalised(cell, p, a):
    """Layer normalisation of the drive, by torch's own."""
    how = getattr(cell, "normalised", None)
    return a if how is None else layer_norm(a, a.shape[1:], p.get("a_gain"), p.get("a_bias"), how.epsilon)


def standardised(cell, p):
    """The weights that act, each row with torch's own mean and variance."""
    out = {}
    for name in getattr(cell, "standard_weights", ()):
        variance, mean = torch.var_mean(p[name], dim=1, keepdim=True, unbiased=False)
        out[name] = (p[name] - mean) / torch.sqrt(variance + cell.standardised.epsilon)
    return out


def settle(v, z, was, hold, t):
    """Zoneout: both new values are computed before either of them is held."""
    for name, share in (hold or {}).items():
        v = share[t] * v + (1 - share[t]) * was["v"] if name == "v" else v
        z = share[t] * z + (1 - share[t]) * was["z"] if name == "z" else z
    return v, z


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
