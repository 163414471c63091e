"""Trainers as strangers write them, three styles; `fault` is what one of them does wrong."""

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


class Two(nn.Module):
    """Two layers of LIF neurons, the reset in the graph."""

    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.a, self.b = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)

    def forward(self, x, state):
        v1, z1, v2, z2 = state
        v1 = 0.9 * v1 - z1 + self.a(x)
        z1 = Spike.apply(v1 - 1.0)
        v2 = 0.9 * v2 - z2 + self.b(z1)
        z2 = Spike.apply(v2 - 1.0)
        return z2, (v1, z1, v2, z2)


def psi(v):
    return 1 / (1 + 10 * (v - 1.0).abs()) ** 2


class Trace:
    """dz/dw of one layer of LIF neurons, one trace a synapse; the reset may be left out of it."""

    def __init__(self, batch, units, inputs, leak, reset=True):
        self.v, self.z = torch.zeros(batch, units, inputs), torch.zeros(batch, units, inputs)
        self.leak, self.reset = leak, reset

    def step(self, x, slope):
        self.v = self.leak * self.v - (self.z if self.reset else 0) + x[:, None, :]
        self.z = slope[:, :, None] * self.v
        return self.z


class Written:
    """Eligibility traces by hand, no autograd: OSTL, OSTTP or ETLP; the weights are written once a sequence."""

    def __init__(self, net, method="ostl", rate=0.125, fault=None):
        self.net, self.method, self.rate, self.fault = net, method, rate, fault
        self.B = self.events = None
        self.kept = {}  # traces by batch size, where they are not reset

    @torch.no_grad()
    def learn(self, data, target):
        a, b, etlp = self.net.a, self.net.b, self.method == "etlp"
        batch, ones = data.shape[1], torch.ones(data.shape[1], 1)
        reset = self.fault != "reset left out" and not etlp
        e1 = Trace(batch, a.out_features, a.in_features + 1, 0.8 if self.fault == "decay" else 0.9, reset)
        e2 = Trace(batch, b.out_features, b.in_features + 1, 0.9, reset)
        state = (*(torch.zeros(batch, a.out_features) for _ in range(2)),
                 *(torch.zeros(batch, b.out_features) for _ in range(2)))  # fmt: skip
        if self.fault == "not reset":
            e1, e2 = self.kept.setdefault(batch, (e1, e2))
        late, change = torch.zeros(batch, a.out_features), [0, 0]
        if self.fault == "teacher late":
            target = torch.cat([target[:1], target[:-1]])
        for t, (x, y) in enumerate(zip(data, target, strict=True)):
            z2, state = self.net(x, state)
            v1, z1, v2, _ = state
            if self.fault == "after the reset":
                v1 = v1 - z1
            first, second = e1.step(torch.cat([x, ones], 1), psi(v1)), e2.step(torch.cat([z1, ones], 1), psi(v2))
            error = z2 - y
            signal = (psi(v2) * error) @ b.weight if self.method == "ostl" else y @ self.B
            if self.fault == "late":
                signal, late = late, signal
            if etlp:
                signal, error = (s * e[:, None] for s, e in zip((signal, error), self._events(t), strict=True))
            change[0] = change[0] + torch.einsum("bi,bij->ij", signal, first)
            change[1] = change[1] + torch.einsum("bi,bij->ij", error, second)
        for layer, g in zip((a, b), change, strict=True):
            layer.weight -= self.rate * g[:, :-1]
            layer.bias -= self.rate * g[:, -1]

    def _events(self, t):
        events = torch.ones_like(self.events) if self.fault == "no events" else self.events
        if self.fault == "events late":
            events = torch.cat([0 * events[:1], events[:-1]])
        return events[t] if events.dim() == 3 else (events[t], events[t])


class Eprop:
    """e-prop by hand, class labels, its own Adam: gradients are put into .grad and a step is made at the end."""

    def __init__(self, net, fault=None):
        self.net, self.fault = net, fault
        self.optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
        self.kept = None

    def train_sample(self, data, target):
        with torch.no_grad():
            gradients = self.gradients(data, nn.functional.one_hot(target, self.net.out.out_features).to(data.dtype))
        for p, g in zip(self.net.parameters(), gradients, strict=True):
            p.grad = g if self.fault != "accumulated" or p.grad is None else p.grad + g
        self.optimiser.step()

    def gradients(self, data, one_hot):
        net, (steps, batch, _) = self.net, data.shape
        units, outputs = net.fc.out_features, net.out.out_features
        v, z, y = torch.zeros(batch, units), torch.zeros(batch, units), torch.zeros(batch, outputs)
        trace = torch.zeros(batch, net.fc.in_features + 1 + units)  # of inputs, of the bias, of lateral spikes
        leak = 0.8 if self.fault == "decay" else 0.9
        e, filtered, ones = torch.zeros(batch, units, trace.shape[1]), torch.zeros(batch, units), torch.zeros(batch, 1)
        late, hidden, weight, bias = torch.zeros(batch, outputs), 0, 0, 0
        for x in data:
            trace = leak * trace + torch.cat([x, torch.ones(batch, 1), z], 1)
            y, (v, z, _) = net(x, (v, z, y))
            slope = psi(v - z if self.fault == "after the reset" else v)
            e = 0.8 * e + slope[:, :, None] * trace[:, None, :]
            filtered, ones = 0.8 * filtered + z, 0.8 * ones + 1
            error = (y.softmax(-1) - one_hot) / batch / (1 if self.fault == "no average" else steps)
            if self.fault == "late":
                error, late = late, error
            hidden = hidden + torch.einsum("bi,bij->ij", error @ net.out.weight, e)
            weight, bias = weight + error.T @ filtered, bias + (error * ones).sum(0)
        n = net.fc.in_features
        return hidden[:, :n], hidden[:, n], hidden[:, n + 1 :], weight, bias


class Recurrent(nn.Module):
    """Recurrent LIF and a leaky readout."""

    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.fc, self.rec = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden, bias=False)
        self.out = nn.Linear(hidden, outputs)

    def forward(self, x, state):
        v, z, y = state
        v = 0.9 * v + self.fc(x) + self.rec(z) - z.detach()
        z = Spike.apply(v - 1.0)
        y = 0.8 * y + self.out(z)
        return y, (v, z, y)


def snn(inputs, hidden, outputs):
    """A network of snnTorch's, which keeps its membrane potentials itself."""
    import snntorch

    return nn.Sequential(
        nn.Linear(inputs, hidden), snntorch.Leaky(beta=0.9, init_hidden=True), nn.Linear(hidden, outputs)
    )


class Online:
    """Autograd through one step at a time, an update at every step: SLTT."""

    def __init__(self, net, fault=None):
        self.net, self.fault = net, fault
        self.optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)

    def fit(self, data, target):
        from snntorch import utils

        utils.reset(self.net)
        total = 0
        for t, x in enumerate(data):
            self.optimiser.zero_grad()
            how = "sum" if self.fault == "no average" else "mean"
            loss = nn.functional.cross_entropy(self.net(x), target, reduction=how)
            if self.fault == "last alone" and t < len(data) - 1:
                loss = loss * 0
            total = total + loss
            if self.fault == "whole sequence":
                continue
            loss.backward(retain_graph=self.fault == "graph kept")
            if self.fault == "silent":
                self.net[0].weight.grad = None
            self.optimiser.step()
            if self.fault != "graph kept":
                self.net[1].mem = self.net[1].mem.detach()
        if self.fault == "whole sequence":
            total.backward()
            self.optimiser.step()
