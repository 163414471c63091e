"""Modules whose gradients are right, and wrong in one way each, as their authors would not know."""

import torch
from torch import nn


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return g / (1 + 10 * v.abs()) ** 2


class Own(torch.autograd.Function):
    """A pseudo-derivative that is in no table."""

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return g * 0.3 * torch.exp(-v * v) * (v > -1)


class Tanh(torch.autograd.Function):
    """A tanh whose derivative is another one."""

    @staticmethod
    def forward(ctx, a):
        z = torch.tanh(a)
        ctx.save_for_backward(z)
        return z

    @staticmethod
    def backward(ctx, g):
        (z,) = ctx.saved_tensors
        return g * (1 - z)


class Lif(nn.Module):
    """Recurrent LIF, leaky readout; every size is an argument."""

    def __init__(self, inputs=12, hidden=8, outputs=4, detached=True, spike=Spike):
        super().__init__()
        self.fc, self.rec = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden, bias=False)
        self.out, self.detached, self.spike = nn.Linear(hidden, outputs), detached, spike

    def forward(self, x, state):
        v, z, y = state
        v = 0.9 * v + self.fc(x) + self.rec(z) - (z.detach() if self.detached else z)
        z = self.spike.apply(v - 1.0)
        y = 0.8 * y + self.out(z)
        return y, (v, z, y)


class Forgets(Lif):
    """The reset is in the graph."""

    def __init__(self, inputs=12, hidden=8, outputs=4):
        super().__init__(inputs, hidden, outputs, detached=False)


class Hooked(Lif):
    """A hook, left over from an experiment, halves one gradient."""

    def __init__(self, inputs=12, hidden=8, outputs=4):
        super().__init__(inputs, hidden, outputs)
        self.rec.weight.register_hook(lambda g: g / 2)


class Channels(nn.Module):
    """A convolution with its bias, and a leak of every channel; `mean` is a hook that takes no sum over pixels."""

    def __init__(self, mean=False):
        super().__init__()
        self.conv, self.out = nn.Conv2d(1, 3, 2), nn.Linear(12, 2)
        self.leak = nn.Parameter(torch.tensor([-0.5, 0.2, 1.0]).reshape(3, 1, 1))
        if mean:
            self.conv.bias.register_hook(lambda g: g / 4)

    def forward(self, x, state=None):
        v, z = state if state is not None else (x.new_zeros(len(x), 3, 2, 2), x.new_zeros(len(x), 3, 2, 2))
        v = torch.sigmoid(self.leak) * v * (1 - z) + self.conv(x)
        z = Spike.apply(v - 1.0)
        return self.out(z.flatten(1)), (v, z)


class Sized(Lif):
    """Numbers in its code are made of its sizes: other ones at other sizes."""

    def forward(self, x, state):
        v, z, y = state
        v = 0.9 * v + (self.fc(x) + self.rec(z)) / self.rec.in_features**0.5 - (z.detach() if self.detached else z)
        z = self.spike.apply(v - 1.0)
        y = 0.8 * y + self.out(z)
        return y, (v, z, y)


class Coincident(Sized):
    """Built at the sizes that are tried first, or with one of them: numbers made of it are the same there."""

    def __init__(self, inputs=3, hidden=4, outputs=2):
        super().__init__(inputs, hidden, outputs)


class CutsItsThreshold(Lif):
    """What the reset takes off is detached with the threshold that is trained: no edge alone is cut."""

    def __init__(self, inputs=12, hidden=8, outputs=4):
        super().__init__(inputs, hidden, outputs)
        self.th = nn.Parameter(torch.tensor(0.7))

    def forward(self, x, state):
        v, z, y = state
        v = 0.9 * v + self.fc(x) + self.rec(z) - (self.th * z).detach()
        z = self.spike.apply(v - self.th)
        y = 0.8 * y + self.out(z)
        return y, (v, z, y)


class NormalisedSpikes(Lif):
    """What other populations give is normalised: input and spikes."""

    def __init__(self, inputs=12, hidden=8, outputs=4):
        super().__init__(inputs, hidden, outputs)
        self.of_x, self.of_z = nn.LayerNorm(inputs), nn.LayerNorm(hidden)

    def forward(self, x, state):
        v, z, y = state
        v = 0.9 * v + self.fc(self.of_x(x)) + self.rec(z) - (z.detach() if self.detached else z)
        z = self.spike.apply(v - 1.0)
        y = 0.8 * y + self.out(self.of_z(z))
        return y, (v, z, y)


class PerSample(Lif):
    """The output is divided by the number of samples."""

    def forward(self, x, state):
        y, state = super().forward(x, state)
        return y / len(x), state


class Normalised(Lif):
    """The drive is normalised over units: by the library, or by hand, the mean taken twice."""

    def __init__(self, inputs=12, hidden=8, outputs=4, by_hand=False, wrong=False):
        super().__init__(inputs, hidden, outputs)
        self.norm, self.by_hand = nn.LayerNorm(hidden), by_hand
        if wrong:
            self.norm.weight.register_hook(lambda g: g.mean() + 0 * g)

    def forward(self, x, state):
        v, z, y = state
        a = self.fc(x) + self.rec(z)
        if self.by_hand:
            centred = a - a.mean(dim=-1, keepdim=True)
            a = centred / torch.sqrt(a.var(-1, unbiased=False, keepdim=True) + 1e-5) * self.norm.weight
            a = a + self.norm.bias
        else:
            a = self.norm(a)
        v = 0.9 * v + a - (z.detach() if self.detached else z)
        z = self.spike.apply(v - 1.0)
        y = 0.8 * y + self.out(z)
        return y, (v, z, y)


class Inhibited(Lif):
    """All units are inhibited by the sum of their spikes."""

    def forward(self, x, state):
        v, z, y = state
        v = 0.9 * v + self.fc(x) - 0.25 * z.sum(1, keepdim=True)
        z = self.spike.apply(v - 1.0)
        y = 0.8 * y + self.out(z)
        return y, (v, z, y)


class Rms(Lif):
    """The drive over its root mean square; `read` is what else reads the mean."""

    def __init__(self, inputs=12, hidden=8, outputs=4, read=""):
        super().__init__(inputs, hidden, outputs)
        self.read, self.one, self.all = read, nn.Linear(1, hidden), nn.Linear(hidden + 1, hidden)

    def forward(self, x, state):
        v, z, y = state
        a = self.fc(x) + self.rec(z)
        mean = a.pow(2).mean(-1, keepdim=True)
        if self.read == "mm":
            a = a + self.one(mean)
        if self.read == "cat":
            a = self.all(torch.cat([a, mean], -1))
        v = 0.9 * v + a * torch.rsqrt(mean + 1e-3) - (z.detach() if self.detached else z)
        z = self.spike.apply(v - 1.0)
        y = 0.8 * y + self.out(z)
        return y, (v, z, y)


class Rate(nn.Module):
    """The output is the mean of the spikes: one number, which is no unit's."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 4)

    def forward(self, x, v=None):
        v = 0.9 * (x.new_zeros(len(x), 4) if v is None else v) + self.fc(x)
        return Spike.apply(v - 1.0).mean(1, keepdim=True), v


class OwnPsi(Lif):
    def __init__(self, inputs=12, hidden=8, outputs=4):
        super().__init__(inputs, hidden, outputs, spike=Own)


class Rnn(nn.Module):
    """One size for two layers, and the Function above."""

    function = Tanh

    def __init__(self, n, m):
        super().__init__()
        self.a, self.b, self.h = nn.Linear(n, m), nn.Linear(m, m), nn.Linear(m, m, bias=False)

    def forward(self, x, h):
        h = self.function.apply(self.a(x) + self.h(h))
        return torch.tanh(self.b(h)), h


class Right(Rnn):
    class function:
        apply = staticmethod(torch.tanh)


def factory():
    return nn.RNNCell(3, 4)


class Large(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(784, 10)

    def forward(self, x):
        return torch.tanh(self.a(x))


class Tied(nn.Module):
    def __init__(self, n=4):
        super().__init__()
        self.a = nn.Linear(n, n)

    def forward(self, x):
        return torch.tanh(self.a(torch.tanh(self.a(x))))


class Branch(Lif):
    def forward(self, x, state):
        return super().forward(x if x.sum() > 0 else -x, state)


class Unnamed(nn.Module):
    """The state is cut and the recurrence kept in one layer, the state kept in the other: no row of the table."""

    def __init__(self, n=3, m=4):
        super().__init__()
        self.a, self.h, self.b = nn.Linear(n, m), nn.Linear(m, m, bias=False), nn.Linear(m, 2)

    def forward(self, x, state):
        v, y = state
        v = 0.5 * v.detach() + torch.tanh(self.a(x) + self.h(v))
        y = 0.8 * y + self.b(v)
        return y, (v, y)


def needs(name):
    raise ValueError(name)


def three():
    return 3


class Hard(nn.Module):
    """A hard reset, a leaky readout: what NIR has."""

    def __init__(self, inputs=3, hidden=4, outputs=2):
        super().__init__()
        self.a, self.b = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)

    def forward(self, x, state):
        v, z, y = state
        v = 0.9 * v * (1 - z) + self.a(x)
        z = Spike.apply(v - 0.5)
        y = 0.8 * y + self.b(z)
        return y, (v, z, y)
