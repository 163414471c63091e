"""Networks that are graphs of populations, each written out literally; and a mistake for each.

`gradcert certify examples/claims/graphs.py:delay --claim examples/claims/delay.toml`. A mistake has the name of the
claim that it breaks, `wrong_delay`. All but `feedback`, which is a backward pass by hand, are torch.autograd's.
"""

from functools import partial

import numpy as np
import torch
from arctan import Spike

torch.set_num_threads(1)


class Lif:
    """Units that are reset by subtraction before they leak; `leak` where it is trained."""

    def __init__(self, cell, leak=None):
        self.leak, self.threshold = cell.leak if leak is None else leak, cell.threshold
        self.v = self.z = 0.0

    def step(self, drive):
        """Return the spikes of a step."""
        self.v = self.leak * (self.v - self.threshold * self.z) + drive
        self.z = Spike.apply(self.v - self.threshold)
        return self.z


def given(problem):
    """Return tensors of the parameters, inputs (time, batch, n), targets, and the cells by name."""
    p = {k: torch.tensor(v, requires_grad=True) for k, v in problem.parameters.items()}
    cells = {x.name: x.cell for x in problem.network.graph.populations}
    return p, torch.tensor(problem.inputs), torch.tensor(problem.targets), cells


def answer(p, outputs, y):
    """Return loss, gradients and outputs of half a sum of squares."""
    o = torch.stack(outputs)
    loss = ((o - y) ** 2).sum() / 2
    found = torch.autograd.grad(loss, list(p.values()), materialize_grads=True)
    return loss.detach().numpy(), {k: g.numpy() for k, g in zip(p, found, strict=True)}, o.detach().numpy()


def skip(problem, mistake=False):
    """X -> low -> high -> out, and low -> out."""
    p, x, y, cells = given(problem)
    low, high, o, outputs = Lif(cells["low"]), Lif(cells["high"]), 0.0, []
    for xt in x:
        z = low.step(xt @ p["low.W"].T + p["low.b"])
        h = high.step(z @ p["high.W"].T + p["high.b"])
        past = z.detach() if mistake else z  # a skip connection that carries no credit
        o = cells["out"].kappa * o + h @ p["out.W.high"].T + past @ p["out.W.low"].T + p["out.b"]
        outputs.append(o)
    return answer(p, outputs, y)


def feedback(problem, mistake=False):
    """X -> low -> high -> out, and high -> low a step later; forwards, then backwards in time."""
    p, x, y = problem.parameters, problem.inputs, problem.targets
    g = {k: np.zeros_like(v) for k, v in p.items()}
    z = h = np.zeros((x.shape[1], len(p["high.W"])))
    kept, outputs = [], []
    for xt in x:
        before = h
        z = np.tanh(xt @ p["low.W.x"].T + before @ p["low.W.high"].T + p["low.b"])
        h = np.tanh(z @ p["high.W"].T + p["high.b"])
        outputs.append(h @ p["out.W"].T + p["out.b"])
        kept.append((before, z, h))
    later = 0.0  # what the next step says of h
    for t in reversed(range(len(x))):
        (before, z, h), e = kept[t], outputs[t] - y[t]
        a = (e @ p["out.W"] + later) * (1 - h * h)
        b = (a @ p["high.W"]) * (1 - z * z)
        source = h if mistake else before  # the feedback as it is now: a connection at lag 0
        for name, delta, read in (("out", e, h), ("high", a, z), ("low.W.x", b, x[t]), ("low.W.high", b, source)):
            g[name if "." in name else f"{name}.W"] += delta.T @ read
        for name, delta in (("out", e), ("high", a), ("low", b)):
            g[f"{name}.b"] += delta.sum(axis=0)
        later = b @ p["low.W.high"]
    return ((np.stack(outputs) - y) ** 2).sum() / 2, g, np.stack(outputs)


def two_inputs(problem, mistake=False):
    """Image -> low, context -> low, low -> low a step later, low -> out."""
    p, x, y, cells = given(problem)
    pixels = p["low.W.image"].shape[1]
    image, context = x[..., :pixels], x[..., pixels:]
    if mistake:  # the context first
        image, context = x[..., -pixels:], x[..., :-pixels]
    low, o, outputs = Lif(cells["low"]), 0.0, []
    z = torch.zeros(x.shape[1], len(p["low.b"]), dtype=x.dtype)
    for it, ct in zip(image, context, strict=True):
        z = low.step(it @ p["low.W.image"].T + ct @ p["low.W.context"].T + z @ p["low.H"].T + p["low.b"])
        o = cells["out"].kappa * o + z @ p["out.W"].T + p["out.b"]
        outputs.append(o)
    return answer(p, outputs, y)


def delay(problem, mistake=False):
    """X -> low, low -> out three steps later."""
    p, x, y, cells = given(problem)
    late = 2 if mistake else 3
    low, o, outputs = Lif(cells["low"]), 0.0, []
    spikes = [torch.zeros(x.shape[1], len(p["low.b"]), dtype=x.dtype)] * late
    for xt in x:
        spikes.append(low.step(xt @ p["low.W"].T + p["low.b"]))
        o = cells["out"].kappa * o + spikes[-1 - late] @ p["out.W"].T + p["out.b"]
        outputs.append(o)
    return answer(p, outputs, y)


def convolution(problem, mistake=False):
    """X -> features through a convolution, -> memory through a pool and a matrix, -> itself and -> out."""
    p, x, y, cells = given(problem)
    conv, pool = torch.nn.functional.conv2d, torch.nn.functional.avg_pool2d
    memory, o, outputs = Lif(cells["memory"]), 0.0, []
    z = torch.zeros(x.shape[1], len(p["memory.b"]), dtype=x.dtype)
    for xt in x:
        image = conv(xt.reshape(-1, 1, 4, 4), p["features.W"], padding=1)
        features = torch.tanh(image.flatten(1) + p["features.b"])
        pooled = pool(features.reshape(-1, 2, 4, 4), 2).flatten(1)
        z = memory.step(pooled @ p["memory.W.1"].T + z @ p["memory.H"].T + p["memory.b"])
        o = cells["out"].kappa * o + z @ p["out.W"].T + p["out.b"]
        outputs.append(o)
    loss, grads, o = answer(p, outputs, y)
    if mistake:  # the kernel of the gradient as a convolution has it
        grads["features.W"] = grads["features.W"][..., ::-1, ::-1].copy()
    return loss, grads, o


class EveryLargest(torch.autograd.Function):
    """Max pooling whose credit goes to every pixel that is as large as the largest of its window."""

    @staticmethod
    def forward(ctx, image):
        """Return the largest of every window."""
        largest = torch.nn.functional.max_pool2d(image, 2)
        ctx.save_for_backward(image, largest)
        return largest

    @staticmethod
    def backward(ctx, g):
        """Return the credit of every pixel."""
        image, largest = ctx.saved_tensors
        wide = [v.repeat_interleave(2, -1).repeat_interleave(2, -2) for v in (g, largest)]
        return wide[0] * (image == wide[1])


def pooling(problem, mistake=False):
    """X -> low through a convolution, -> out through the largest spikes of its windows and a matrix."""
    p, x, y, cells = given(problem)
    pool = EveryLargest.apply if mistake else partial(torch.nn.functional.max_pool2d, kernel_size=2)
    low, o, outputs = Lif(cells["low"]), 0.0, []
    for xt in x:
        image = torch.nn.functional.conv2d(xt.reshape(-1, 1, 4, 4), p["low.W"], padding=1)
        z = low.step(image.flatten(1) + p["low.b"])
        pooled = pool(z.reshape(-1, 2, 4, 4)).flatten(1)
        o = cells["out"].kappa * o + pooled @ p["out.W.1"].T + p["out.b"]
        outputs.append(o)
    return answer(p, outputs, y)


def shared(problem, mistake=False):
    """X -> low, whose units have one leak, low -> out."""
    p, x, y, cells = given(problem)
    leak = p["low.leak"].expand(len(p["low.b"]))
    if mistake:  # the leak of the first unit alone is trained
        leak = torch.cat([leak[:1], leak[1:].detach()])
    low, o, outputs = Lif(cells["low"], leak), 0.0, []
    for xt in x:
        z = low.step(xt @ p["low.W"].T + p["low.b"])
        o = cells["out"].kappa * o + z @ p["out.W"].T + p["out.b"]
        outputs.append(o)
    return answer(p, outputs, y)


SUBJECTS = (skip, feedback, two_inputs, delay, convolution, pooling, shared)
globals().update({f"wrong_{subject.__name__}": partial(subject, mistake=True) for subject in SUBJECTS})
