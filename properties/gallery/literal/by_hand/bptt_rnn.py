"""BPTT through tanh layers, one sample after the other."""

from __future__ import annotations

from typing import Any

import numpy as np


def gradients(problem: Any) -> dict[str, Any]:
    """Return the gradient of a stack of tanh layers under half the squared error of every step."""
    p, depth = problem.parameters, problem.network.depth
    steps, batch = problem.inputs.shape[:2]
    grads = {name: np.zeros(value.shape) for name, value in p.items()}
    for n in range(batch):
        xs, hs = [problem.inputs[:, n]], []
        for i in range(depth):
            w, b = p[f"layers.{i}.W"], p[f"layers.{i}.b"]
            recurrent = p[f"layers.{i}.H"]
            h = np.zeros((steps + 1, len(b)))
            for t in range(steps):
                h[t + 1] = np.tanh(w @ xs[i][t] + recurrent @ h[t] + b)
            hs.append(h)
            xs.append(h[1:])
        carried = [np.zeros(h.shape[1]) for h in hs]
        for t in reversed(range(steps)):
            credit = xs[depth][t] - problem.targets[t, n]
            for i in reversed(range(depth)):
                da = (credit + carried[i]) * (1 - hs[i][t + 1] ** 2)
                grads[f"layers.{i}.W"] += np.outer(da, xs[i][t])
                grads[f"layers.{i}.H"] += np.outer(da, hs[i][t])
                grads[f"layers.{i}.b"] += da
                carried[i] = p[f"layers.{i}.H"].T @ da
                credit = p[f"layers.{i}.W"].T @ da
    return grads
