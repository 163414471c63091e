"""Stacks of other spiking neurons, and of other pseudo-derivatives, trained by torch.autograd; and their mistakes.

`gradcert certify examples/claims/spikes.py:gradients --claim examples/claims/refractory.toml`. A mistake has the name
of the claim that it breaks, `wrong_refractory`.
"""

from functools import partial

import torch

torch.set_num_threads(1)


class Spike(torch.autograd.Function):
    """A step with a given derivative."""

    @staticmethod
    def forward(ctx, x, slope):
        """Return 1 from 0 on."""
        ctx.save_for_backward(slope)
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        """Return the pseudo-derivative times what arrives."""
        (slope,) = ctx.saved_tensors
        return grad * slope, None


def bell(x):
    """Return a pseudo-derivative of one's own: it is in no table, and claims take it as it is (own_function.toml)."""
    return 0.4 * torch.exp(-3 * x**2) + 0.05


FORMS = {
    "atan": lambda x, s: s["scale"] / 2 / (1 + (torch.pi * s["scale"] * x / 2) ** 2),
    "triangle": lambda x, s: s["scale"] * torch.clamp(1 - x.abs() / s["width"], min=0),
    "one_sided": lambda x, s: torch.where(x < 0, s["height"] * torch.exp(x), 0.1 * s["height"]),
    "bell": lambda x, s: bell(x),
}


def form_of(surrogate, mistake):
    """Return psi: of the table by its name, of a claim with a formula by what this program means by it."""
    name = surrogate.name
    if surrogate.formula:
        name = "bell" if surrogate.given else "one_sided"
    scale = surrogate.amplitude if mistake != "amplitude" else 1
    psi = lambda x: scale * FORMS[name](x, dict(surrogate.scales))  # noqa: E731
    return (lambda x: psi(-x.abs())) if mistake == "formula" else psi  # both sides alike


def gradients(problem, mistake=""):
    """Return loss, gradients and outputs."""
    p = {name: torch.tensor(value, requires_grad=True) for name, value in problem.parameters.items()}
    x, y = torch.tensor(problem.inputs), torch.tensor(problem.targets)
    for i, layer in enumerate(problem.network.layers):
        own = {name.split(".")[2]: value for name, value in p.items() if name.startswith(f"layers.{i}.")}
        x = LAYERS[layer.cell.name.rpartition(":")[2]](layer, own, x, mistake)
    o, when = (x, problem.network.loss.when)
    loss = ((o - y)[-1 if when == "last" else slice(None)] ** 2).sum() / 2 + sum(0 * v.sum() for v in p.values())
    found = torch.autograd.grad(loss, list(p.values()), materialize_grads=True)
    return loss.detach().numpy(), {name: g.numpy() for name, g in zip(p, found, strict=True)}, o.detach().numpy()


def fired(cell, v, p, mistake, threshold=None):
    """Return the spikes of a membrane potential."""
    th = p.get("threshold", torch.as_tensor(cell.threshold, dtype=v.dtype))
    margin = v - (th if threshold is None else threshold)
    scaled = getattr(cell, "scaling", "none") == "threshold"
    psi = form_of(cell.surrogate, mistake)
    argument = v if mistake == "own_function" else margin / th if scaled and mistake != "scaling" else margin
    if scaled and "threshold" in p:  # the division is differentiated too
        return Spike.apply(argument, psi(argument.detach()))
    return Spike.apply(margin, psi(argument.detach()) / (th.detach() if scaled else 1))


def lif(layer, p, x, mistake):
    """Return what leaves a layer of LIF neurons."""
    cell, v, out = layer.cell, torch.zeros(x.shape[1], layer.units, dtype=x.dtype), []
    z = v
    for t in range(len(x)):
        th = p.get("threshold", cell.threshold)
        v = cell.leak * (v - th * z) + x[t] @ p["W"].T + p["b"]
        z = fired(cell, v, p, mistake)
        out.append(z)
    return torch.stack(out)


def refractory(layer, p, x, mistake):
    """Return what leaves a layer of LIF neurons that are silent for some steps after a spike."""
    cell, v, out = layer.cell, torch.zeros(x.shape[1], layer.units, dtype=x.dtype), []
    last = [v] * cell.period  # constants: nothing is differentiated through a counter, or a detached reset
    for t in range(len(x)):
        v = cell.leak * (v - cell.threshold * last[0]) + x[t] @ p["W"].T + p["b"]
        z = fired(cell, v, p, mistake)
        if mistake == "refractory":  # the spike is dropped, its pseudo-derivative is not
            z = z - (z * sum(last)).detach()
        else:
            z = (1 - sum(last)) * z
        last = [z.detach(), *last[:-1]]
        out.append(z)
    return torch.stack(out)


def synaptic(layer, p, x, mistake):
    """Return what leaves a layer of LIF neurons that are driven by a current of its own decay."""
    cell, v, out = layer.cell, torch.zeros(x.shape[1], layer.units, dtype=x.dtype), []
    i, z = v, v
    for t in range(len(x)):
        old = i
        kept = i.detach() if mistake == "synaptic" else i  # the current of the step before as a constant
        i = cell.rho * kept + x[t] @ p["W"].T + p["b"]
        driving = old if cell.order == "old" else i
        if mistake == "synaptic_old":  # the value of the step before, the derivative of this one's
            driving = old.detach() + i - i.detach()
        if cell.reset == "hard":  # as Lava's cuba
            v = v * (1 - (z.detach() if mistake == "cuba" else z))  # a reset that the claim says is differentiated
            v = cell.leak * v + driving
        else:
            v = cell.leak * v + driving - cell.threshold * z
        z = fired(cell, v, p, mistake)
        out.append(z)
    return torch.stack(out)


def alpha(layer, p, x, mistake):
    """Return what leaves a layer of LIF neurons behind alpha synapses (alpha_cell.py)."""
    cell, v, out = layer.cell, torch.zeros(x.shape[1], layer.units, dtype=x.dtype), []
    g, i, z = v, v, v
    for t in range(len(x)):
        g = cell.rho * g + x[t] @ p["W"].T + p["b"]
        i = cell.rho * i + g
        current = i if mistake != "own_cell" else g + (i - g).detach()  # the derivative of g
        v = cell.leak * v + (1 - cell.leak) * current - cell.threshold * z
        z = fired(cell, v, p, mistake)
        out.append(z)
    return torch.stack(out)


def several(layer, p, x, mistake):
    """Return what leaves a layer of neurons with several spikes a step (alpha_cell.py)."""
    cell, v, out = layer.cell, torch.zeros(x.shape[1], layer.units, dtype=x.dtype), []
    z = v
    for t in range(len(x)):
        v = cell.leak * v - cell.threshold * z + x[t] @ p["W"].T + p["b"]
        u = v / cell.threshold
        inside = (u >= 0) & (u < 4)
        passed = v if mistake == "several_spikes" else u  # not divided by the threshold
        through = torch.where(inside, passed, passed.detach())
        z = torch.floor(u).clamp(0, 3).detach() + (through - through.detach())
        out.append(z)
    return torch.stack(out)


LAYERS = {"lif": lif, "refractory": refractory, "synaptic": synaptic, "Alpha": alpha, "Several": several}
NAMES = ("formula", "own_function", "amplitude", "scaling", "refractory", "synaptic", "synaptic_old", "cuba",
         "own_cell", "several_spikes")  # fmt: skip
globals().update({f"wrong_{name}": partial(gradients, mistake=name) for name in NAMES})
