"""Training loops and trainers as strangers write them: right in one version, wrong in others, by name of the fault."""

import torch
from torch import nn

INPUTS, HIDDEN, OUTPUTS, STEPS, BATCH = 6, 12, 3, 10, 8


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return g / (1 + 10 * v.abs()) ** 2


class Net(nn.Module):
    """Recurrent LIF and a leaky readout; the reset is detached, or is not."""

    def __init__(self, detached=True, silent=False):
        super().__init__()
        self.fc = nn.Linear(INPUTS, HIDDEN)
        self.rec = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.out = nn.Linear(HIDDEN, OUTPUTS)
        self.detached, self.silent = detached, silent

    def forward(self, x, state=None):
        if state is None:
            state = (x.new_zeros(len(x), HIDDEN), x.new_zeros(len(x), HIDDEN), x.new_zeros(len(x), OUTPUTS))
        v, z, y = state
        reset = z.detach() if self.detached else z
        v = 0.9 * v + self.fc(x) + self.rec(z) - reset
        z = Spike.apply(v - 1.0)
        y = 0.8 * y + self.out(z)
        return y, (v, z, y)


def batch(seed):
    """Inputs and labels of one step of training."""
    generator = torch.Generator().manual_seed(seed)
    x = 1.5 * torch.randn(STEPS, BATCH, INPUTS, generator=generator)
    return x, torch.randint(0, OUTPUTS, (BATCH,), generator=generator)


def mean_of_steps(outputs, y):
    """Cross entropy of every step, averaged over steps and samples."""
    steps = outputs.shape[0]
    return nn.functional.cross_entropy(outputs.reshape(-1, OUTPUTS), y.repeat(steps))


def sum_of_steps(outputs, y):
    """The same without 1 / T."""
    return mean_of_steps(outputs, y) * outputs.shape[0]


def forward(net, x):
    """Run a net over a sequence."""
    state, outputs = None, []
    for x_t in x:
        y, state = net(x_t, state)
        outputs.append(y)
    return torch.stack(outputs)


class EProp:
    """Hand-written eligibility traces (e-prop with symmetric feedback), its own loss and weight update; no autograd.

    `fault` is the mistake that it makes from step `since` on.
    """

    def __init__(self, net, rate=0.05, fault=None, since=0):
        self.net, self.rate, self.fault, self.since = net, rate, fault, since
        self.count, self.kept = 0, None

    def train_sample(self, data, target):
        fault = self.fault if self.count >= self.since else None
        self.count += 1
        with torch.no_grad():
            grads = self.gradients(data, target, fault)
            for p, g in zip((self.net.fc.weight, self.net.fc.bias, self.net.rec.weight, self.net.out.weight,
                             self.net.out.bias), grads, strict=True):  # fmt: skip
                p.grad = g.clone() if p.grad is None or fault != "accumulated" else p.grad + g
        return None

    def gradients(self, data, target, fault):
        leak = 0.8 if fault == "decay" else 0.9
        steps, n = data.shape[:2]
        state = None
        trace_x, trace_1, trace_z = data.new_zeros(n, INPUTS), data.new_zeros(n, 1), data.new_zeros(n, HIDDEN)
        if fault == "not reset" and self.kept is not None:
            trace_x, trace_1, trace_z = self.kept
        e = [data.new_zeros(n, HIDDEN, k) for k in (INPUTS, 1, HIDDEN)]
        filtered, ones = data.new_zeros(n, HIDDEN), data.new_zeros(n, 1)
        total = [0, 0, 0, 0, 0]
        late = data.new_zeros(n, OUTPUTS)
        z_before = data.new_zeros(n, HIDDEN)
        one_hot = nn.functional.one_hot(target, OUTPUTS).to(data.dtype)
        for x in data:
            y, state = self.net(x, state)
            v, z = state[0], state[1]
            trace_x, trace_1, trace_z = leak * trace_x + x, leak * trace_1 + 1, leak * trace_z + z_before
            at = v - 1.0 - z if fault == "after the reset" else v - 1.0
            psi = 1 / (1 + 10 * at.abs()) ** 2
            for k, trace in enumerate((trace_x, trace_1, trace_z)):
                e[k] = 0.8 * e[k] + psi[:, :, None] * trace[:, None, :]
            filtered, ones = 0.8 * filtered + z, 0.8 * ones + 1
            delta = (y.softmax(-1) - one_hot) / n / (1 if fault == "no average" else steps)
            error = late if fault == "late" else delta
            late = delta
            signal = error @ self.net.out.weight
            for k in range(3):
                total[k] = total[k] + torch.einsum("bi,bij->ij", signal, e[k])
            total[3] = total[3] + error.T @ filtered
            total[4] = total[4] + (error * ones).sum(0)
            z_before = z
        self.kept = (trace_x, trace_1, trace_z)
        total[1] = total[1][:, 0]
        if fault == "zero":
            total[2] = torch.zeros_like(total[2])
        return total


class ByAutograd:
    """The usual loop: a loss, ``backward``; its gradients pass through float16 where it is asked for less memory.

    `fault` is the mistake that it makes from step `since` on.
    """

    scales = {"overflow": 2.0**24, "underflow": 2.0**-16}

    def __init__(self, net, fault=None, since=0):
        self.net, self.fault, self.since, self.count = net, fault, since, 0

    def train_sample(self, data, target):
        fault = self.fault if self.count >= self.since else None
        self.count += 1
        self.net.detached = fault != "no detach"
        self.net.zero_grad()
        mean_of_steps(forward(self.net, data), target).backward()
        if fault in self.scales:
            with torch.no_grad():
                for p in self.net.parameters():
                    p.grad = (self.scales[fault] * p.grad).half().float() / self.scales[fault]
