"""Stacks whose layers differ, and claims about some of the parameters alone, by torch.autograd; and their mistakes.

`gradcert certify examples/claims/stacks.py:gradients --claim examples/claims/mixed.toml`. A mistake has the name of the
claim that it breaks, `wrong_mixed`.
"""

from functools import partial

import torch
from arctan import Spike

torch.set_num_threads(1)


def gradients(problem, mistake=""):
    """Return loss, gradients and outputs."""
    wanted = [k for k in problem.parameters if not problem.wanted or k in problem.wanted]
    wanted += problem.untrained if mistake == "frozen" else ()  # requires_grad left as it was
    p = {k: torch.tensor(v, requires_grad=k in wanted) for k, v in problem.parameters.items()}
    x, y = torch.tensor(problem.inputs), torch.tensor(problem.targets)
    first = problem.network.layers[0].cell
    for i, layer in enumerate(problem.network.layers):
        cell = first if mistake == "mixed" and layer.cell.name == first.name else layer.cell  # options of the first
        own = {name.split(".")[2]: value for name, value in p.items() if name.startswith(f"layers.{i}.")}
        x = integrated(cell, own, x) if layer.cell.name == "integrator" else spiking(cell, layer.cell, own, x)
    if mistake == "spiking_readout":  # the step itself, whose derivative is 0
        x = x.detach() + sum(0 * v.sum() for v in p.values())
    loss = ((x - y) ** 2).sum() / 2
    loss = loss if problem.network.loss.batch == "sum" else loss / x.shape[1]
    found = torch.autograd.grad(loss, [p[k] for k in wanted], materialize_grads=True)
    grads = {name: g.numpy() for name, g in zip(wanted, found, strict=True)}
    if mistake == "head":  # the mean over the batch taken once more
        grads = {name: g / x.shape[1] for name, g in grads.items()}
    return loss.detach().numpy(), grads, x.detach().numpy()


def spiking(cell, numbers, p, x):
    """Return what leaves a layer of LIF neurons with the options of `cell`, and the constants of `numbers`."""
    v = torch.zeros(x.shape[1], len(p["W"]), dtype=x.dtype)
    z, out = v, []
    for t in range(len(x)):
        drive = x[t] @ p["W"].T + p["b"] + (z @ p["H"].T if "H" in p else 0)
        v = v * (1 - z) if cell.reset == "hard" else v - numbers.threshold * z
        v = numbers.leak * v + drive
        z = Spike.apply(v - numbers.threshold)
        out.append(z)
    return torch.stack(out)


def integrated(cell, p, x):
    """Return what leaves a leaky readout."""
    o, out = torch.zeros(x.shape[1], len(p["W"]), dtype=x.dtype), []
    for t in range(len(x)):
        o = cell.kappa * o + x[t] @ p["W"].T + p["b"]
        out.append(o)
    return torch.stack(out)


NAMES = ("mixed", "frozen", "head", "spiking_readout")
globals().update({f"wrong_{name}": partial(gradients, mistake=name) for name in NAMES})
