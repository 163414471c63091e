"""OTTT without a loop over traces: a lower triangular matrix of powers of the leak filters the whole input at once."""

from __future__ import annotations

from typing import Any

import numpy as np


def psi(u: Any) -> Any:
    """Return the triangular pseudo-derivative."""
    return 0.5 * np.maximum(0.0, 1.0 - np.abs(u))


def gradients(problem: Any) -> dict[str, Any]:
    """Return the OTTT gradient of spiking layers under a linear readout."""
    params, layers = problem.parameters, problem.network.layers
    top = len(layers) - 1
    steps, batch = problem.inputs.shape[:2]
    ages = np.arange(steps)[:, None] - np.arange(steps)[None, :]
    x, tape = problem.inputs, []
    for i in range(top):
        leak, theta = layers[i].cell.leak, layers[i].cell.threshold
        drive = np.einsum("tbj,ij->tbi", x, params[f"layers.{i}.W"]) + params[f"layers.{i}.b"]
        v = np.zeros((steps + 1, batch, layers[i].units))
        z = np.zeros_like(v)
        for t in range(steps):
            v[t + 1] = leak * (v[t] - theta * z[t]) + drive[t]
            z[t + 1] = np.where(v[t + 1] >= theta, 1.0, 0.0)
        decay = np.where(ages >= 0, leak ** np.maximum(ages, 0), 0.0)
        tape.append((psi(v[1:] - theta), np.einsum("ts,sbj->tbj", decay, x), decay.sum(axis=1)))
        x = z[1:]
    weights = params[f"layers.{top}.W"]
    error = np.einsum("tbj,ij->tbi", x, weights) + params[f"layers.{top}.b"] - problem.targets
    grads = {f"layers.{top}.W": np.einsum("tbi,tbj->ij", error, x), f"layers.{top}.b": error.sum(axis=(0, 1))}
    signal = np.einsum("tbi,ij->tbj", error, weights)
    for i in reversed(range(top)):
        slope, trace, one = tape[i]
        credit = signal * slope
        grads[f"layers.{i}.W"] = np.einsum("tbi,tbj->ij", credit, trace)
        grads[f"layers.{i}.b"] = np.einsum("tbi,t->i", credit, one)
        signal = np.einsum("tbi,ij->tbj", credit, params[f"layers.{i}.W"])
    return grads
