"""SpikingJelly 2.0.0: ``fptt_online_training`` is the paper's FPTT but for the size of its penalty and for a state.

The paper (Kag & Saligrama, ICML 2021) minimises ell_t(w) + (al/2) |w - wbar_t - G_t / (2 al)|^2, a sum over all
entries, and G_{t+1} is the gradient of ell_t at the new weights: from the state that entered step t. Here the penalty
is a mean over the entries of each parameter, so that it is weaker the larger a layer is, and G_{t+1} is taken from the
state that leaves step t, a second step of the neuron with the same input.

A leaky unit of two weights, v = v'/2 + w x, ell = (v - y)^2 / 2, three steps of plain gradient descent, by hand.
"""

import numpy as np
import torch
from spikingjelly.activation_based import base
from spikingjelly.activation_based.learning.online_learning import fptt_online_training, fptt_online_training_init_w_ra

X = np.array([[1.0, -0.5], [0.5, 1.0], [-1.0, 0.25]])
Y = np.array([1.0, -1.0, 0.5])
W, ALPHA, RATE = np.array([0.5, -0.25]), 0.5, 0.25


class Leaky(base.MemoryModule):
    """v = v'/2 + w x."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(W))
        self.register_memory("v", torch.zeros((), dtype=torch.float64))

    def forward(self, x):
        """One step."""
        self.v = self.v / 2 + self.w @ x
        return self.v


def by_hand(entries, again):
    """Return the weights; the penalty is divided by `entries`; `again`: G from the state that leaves the step."""
    w, average, pull, v = W, W, 0 * W, 0.0
    for t, (x, y) in enumerate(zip(X, Y, strict=True)):

        def slope(w, v, x=x, y=y):
            return (v / 2 + w @ x - y) * x

        new = w - RATE * (slope(w, v) + (ALPHA * (w - average) - pull / 2) / entries)
        left = v / 2 + w @ x
        if t < len(X) - 1:
            pull = slope(new, left if again else v)
            average = (average + new) / 2 - pull / (2 * ALPHA)
        w, v = new, left
    return w


model = Leaky()
optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
fptt_online_training(
    model,
    optimizer,
    torch.tensor(X),
    torch.tensor(Y),
    lambda v, y: (v - y) ** 2 / 2,
    ALPHA,
    fptt_online_training_init_w_ra(optimizer),
)
found = model.w.detach().numpy()
print("fptt_online_training             ", found)
print("the paper                        ", by_hand(1, False))
print("a mean, and the state that leaves", by_hand(2, True))
near = 64 * 2.0**-53  # some thirty operations of numbers below 2
assert np.abs(found - by_hand(2, True)).max() <= near
assert min(np.abs(found - by_hand(*other)).max() for other in ((1, False), (2, False), (1, True))) > 1e-3
