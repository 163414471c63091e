"""BPTT through feedforward spiking layers with a soft reset, and a linear readout, whole batches at once."""

from __future__ import annotations

from typing import Any

import numpy as np


def psi(u: Any) -> Any:
    """Return the triangular pseudo-derivative."""
    return 0.5 * np.maximum(0.0, 1.0 - np.abs(u))


def gradients(problem: Any) -> dict[str, Any]:
    """Return the gradient of leaky integrate-and-fire layers under a linear readout."""
    params, layers = problem.parameters, problem.network.layers
    steps, batch = problem.inputs.shape[:2]
    top = len(layers) - 1
    x, tape = problem.inputs, []
    for i in range(top):
        leak, theta = layers[i].cell.leak, layers[i].cell.threshold
        v = np.zeros((batch, layers[i].units))
        z = np.zeros((batch, layers[i].units))
        potentials, spikes = [], []
        for t in range(steps):
            v = leak * (v - theta * z) + x[t] @ params[f"layers.{i}.W"].T + params[f"layers.{i}.b"]
            z = np.where(v >= theta, 1.0, 0.0)
            potentials.append(v)
            spikes.append(z)
        tape.append((x, np.array(potentials)))
        x = np.array(spikes)
    w = params[f"layers.{top}.W"]
    error = x @ w.T + params[f"layers.{top}.b"] - problem.targets
    grads = {f"layers.{top}.W": np.einsum("tbo,tbi->oi", error, x), f"layers.{top}.b": error.sum(axis=(0, 1))}
    credit = error @ w
    for i in reversed(range(top)):
        leak, theta = layers[i].cell.leak, layers[i].cell.threshold
        inputs, potentials = tape[i]
        weights = params[f"layers.{i}.W"]
        gw = np.zeros_like(weights)
        gb = np.zeros(len(weights))
        dv = np.zeros((batch, layers[i].units))
        below = np.zeros_like(inputs)
        for t in range(steps - 1, -1, -1):
            dz = credit[t] - leak * theta * dv
            dv = leak * dv + psi(potentials[t] - theta) * dz
            gw += dv.T @ inputs[t]
            gb += dv.sum(axis=0)
            below[t] = dv @ weights
        grads[f"layers.{i}.W"] = gw
        grads[f"layers.{i}.b"] = gb
        credit = below
    return grads
