"""Models as strangers write them. `OWN` need PyTorch alone, `LIBRARY` the neuron libraries: name -> how it is read.

Each entry is a function that returns (module, example input, options of `read`).
"""

import torch
from torch import nn

BATCH, INPUTS, HIDDEN, OUTPUTS = 2, 3, 5, 2


class Fast(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v, slope=10.0):
        ctx.save_for_backward(v)
        ctx.slope = slope
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return g / (1 + ctx.slope * v.abs()) ** 2, None


class Odd(torch.autograd.Function):
    """A pseudo-derivative that no table has."""

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v >= 0).to(v.dtype)

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return g * 0.3 * torch.exp(-v * v) * (1 + 0.2 * torch.tanh(v))


fire = Fast.apply  # bound early, as training scripts do


def zeros(*sizes):
    return tuple(torch.zeros(BATCH, n) for n in sizes)


class OwnLif(nn.Module):
    """Recurrent LIF, reset detached, leaky readout; the state goes in and out as a tuple."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(INPUTS, HIDDEN)
        self.rec = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.out = nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x, state):
        v, z, y = state
        v = 0.9 * v + self.fc(x) + self.rec(z) - z.detach()
        z = fire(v - 1.0, 10.0)
        y = 0.8 * y + self.out(z)
        return y, (v, z, y)


class NoGrad(OwnLif):
    """The reset under no_grad, the potential through .data: nothing goes back in time but through rec."""

    def forward(self, x, state):
        v, z, y = state
        with torch.no_grad():
            reset = z * 1.0
        v = 0.9 * v.data + self.fc(x) + self.rec(z) - reset
        z = fire(v - 1.0, 10.0)
        y = 0.8 * y + self.out(z)
        return y, (v, z, y)


class Straight(OwnLif):
    """A straight-through spike: no autograd.Function."""

    def forward(self, x, state):
        v, z, y = state
        v = 0.9 * v + self.fc(x) + self.rec(z) - z.detach()
        soft = torch.sigmoid(4.0 * (v - 1.0))
        z = ((v - 1.0 > 0).to(v.dtype) - soft).detach() + soft
        y = 0.8 * y + self.out(z)
        return y, (v, z, y)


class HardAndSoft(OwnLif):
    """The same, written as a step and a smooth function whose value is taken off again."""

    def forward(self, x, state):
        v, z, y = state
        v = 0.9 * v + self.fc(x) + self.rec(z) - z.detach()
        soft = torch.sigmoid(4.0 * (v - 1.0))
        z = (v > 1.0).float() + (soft - soft.detach())
        y = 0.8 * y + self.out(z)
        return y, (v, z, y)


class Gated(nn.Module):
    """A linear state behind a smooth function of x sigmoid(x)."""

    def __init__(self):
        super().__init__()
        self.fc, self.out = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x, s):
        s = 0.9 * s + self.fc(x)
        return self.out(nn.functional.silu(s)), s


class Counter(OwnLif):
    """Counts down, in whole numbers, the steps in which it may not fire; the leak falls with the potential."""

    def forward(self, x, state=None):
        if state is None:
            v = x.new_zeros(len(x), HIDDEN)
            state = (v, v.long(), v, x.new_zeros(len(x), OUTPUTS))
        v, c, z, y = state
        c = torch.where(z.bool(), 2, (c - 1).clamp(min=0))
        v = (0.9 - 0.3 * torch.tanh(v) ** 2) * v - z.detach() + self.fc(x) + self.rec(z)
        z = torch.where(c > 0, torch.zeros_like(v), fire(v - 1.0, 10.0))
        y = 0.8 * y + self.out(z)
        return y, (v, c, z, y)


class Held(nn.Module):
    """Potentials that are held between two numbers, a leaky rectifier, a hard tanh."""

    def __init__(self):
        super().__init__()
        self.fc, self.mid, self.out = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x, state):
        v, u, w = state
        v = (0.9 * v + self.fc(x)).clamp(-0.5, 0.75)
        u = nn.functional.leaky_relu(0.8 * u + self.mid(v).clamp(max=0.5), 0.2)
        w = nn.functional.hardtanh(0.7 * w + self.out(u))
        return w, (v, u, w)


class InPlace(nn.Module):
    """Keeps its potential in an attribute and updates it in place."""

    def __init__(self):
        super().__init__()
        self.fc, self.v = nn.Linear(INPUTS, HIDDEN), None

    def forward(self, x):
        a = self.fc(x)
        v = torch.zeros_like(a) if self.v is None else self.v.clone()
        v.mul_(0.9)
        v.add_(a)
        z = fire(v - 1.0, 10.0)
        self.v = v - z.detach()
        return z


class OwnAlif(nn.Module):
    """Adaptive threshold, weights as bare parameters, a pseudo-derivative of its own."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(HIDDEN, INPUTS) * 0.8)
        self.h = nn.Parameter(torch.randn(HIDDEN, HIDDEN) * 0.4)
        self.out = nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x, state):
        v, b, z, y = state
        b = 0.95 * b + z
        v = 0.9 * v + x @ self.w.T + z @ self.h.T - z.detach() * 0.5
        z = Odd.apply(v - (0.5 + 0.17 * b))
        y = 0.8 * y + self.out(z)
        return y, (v, b, z, y)


class Lif(nn.Module):
    """A layer that keeps its potential after the reset."""

    def __init__(self, beta=0.9, threshold=0.5):
        super().__init__()
        self.beta, self.threshold, self.u = beta, threshold, None

    def forward(self, a):
        v = self.beta * (torch.zeros_like(a) if self.u is None else self.u) + a
        z = fire(v - self.threshold, 10.0)
        self.u = v - self.threshold * z.detach()
        return z


class Readout(nn.Module):
    """A leaky readout that keeps its output."""

    def __init__(self, kappa=0.8):
        super().__init__()
        self.kappa, self.y = kappa, None

    def forward(self, a):
        self.y = self.kappa * (torch.zeros_like(a) if self.y is None else self.y) + a
        return self.y


class Masked(nn.Module):
    """A hard reset by masked_fill on the spikes of the step before."""

    def __init__(self):
        super().__init__()
        self.fc, self.out = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x, state):
        v, z = state
        v = (0.9 * v).masked_fill(z > 0.5, 0.0) + self.fc(x)
        z = fire(v - 0.5, 10.0)
        return self.out(z), (v, z)


class Where(Masked):
    """A reset by where after the spike, which is cut since a comparison has no derivative."""

    def forward(self, x, v):
        v = 0.9 * v + self.fc(x)
        z = fire(v - 0.5, 10.0)
        return self.out(z), torch.where(z > 0, torch.zeros_like(v), v)


class Trained(Masked):
    """A trained leak per unit, kept as a logit, and a trained threshold."""

    def __init__(self):
        super().__init__()
        self.logit = nn.Parameter(torch.randn(HIDDEN))
        self.theta = nn.Parameter(torch.full((HIDDEN,), 0.5))

    def forward(self, x, v):
        v = torch.sigmoid(self.logit) * v + self.fc(x)
        z = fire(v - self.theta, 10.0)
        return self.out(z), v - z * self.theta


class Concatenated(nn.Module):
    """A recurrent network by hand: one weight on input and state side by side."""

    def __init__(self):
        super().__init__()
        self.i2h, self.i2o = nn.Linear(INPUTS + HIDDEN, HIDDEN), nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x, h):
        h = torch.tanh(self.i2h(torch.cat((x, h), 1)))
        return self.i2o(h), h


class Gates(nn.Module):
    """A minimal gated unit, gates by chunk."""

    def __init__(self):
        super().__init__()
        self.x2h, self.h2h = nn.Linear(INPUTS, 2 * HIDDEN), nn.Linear(HIDDEN, 2 * HIDDEN)

    def forward(self, x, h):
        f_x, n_x = self.x2h(x).chunk(2, 1)
        f_h, n_h = self.h2h(h).chunk(2, 1)
        f = torch.sigmoid(f_x + f_h)
        h = (1 - f) * h + f * torch.tanh(n_x + f * n_h)
        return h, h


class Current(nn.Module):
    """Current-based LIF: synaptic current and membrane, both leaky, hard reset detached."""

    def __init__(self):
        super().__init__()
        self.fc, self.out = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x, state):
        i, v, z = state
        i = 0.7 * i + self.fc(x)
        v = 0.9 * v * (1 - z.detach()) + i
        z = fire(v - 1.0, 5.0)
        return self.out(z), (i, v, z)


class Local(nn.Module):
    """Two spiking layers, the lower one shut off from the loss by detach."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, OUTPUTS)
        self.lif1, self.lif2 = Lif(), Lif(0.8)

    def forward(self, x):
        return self.lif2(self.b(self.lif1(self.a(x)).detach()))


class Delay(nn.Module):
    """A delay line of two steps, in a list."""

    def __init__(self):
        super().__init__()
        self.fc, self.line = nn.Linear(INPUTS, HIDDEN), [torch.zeros(BATCH, HIDDEN), torch.zeros(BATCH, HIDDEN)]

    def forward(self, x):
        y = self.fc(x) + 0.5 * self.line[0]
        self.line = [self.line[1], y]
        return y


class Loop(nn.Module):
    """Takes a sequence, (time, batch, inputs), loops inside, and returns the mean of its readout."""

    def __init__(self):
        super().__init__()
        self.fc, self.rec, self.out = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x):
        v = z = x.new_zeros(x.shape[1], HIDDEN)
        outputs = []
        for x_t in x:
            v = 0.9 * v * (1 - z) + self.fc(x_t) + self.rec(z)
            z = fire(v - 1.0, 10.0)
            outputs.append(self.out(z))
        return torch.stack(outputs).mean(0)


class OwnStates(nn.Module):
    """Takes (batch, time, inputs); makes its states of zeros without a dtype, and spikes in single precision."""

    def __init__(self):
        super().__init__()
        self.fc, self.rec = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.out = nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x):
        batch, steps, _ = x.shape
        v = z = torch.zeros(batch, HIDDEN)
        y, ys = torch.zeros(batch, OUTPUTS), []
        for t in range(steps):
            v = torch.tensor(0.9) * v + self.fc(x[:, t]) + self.rec(z) - z.detach()
            z = Fast.apply(v - 1.0)
            y = 0.9 * y + self.out(z)
            ys.append(y)
        return torch.stack(ys, 1)


class Rates(nn.Module):
    """An LSTM over whole sequences, samples first, and a linear layer on its last step."""

    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.LSTM(INPUTS, HIDDEN, num_layers=2, batch_first=True), nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


class Skip(nn.Module):
    """Two spiking layers, and a readout of the sum of their spikes."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, OUTPUTS)
        self.lif1, self.lif2 = Lif(), Lif(0.8)

    def forward(self, x):
        z1 = self.lif1(self.a(x))
        return self.out(z1 + self.lif2(self.b(z1)))


class Feedback(nn.Module):
    """Two spiking layers, the upper one back into the lower one, of another size."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, 4), nn.Linear(4, OUTPUTS)
        self.back = nn.Linear(4, HIDDEN, bias=False)

    def forward(self, x, state):
        u1, u2, z2 = state
        v1 = 0.9 * u1 + self.a(x) + self.back(z2)
        z1 = fire(v1 - 0.5, 10.0)
        v2 = 0.8 * u2 + self.b(z1)
        z2 = fire(v2 - 0.5, 10.0)
        return self.out(z2), (v1 - 0.5 * z1.detach(), v2 - 0.5 * z2.detach(), z2)


class Populations(nn.Module):
    """Excitatory and inhibitory populations that excite and inhibit each other a step later."""

    def __init__(self):
        super().__init__()
        self.e, self.i = nn.Linear(INPUTS, HIDDEN), nn.Linear(INPUTS, 3)
        self.ee, self.ei = nn.Linear(HIDDEN, HIDDEN, bias=False), nn.Linear(HIDDEN, 3, bias=False)
        self.ie, self.out = nn.Linear(3, HIDDEN, bias=False), nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x, state):
        v_e, z_e, v_i, z_i = state
        v_e = 0.9 * v_e * (1 - z_e) + self.e(x) + self.ee(z_e) - self.ie(z_i)
        v_i = 0.8 * v_i * (1 - z_i) + self.i(x) + self.ei(z_e)
        z_e, z_i = fire(v_e - 1.0, 10.0), fire(v_i - 1.0, 10.0)
        return self.out(z_e), (v_e, z_e, v_i, z_i)


def step(module, **options):
    return lambda: (module(), 1.5 * torch.randn(BATCH, INPUTS), options)


OWN = {
    "lif": step(OwnLif, state=zeros(HIDDEN, HIDDEN, OUTPUTS)),
    "alif": step(OwnAlif, state=zeros(HIDDEN, HIDDEN, HIDDEN, OUTPUTS)),
    "where": step(Where, state=zeros(HIDDEN)[0]),
    "gates by chunk": step(Gates, state=zeros(HIDDEN)[0]),
    "own states": lambda: (OwnStates(), 1.5 * torch.randn(BATCH, 4, INPUTS), {"time": 1}),
    "loop inside": lambda: (Loop(), 1.5 * torch.randn(4, BATCH, INPUTS), {"time": 0}),
    "in place": step(InPlace),
    "straight-through": step(Straight, state=zeros(HIDDEN, HIDDEN, OUTPUTS)),
    "hard and soft": step(HardAndSoft, state=zeros(HIDDEN, HIDDEN, OUTPUTS)),
    "silu": step(Gated, state=zeros(HIDDEN)[0]),
    "counter": step(Counter),
    "held": step(Held, state=zeros(HIDDEN, HIDDEN, OUTPUTS)),
    "no_grad and .data": step(NoGrad, state=zeros(HIDDEN, HIDDEN, OUTPUTS)),
    "masked_fill": step(Masked, state=zeros(HIDDEN, HIDDEN)),
    "trained leak and threshold": step(Trained, state=zeros(HIDDEN)[0]),
    "concatenated": step(Concatenated, state=zeros(HIDDEN)[0]),
    "current": step(Current, state=zeros(HIDDEN, HIDDEN, HIDDEN)),
    "local": step(Local),
    "delay line": step(Delay),
    "Sequential": step(lambda: nn.Sequential(nn.Linear(INPUTS, HIDDEN), Lif(), nn.Linear(HIDDEN, OUTPUTS), Readout())),
    "convolution": lambda: (
        nn.Sequential(
            nn.Conv2d(1, 2, 3, padding=1), Lif(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, OUTPUTS), Readout()
        ),
        2 * torch.randn(BATCH, 1, 4, 4),
        {},
    ),
    "max pooling": lambda: (
        nn.Sequential(
            nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2), Lif(), nn.Flatten(), nn.Linear(8, OUTPUTS), Readout()
        ),
        2 * torch.randn(BATCH, 1, 4, 4),
        {},
    ),
    "skip": step(Skip),
    "feedback": step(Feedback, state=zeros(HIDDEN, 4, 4)),
    "populations": step(Populations, state=zeros(HIDDEN, HIDDEN, 3, 3)),
    "dropout": step(
        lambda: nn.Sequential(nn.Linear(INPUTS, HIDDEN), Lif(), nn.Dropout(0.4), nn.Linear(HIDDEN, OUTPUTS), Readout())
    ),
    "layer normalisation": step(
        lambda: nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.LayerNorm(HIDDEN), Lif(), nn.Linear(HIDDEN, OUTPUTS))
    ),
    "nn.RNNCell": step(lambda: nn.RNNCell(INPUTS, HIDDEN, nonlinearity="relu")),
    "nn.LSTMCell": step(lambda: nn.LSTMCell(INPUTS, HIDDEN)),
    "nn.GRUCell": step(lambda: nn.GRUCell(INPUTS, HIDDEN)),
    "nn.LSTM": step(lambda: nn.LSTM(INPUTS, HIDDEN, num_layers=2)),
    "nn.GRU": step(lambda: nn.GRU(INPUTS, HIDDEN, batch_first=True)),
    "LSTM over sequences": lambda: (Rates(), torch.randn(BATCH, 4, INPUTS), {"time": 1}),
}


class Hidden(nn.Module):
    """A linear layer, a neuron of a library that keeps its state, a linear layer."""

    def __init__(self, neuron):
        super().__init__()
        self.fc, self.neuron, self.out = nn.Linear(INPUTS, HIDDEN), neuron, nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x):
        found = self.neuron(self.fc(x))
        return self.out(found[0] if isinstance(found, tuple) else found)


class Tutorial(nn.Module):
    """The network of snnTorch's tutorials: explicit membrane potentials, the loop over time inside."""

    def __init__(self, steps=None):
        super().__init__()
        import snntorch
        from snntorch import surrogate

        spike = surrogate.fast_sigmoid(slope=25)
        self.fc1, self.fc2, self.steps = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, OUTPUTS), steps
        self.lif1, self.lif2 = (snntorch.Leaky(beta=0.9, spike_grad=spike) for _ in range(2))

    def forward(self, x):
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        recorded = []
        for t in range(self.steps or len(x)):
            spk1, mem1 = self.lif1(self.fc1(x if self.steps else x[t]), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            recorded.append(spk2)
        return torch.stack(recorded)


class Images(nn.Module):
    """A convolutional network of snnTorch's tutorials: a pooling of currents, one of spikes that overlaps."""

    def __init__(self, hidden=OUTPUTS):
        super().__init__()
        import snntorch

        self.conv1, self.conv2 = nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.Conv2d(2, 1, 2, bias=False)
        self.lif1, self.lif2, self.lif3 = (snntorch.Leaky(beta=0.5, threshold=0.2, init_hidden=True) for _ in range(3))
        self.pool, self.fc = nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), nn.Linear(2, hidden)

    def forward(self, x):
        spikes = self.lif1(nn.functional.max_pool2d(self.conv1(x), (1, 2)))
        spikes = self.lif2(self.conv2(self.pool(spikes)))
        return self.lif3(self.fc(spikes.flatten(1)))


def jelly_images():
    """A network of SpikingJelly's that takes all steps at once, a pooling of spikes between its layers."""
    from spikingjelly.activation_based import functional, layer, neuron

    net = nn.Sequential(
        layer.Conv2d(1, 2, 3, padding=1, bias=False),
        neuron.LIFNode(tau=2.0, detach_reset=True),
        layer.MaxPool2d(2, 2),
        layer.Flatten(),
        layer.Linear(8, OUTPUTS),
        neuron.LIFNode(tau=2.0, detach_reset=True),
    )
    functional.set_step_mode(net, "m")
    return net, 4 * torch.randn(5, BATCH, 1, 4, 4), {"time": 0}


def snn(name, **options):
    def make():
        import snntorch

        neuron = getattr(snntorch, name)(init_hidden=True, **options)
        return Hidden(neuron), 1.5 * torch.randn(BATCH, INPUTS), {}

    return make


def jelly(name, multiply=3.0, **options):
    def make():
        from spikingjelly.activation_based import neuron

        return Hidden(getattr(neuron, name)(**options)), multiply * torch.randn(BATCH, INPUTS), {}

    return make


LIBRARY = {
    **{
        f"snntorch.Leaky {reset}{'' if delay else ', no delay'}": snn(
            "Leaky", beta=0.9, reset_mechanism=reset, reset_delay=delay
        )
        for reset in ("subtract", "zero", "none")
        for delay in (True, False)
        if delay or reset != "none"
    },
    **{
        f"snntorch.RLeaky {reset}{'' if delay else ', no delay'}": snn(
            "RLeaky", beta=0.9, linear_features=HIDDEN, reset_mechanism=reset, reset_delay=delay
        )
        for reset in ("subtract", "zero")
        for delay in (True, False)
    },
    "snntorch.Leaky trained": snn("Leaky", beta=0.9, learn_beta=True, learn_threshold=True),
    "snntorch.Synaptic": snn("Synaptic", alpha=0.8, beta=0.9, learn_alpha=True),
    "snntorch.Synaptic zero": snn("Synaptic", alpha=0.8, beta=0.9, reset_mechanism="zero"),
    "snntorch.Alpha": snn("Alpha", alpha=0.9, beta=0.8),
    "snntorch tutorial": lambda: (Tutorial(), 1.5 * torch.randn(4, BATCH, INPUTS), {"time": 0}),
    "snntorch tutorial, constant input": lambda: (Tutorial(7), 1.5 * torch.randn(BATCH, INPUTS), {"time": "inside"}),
    "snntorch max pooling": lambda: (Images(), 4 * torch.randn(BATCH, 1, 4, 4), {}),
    "spikingjelly max pooling": jelly_images,
    "spikingjelly.LIFNode": jelly("LIFNode", tau=2.0),
    "spikingjelly.LIFNode detached": jelly("LIFNode", tau=2.0, detach_reset=True),
    "spikingjelly.LIFNode soft": jelly("LIFNode", tau=2.0, detach_reset=True, v_reset=None, decay_input=False),
    "spikingjelly.ParametricLIFNode": jelly("ParametricLIFNode", detach_reset=True),
    "spikingjelly.IFNode": jelly("IFNode", detach_reset=True),
    "spikingjelly.QIFNode": jelly("QIFNode", detach_reset=True),
}
