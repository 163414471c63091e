"""OTTT with presynaptic traces, forward in time, under a linear readout and a mean cross-entropy."""

from __future__ import annotations

from typing import Any

import numpy as np


def slope(u: Any) -> Any:
    """Return the derivative of a steep sigmoid."""
    s = 1.0 / (1.0 + np.exp(-4.0 * u))
    return 4.0 * s * (1.0 - s)


def gradients(problem: Any) -> dict[str, Any]:
    """Return the accumulated OTTT gradient."""
    params, layers = problem.parameters, problem.network.layers
    hidden = len(layers) - 1
    steps, batch, width = problem.inputs.shape
    sizes = [width] + [layer.units for layer in layers]
    mem = [np.zeros((batch, n)) for n in sizes[1:-1]]
    out = [np.zeros((batch, n)) for n in sizes[1:-1]]
    trace = [np.zeros((batch, n)) for n in sizes[:-2]]
    ones = [0.0 for _ in range(hidden)]
    grads = {name: np.zeros_like(value) for name, value in params.items()}
    for t in range(steps):
        s = problem.inputs[t]
        slopes = []
        for i in range(hidden):
            leak, theta = layers[i].cell.leak, layers[i].cell.threshold
            trace[i] = leak * trace[i] + s
            ones[i] = leak * ones[i] + 1.0
            mem[i] = leak * (mem[i] - theta * out[i]) + s @ params[f"layers.{i}.W"].T + params[f"layers.{i}.b"]
            out[i] = np.where(mem[i] >= theta, 1.0, 0.0)
            slopes.append(slope(mem[i] - theta))
            s = out[i]
        w = params[f"layers.{hidden}.W"]
        logits = s @ w.T + params[f"layers.{hidden}.b"]
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        prob = scores / scores.sum(axis=1, keepdims=True)
        y = problem.targets[t]
        delta = (prob * y.sum(axis=1, keepdims=True) - y) / (steps * batch)
        grads[f"layers.{hidden}.W"] += delta.T @ s
        grads[f"layers.{hidden}.b"] += delta.sum(axis=0)
        delta = delta @ w
        for i in reversed(range(hidden)):
            g = delta * slopes[i]
            grads[f"layers.{i}.W"] += g.T @ trace[i]
            grads[f"layers.{i}.b"] += g.sum(axis=0) * ones[i]
            delta = g @ params[f"layers.{i}.W"]
    return grads
