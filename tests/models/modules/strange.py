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
    """The output is the mean of the spikes: one number."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 4)

    def forward(self, x, v=None):
        v = 0.9 * (x.new_zeros(len(x), 4) if v is None else v) + self.fc(x)
        return Spike.apply(v - 1.0).mean(1, keepdim=True), v


class Inside(torch.autograd.Function):
    """A spike with its threshold inside, a box around it, and an item assignment in its backward."""

    @staticmethod
    def forward(ctx, v, threshold):
        ctx.save_for_backward(v)
        ctx.threshold = threshold
        return v.ge(threshold).to(v.dtype)

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        out = g.clone()
        out[(v - ctx.threshold).abs() > 0.5] = 0
        return out * (1 + 0.1 * (v - ctx.threshold)), None


class ThresholdInside(nn.Module):
    def __init__(self, threshold=0.3, wrong=False):
        super().__init__()
        self.fc, self.out, self.threshold, self.wrong = nn.Linear(5, 4), nn.Linear(4, 2), threshold, wrong

    def forward(self, x, state=None):
        v, z = (x.new_zeros(len(x), 4),) * 2 if state is None else state
        drive = 4 * self.fc(x)
        v = 0.9 * v + (Halved.apply(drive) if self.wrong else drive) - z.detach()
        z = Inside.apply(v, self.threshold)
        return self.out(z), (v, z)


class RmsNorm(nn.Module):
    """Its eps is the precision of the numbers."""

    def __init__(self):
        super().__init__()
        self.fc, self.norm = nn.Linear(5, 4), nn.RMSNorm(4)

    def forward(self, x, v=None):
        v = 0.9 * (x.new_zeros(len(x), 4) if v is None else v) + self.norm(self.fc(x))
        return Spike.apply(v - 1.0), v


class Halved(torch.autograd.Function):
    """The identity, with half of the derivative."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return g / 2


class Images(nn.Module):
    """A convolution, spikes, and a readout; `wrong`: half of the credit of the current."""

    def __init__(self, conv, flat, wrong=False):
        super().__init__()
        self.conv, self.out, self.wrong = conv, nn.Linear(flat, 2), wrong

    def current(self, x):
        return self.conv(x)

    def pooled(self, z):
        return z

    def forward(self, x, state=None):
        a = self.current(x)
        v, z = (torch.zeros_like(a), torch.zeros_like(a)) if state is None else state
        v = 0.9 * v * (1 - z) + (Halved.apply(a) if self.wrong else a)
        z = Spike.apply(v - 1.0)
        return self.out(self.pooled(z).flatten(1)), (v, z)


class Lines(Images):
    def __init__(self, wrong=False):
        super().__init__(nn.Conv1d(2, 3, 3, stride=2, padding=1, dilation=1), 6, wrong)
        self.pool = nn.AvgPool1d(2)

    def pooled(self, z):
        return self.pool(z)


class Apart(Images):
    def __init__(self, wrong=False):
        super().__init__(nn.Conv2d(2, 4, 2, dilation=2, groups=2), 16, wrong)


class Grouped(Images):
    def __init__(self, wrong=False):
        super().__init__(nn.Conv2d(1, 4, 2), 16, wrong)
        self.norm = nn.GroupNorm(2, 4)

    def current(self, x):
        return self.norm(super().current(x))


class Instances(Grouped):
    def __init__(self, wrong=False):
        super().__init__(wrong)
        self.norm = nn.InstanceNorm2d(4, affine=True)


class Adaptive(Images):
    def __init__(self, wrong=False):
        super().__init__(nn.Conv2d(1, 2, 3, padding=1), 8, wrong)
        self.pool = nn.AdaptiveAvgPool2d(2)

    def pooled(self, z):
        return self.pool(z)


class Pixels(Images):
    def __init__(self, wrong=False, pool=""):
        super().__init__(nn.Conv2d(1, 2, 3, padding=1), {"": 2, "border": 18, "uneven": 8}[pool], wrong)
        self.pool = {"border": nn.AvgPool2d(3, 2, 1, count_include_pad=False), "uneven": nn.AdaptiveAvgPool2d(2)}.get(
            pool
        )

    def pooled(self, z):
        return z.mean((2, 3)) if self.pool is None else self.pool(z)


class Overlapping(Images):
    def __init__(self, wrong=False):
        super().__init__(nn.Conv2d(1, 2, 3, padding=1), 8, wrong)
        self.pool = nn.AvgPool2d(3, stride=2, padding=1)

    def pooled(self, z):
        return self.pool(z)


class Attention(Images):
    """Every channel is multiplied by a gate that its mean opens (squeeze and excitation)."""

    def __init__(self, wrong=False):
        super().__init__(nn.Conv2d(1, 4, 2), 16, wrong)
        self.down, self.up = nn.Linear(4, 2), nn.Linear(2, 4)

    def current(self, x):
        a = super().current(x)
        return a * torch.sigmoid(self.up(torch.relu(self.down(a.mean((2, 3))))))[:, :, None, None]


class ConvLstm(nn.Module):
    """Gates of one convolution over input and state, channels side by side."""

    def __init__(self, wrong=False):
        super().__init__()
        self.conv, self.out, self.wrong = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(18, 2), wrong

    def forward(self, x, state=None):
        h, c = (x.new_zeros(len(x), 2, 3, 3),) * 2 if state is None else state
        i, f, g, o = self.conv(torch.cat([x, h], 1)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(Halved.apply(g) if self.wrong else g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return self.out(h.flatten(1)), (h, c)


class Inhibitor(nn.Module):
    """One unit of another kind, which the mean of the spikes drives, inhibits all; a slope below 0 is trained."""

    def __init__(self, inputs=5, hidden=4):
        super().__init__()
        self.fc, self.out, self.gain, self.act = (
            nn.Linear(inputs, hidden), nn.Linear(hidden, 2), nn.Parameter(torch.ones(hidden)), nn.PReLU(),
        )  # fmt: skip

    def forward(self, x, state=None):
        v, m = (x.new_zeros(len(x), 4), x.new_zeros(len(x), 1)) if state is None else state
        v = 0.9 * v + self.act(self.fc(x)) - self.gain * m
        z = Spike.apply(v - 1.0)
        return self.out(z), (v - z, 0.5 * m + z.mean(1, keepdim=True))


class StoresItsReset(nn.Module):
    """What is kept is the potential after the reset, less a share of the mean of the same spikes."""

    def __init__(self):
        super().__init__()
        self.fc, self.out = nn.Linear(5, 4), nn.Linear(4, 2)

    def forward(self, x, v=None):
        v = 0.9 * (x.new_zeros(len(x), 4) if v is None else v) + self.fc(x)
        z = Spike.apply(v - 1.0)
        return self.out(z), v * (1 - z.detach()) - 0.2 * z.mean(-1, keepdim=True)


class MovingThreshold(StoresItsReset):
    """A unit fires where it is above the mean of all."""

    def forward(self, x, v=None):
        v = 0.9 * (x.new_zeros(len(x), 4) if v is None else v) + self.fc(x)
        z = Spike.apply(v - v.mean(-1).unsqueeze(-1) - 0.1)
        return self.out(z), v - z.detach()


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
