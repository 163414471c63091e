"""A trainer that owns loop, loss and optimiser, certified as it is: nobody maps parameters, nothing is changed."""

import torch
from read_lif import Model  # type: ignore[import-not-found]

from gradcert.adapters.torch import trainer


class Trainer:
    """Class labels, an Adam of its own, an update for every batch."""

    def __init__(self, net):
        self.net, self.optimiser = net, torch.optim.Adam(net.parameters(), lr=1e-3)

    def train_batch(self, data, target):
        """Take one step of training; data is (time, batch, inputs)."""
        self.optimiser.zero_grad()
        state, loss = None, torch.zeros(())
        for x in data:
            y, state = self.net(x, state)
            loss = loss + torch.nn.functional.cross_entropy(y, target) / len(data)
        loss.backward()
        self.optimiser.step()
        return loss.item()


def build(inputs=12, hidden=32, outputs=4):
    """Return network and trainer at some size."""
    net = Model(inputs, hidden, outputs)
    return net, Trainer(net)


LOSS = "cross_entropy of every, mean over time and batch"
gradients = trainer(build, call=Trainer.train_batch, labels=True, rule="bptt-detached-reset", loss=LOSS)
