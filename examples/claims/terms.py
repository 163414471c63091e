"""Graphs with more in their loss than the error at the output: a regulariser of activity, an auxiliary loss.

`gradcert certify examples/claims/terms.py:quiet_skip --claim examples/claims/quiet_skip.toml`; the mistakes are
`wrong_quiet_skip` and `wrong_taught_skip`. Both networks are x -> low -> high -> out, and low -> out.
"""

from functools import partial

import torch
from graphs import Lif, given

torch.set_num_threads(1)


def run(problem):
    """Return parameters, targets, the spikes of both populations and the outputs, (time, batch, units) each."""
    p, x, y, cells = given(problem)
    low, high, o, kept = Lif(cells["low"]), Lif(cells["high"]), 0.0, []
    for xt in x:
        z = low.step(xt @ p["low.W"].T + p["low.b"])
        h = high.step(z @ p["high.W"].T + p["high.b"])
        o = cells["out"].kappa * o + h @ p["out.W.high"].T + z @ p["out.W.low"].T + p["out.b"]
        kept.append((z, h, o))
    return p, y, *(torch.stack(values) for values in zip(*kept, strict=True))


def answer(p, loss, outputs):
    """Return the loss, its gradients and the outputs."""
    found = torch.autograd.grad(loss, list(p.values()), materialize_grads=True)
    gradients = {k: g.numpy() for k, g in zip(p, found, strict=True)}
    return loss.detach().numpy(), gradients, outputs.detach().numpy()


def quiet_skip(problem, mistake=False):
    """Half a sum of squares, and the firing rate of `low` pushed towards a target."""
    p, y, z, _, o = run(problem)
    (term,) = problem.network.loss.activity
    rate = z.mean(dim=(0, 1)) if mistake else z.mean(dim=0)  # of all samples together, in the place of each
    return answer(p, ((o - y) ** 2).sum() / 2 + term.strength / 2 * ((rate - term.target) ** 2).sum(), o)


def taught_skip(problem, mistake=False):
    """Half a sum of squares, and half of another at a fixed readout of `high`."""
    p, y, _, h, o = run(problem)
    (term,) = problem.network.loss.local
    strength = 1.0 if mistake else term.strength
    read = h @ torch.tensor(problem.readouts["high"]).T
    return answer(p, ((o - y) ** 2).sum() / 2 + strength * ((read - y) ** 2).sum() / 2, o)


SUBJECTS = (quiet_skip, taught_skip)
globals().update({f"wrong_{subject.__name__}": partial(subject, mistake=True) for subject in SUBJECTS})
