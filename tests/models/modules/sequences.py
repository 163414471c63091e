"""Modules that take whole sequences, as their authors write them."""

import torch
from strange import Spike
from torch import nn


class DividedSum(nn.Module):
    """Sequences (batch, time, inputs): what is added up over the steps is divided by their number at the end."""

    def __init__(self, leak=1, wrong=False):
        super().__init__()
        self.fc, self.out, self.leak, self.wrong = nn.Linear(5, 4), nn.Linear(4, 2), leak, wrong

    def forward(self, x):
        v, total = x.new_zeros(len(x), 4), 0
        for t in range(x.shape[1]):
            v = 0.9 * (v.detach() if self.wrong else v) + self.fc(x[:, t])
            z = Spike.apply(v - 1.0)
            v = v - z.detach()
            if self.leak != 1 and t:
                total = self.leak * total
            total = total + self.out(z)
        return total / x.shape[1]


class ReadElsewhere(DividedSum):
    """The sum is read by the next step too."""

    def forward(self, x):
        v, total = x.new_zeros(len(x), 4), x.new_zeros(len(x), 2)
        for t in range(x.shape[1]):
            v = torch.tanh(self.fc(x[:, t]) + 0.1 * total.sum(1, keepdim=True))
            total = total + self.out(v)
        return total / x.shape[1]


class Gated(nn.Module):
    """A hand-written gated unit, samples first, that may be given its state; at two inputs two samples are a step."""

    def __init__(self, inputs=4, units=5, outputs=2):
        super().__init__()
        self.gate, self.new = nn.Linear(inputs, units), nn.Linear(inputs, units)
        self.back, self.out = nn.Linear(units, units, bias=False), nn.Linear(units, outputs)

    def forward(self, x, h=None):
        h = x.new_zeros(x.size(0), self.back.in_features) if h is None else h
        ys = []
        for t in range(x.size(1)):
            z = torch.sigmoid(self.gate(x[:, t]))
            h = (1 - z) * torch.tanh(self.new(x[:, t]) + self.back(h)) + z * h
            ys.append(self.out(h))
        return torch.stack(ys, dim=1), h


class Skipping(nn.Module):
    """What stands behind the loop begins with the operation that a step begins with: the last input is read again."""

    def __init__(self):
        super().__init__()
        self.cell, self.skip, self.head = nn.RNNCell(4, 6), nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, x):
        h = torch.zeros(x.shape[0], 6)
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        return self.head(torch.relu(h + self.skip(x[:, -1])))


class CutsNow(nn.Module):
    """What goes back is cut at every fourth step."""

    def __init__(self):
        super().__init__()
        self.w, self.u = nn.Linear(4, 6), nn.Linear(6, 6, bias=False)

    def forward(self, x):
        h, out = torch.zeros(x.shape[1], 6, dtype=x.dtype), []
        for t in range(x.shape[0]):
            h = torch.tanh(self.w(x[t]) + self.u(h if t % 4 else h.detach()))
            out.append(h)
        return torch.stack(out)


class Begins(nn.Module):
    """The state begins with a parameter, or with a function of the input."""

    def __init__(self, trained):
        super().__init__()
        self.r, self.h0, self.trained = nn.Linear(9, 5), nn.Parameter(torch.rand(5)), trained

    def forward(self, x):
        first = self.h0.expand(len(x), 5) if self.trained else torch.sin(x[:, 0].sum(1, keepdim=True)).expand(-1, 5)
        h, out = first, []
        for t in range(x.shape[1]):
            h = torch.tanh(self.r(torch.cat([x[:, t], h], -1)))
            out.append(h)
        return torch.stack(out, 1)


class Layer(nn.Module):
    """A recurrent layer of PyTorch's and a readout of its last step, with what people put around it."""

    def __init__(self, *, last=True, first=True, both=False, convolved=False, dropout=0.0):
        super().__init__()
        self.rnn = nn.GRU(4, 5, batch_first=first, bidirectional=both)
        self.out, self.last, self.drop = nn.Linear(10 if both else 5, 2), last, nn.Dropout(dropout)
        self.conv = nn.Conv1d(4, 4, 3, padding=1) if convolved else None

    def forward(self, x):
        x = x if self.conv is None else self.conv(x.transpose(1, 2)).transpose(1, 2)
        found = self.rnn(x)[0]
        return self.out(self.drop(found[:, -1] if self.last else found[-1]))


class Leaky(nn.Module):
    """A trained leak in the standard form: v = d v' + (1 - d) i."""

    def __init__(self, function=torch.sigmoid, how=""):
        super().__init__()
        self.fc, self.out, self.tau = nn.Linear(4, 5), nn.Linear(5, 2), nn.Parameter(torch.full((5,), 2.0))
        self.function, self.how = function, how

    def forward(self, x):
        v, d, ys = torch.zeros(x.shape[1], 5), self.function(self.tau), []
        if self.how == "wrong":
            d.register_hook(lambda g: g * 0.5)
        for now in x:
            v = d * v + (1 - (d.detach() if self.how == "cut" else d)) * self.fc(now)
            z = Spike.apply(v - 1.0)
            v = v - z
            ys.append(self.out(z))
        return torch.stack(ys)


class Product(torch.autograd.Function):
    """A product with a weight, with a backward of its own."""

    @staticmethod
    def forward(ctx, h, w, wrong):
        ctx.save_for_backward(h, w)
        ctx.wrong = wrong
        return h @ w.t()

    @staticmethod
    def backward(ctx, g):
        h, w = ctx.saved_tensors
        return g @ (w.t() if ctx.wrong else w), g.t() @ h, None


class Products(nn.Module):
    """A recurrent layer whose lateral product is a function of its own: of a state of zeros it is 0, as spikes are."""

    def __init__(self, wrong=False):
        super().__init__()
        self.i, self.H, self.wrong = nn.Linear(4, 5), nn.Parameter(torch.randn(5, 5) * 0.3), wrong

    def forward(self, x):
        h, ys = x.new_zeros(x.shape[1], 5), []
        for now in x:
            h = 0.5 * torch.relu(self.i(now) + Product.apply(h, self.H, self.wrong)) + 0.5 * h
            ys.append(h)
        return torch.stack(ys)
