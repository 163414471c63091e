"""Online in name only: a learner that keeps every input and target, and runs BPTT over them when it is asked.

The gradients are right, of every prefix too, and a new sequence begins from nothing; but what it holds grows with every
step. No comparison of gradients can find that. The claim of being online has to be refuted.
"""

import numpy as np

import gradcert


@gradcert.claim(rule="bptt", cells="rnn", depths=1, losses="squared_error", options={"activation": "tanh"}, online=True)
class Learner:
    """BPTT behind the methods of a stepwise learner, for one tanh layer."""

    def start(self, start):
        """Begin a sequence."""
        self.W, self.H, self.b = (start.parameters[f"layers.0.{k}"] for k in ("W", "H", "b"))
        self.seen = []
        self.h = np.zeros((start.batch, len(self.b)), dtype=start.dtype)

    def step(self, x, y):
        """Keep everything; return the output."""
        before = self.h
        self.h = np.tanh(x @ self.W.T + before @ self.H.T + self.b)
        self.seen.append((x, y, before, self.h))
        return self.h

    def gradients(self):
        """Backwards over all that was kept."""
        out = {f"layers.0.{k}": np.zeros_like(v) for k, v in (("W", self.W), ("H", self.H), ("b", self.b))}
        delta = np.zeros_like(self.h)
        for x, y, before, h in reversed(self.seen):
            error = h - y if y is not None else 0.0
            delta = (error + delta @ self.H) * (1 - h**2)
            out["layers.0.W"] += delta.T @ x
            out["layers.0.H"] += delta.T @ before
            out["layers.0.b"] += delta.sum(axis=0)
        return out
