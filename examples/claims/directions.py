"""Bidirectional layers, torch.nn.RNN's own two-layer stack under a linear readout; and a mistake.

`gradcert certify examples/claims/directions.py:bidirectional --claim examples/claims/bidirectional.toml`. The mistake,
`wrong_bidirectional`, writes the first layer by hand and does not turn its backward outputs round again.
"""

import torch
from torch.func import functional_call

torch.set_num_threads(1)


def bidirectional(problem):
    """Return loss, gradients and outputs."""
    p = {name: torch.tensor(value, requires_grad=True) for name, value in problem.parameters.items()}
    x = torch.tensor(problem.inputs)
    low = stack(x, p, "low", [p["low.W"], p["low_back.W"]])
    high = [torch.cat([p[f"{name}.W.low"], p[f"{name}.W.low_back"]], dim=1) for name in ("high", "high_back")]
    return answer(problem, p, stack(low, p, "high", high))


def wrong_bidirectional(problem):
    """Return loss, gradients and outputs, the first backward pass being left in its own order."""
    p = {name: torch.tensor(value, requires_grad=True) for name, value in problem.parameters.items()}
    x = torch.tensor(problem.inputs)
    low = torch.cat([scan(x, p, "low"), scan(x.flip(0), p, "low_back")], dim=2)
    high = [torch.cat([p[f"{name}.W.low"], p[f"{name}.W.low_back"]], dim=1) for name in ("high", "high_back")]
    return answer(problem, p, stack(low, p, "high", high))


def stack(x, p, name, inner):
    """Return both directions of one layer, side by side."""
    module = torch.nn.RNN(x.shape[2], len(p[f"{name}.b"]), bidirectional=True, dtype=x.dtype)
    given: dict[str, torch.Tensor] = {}
    for weight, owner, end in zip(inner, (name, f"{name}_back"), ("l0", "l0_reverse"), strict=True):
        given |= {f"weight_ih_{end}": weight, f"weight_hh_{end}": p[f"{owner}.H"]}
        given |= {f"bias_ih_{end}": p[f"{owner}.b"], f"bias_hh_{end}": torch.zeros_like(p[f"{owner}.b"])}
    return functional_call(module, given, (x,))[0]


def scan(x, p, name):
    """Return what a pass leaves at every step of its own."""
    z, out = torch.zeros(x.shape[1], len(p[f"{name}.b"]), dtype=x.dtype), []
    for step in x:
        z = torch.tanh(step @ p[f"{name}.W"].T + z @ p[f"{name}.H"].T + p[f"{name}.b"])
        out.append(z)
    return torch.stack(out)


def answer(problem, p, high):
    """Return loss, gradients and outputs of the readout."""
    weight = torch.cat([p["out.W.high"], p["out.W.high_back"]], dim=1)
    o = high @ weight.T + p["out.b"]
    loss = ((o - torch.tensor(problem.targets)) ** 2).sum() / 2 / len(o)
    found = torch.autograd.grad(loss, list(p.values()))
    return loss.detach().numpy(), {k: g.numpy() for k, g in zip(p, found, strict=True)}, o.detach().numpy()
