"""A model as people write it: recurrent LIF with a detached reset and a leaky readout. `gradcert read` reads it."""

import torch


class Spike(torch.autograd.Function):
    """A step with a pseudo-derivative."""

    @staticmethod
    def forward(ctx, v):
        """Return whether v is above 0."""
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx, g):
        """Return the pseudo-derivative's share of g."""
        (v,) = ctx.saved_tensors
        return g / (1 + 10 * v.abs()) ** 2


class Model(torch.nn.Module):
    """Recurrent LIF and a leaky readout."""

    def __init__(self, inputs=12, hidden=32, outputs=4):
        super().__init__()
        self.fc = torch.nn.Linear(inputs, hidden)
        self.rec = torch.nn.Linear(hidden, hidden, bias=False)
        self.out = torch.nn.Linear(hidden, outputs)
        self.hidden, self.outputs = hidden, outputs

    def forward(self, x, state=None):
        """Take one step."""
        if state is None:
            state = [x.new_zeros(len(x), n) for n in (self.hidden, self.hidden, self.outputs)]
        v, z, y = state
        v = 0.9 * v + self.fc(x) + self.rec(z) - z.detach()
        z = Spike.apply(v - 1.0)
        y = 0.8 * y + self.out(z)
        return y, (v, z, y)
