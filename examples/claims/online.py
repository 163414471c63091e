"""e-prop one step at a time, on a graph with a delay: x -> low -> low and out, and low -> out three steps late.

`gradcert certify examples/claims/online.py:Learner --claim examples/claims/delay_line.toml`. What arrives late is
credited to the late connection's own weights alone: e-prop drops what goes through a delay above the parameter. The
mistake, `wrong_delay_line`, has the right gradients and keeps every spike.
"""

from collections import deque

import numpy as np
from eprop import psi  # type: ignore[import-not-found]

LAG = 3


class Learner:
    """Recurrent LIF neurons under a leaky readout, with one trace for each presynaptic unit."""

    line: int | None = LAG + 1  # how many steps of spikes are kept: those of now and of the three steps before

    def start(self, start):
        """Begin a sequence."""
        self.cells = {x.name: x.cell for x in start.network.graph.populations}
        self.p, batch = start.parameters, start.batch
        units, inputs = self.p["low.W"].shape
        self.v, self.o = np.zeros((batch, units)), np.zeros((batch, len(self.p["out.b"])))
        self.spikes = deque([np.zeros((batch, units))] * (LAG + 1), maxlen=self.line)
        self.trace = {"W": np.zeros((batch, inputs)), "H": np.zeros((batch, units)), "b": np.zeros((batch, 1))}
        self.seen = {k: np.zeros((batch, units, x.shape[1])) for k, x in self.trace.items()}  # by the readout
        sources = {"W.low": units, "W.late": units, "b": 1}
        self.read = {k: np.zeros((batch, n)) for k, n in sources.items()}
        self.g = {k: np.zeros_like(value) for k, value in self.p.items()}

    def step(self, x, y):
        """Take the next input, and the target where the loss counts; return the output."""
        low, kappa, p = self.cells["low"], self.cells["out"].kappa, self.p
        before, one = self.spikes[-1], np.ones((len(x), 1))
        self.v = low.leak * (self.v - low.threshold * before) + x @ p["low.W"].T + before @ p["low.H"].T + p["low.b"]
        z, slope = (self.v >= low.threshold).astype(float), psi(self.v - low.threshold)
        self.spikes.append(z)
        late = self.spikes[-1 - LAG]
        for k, source in {"W": x, "H": before, "b": one}.items():
            self.trace[k] = low.leak * self.trace[k] + source
            self.seen[k] = kappa * self.seen[k] + slope[:, :, None] * self.trace[k][:, None, :]
        for k, source in {"W.low": z, "W.late": late, "b": one}.items():
            self.read[k] = kappa * self.read[k] + source
        self.o = kappa * self.o + z @ p["out.W.low"].T + late @ p["out.W.late"].T + p["out.b"]
        if y is not None:
            self.learn(self.o - y)
        return self.o

    def learn(self, error):
        """Add the error times what every parameter has done to the output."""
        for k, read in self.read.items():
            self.g[f"out.{k}"] += (error.T @ read).reshape(self.g[f"out.{k}"].shape)
        signal = error @ self.p["out.W.low"]
        for k, seen in self.seen.items():
            self.g[f"low.{k}"] += np.einsum("bn,bni->ni", signal, seen).reshape(self.g[f"low.{k}"].shape)

    def gradients(self):
        """Of the steps so far."""
        return self.g


class Hoarder(Learner):
    """Keeps the spikes of the whole sequence for the sake of those of three steps ago."""

    line = None


delay_line, wrong_delay_line = Learner, Hoarder
