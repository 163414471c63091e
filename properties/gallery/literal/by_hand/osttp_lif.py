"""OSTTP for spiking layers without lateral weights: traces forward, targets projected through fixed matrices."""

from __future__ import annotations

from typing import Any

import numpy as np


def psi(u: Any) -> Any:
    """Return the triangular pseudo-derivative."""
    return 0.5 * np.maximum(0.0, 1.0 - np.abs(u))


def gradients(problem: Any) -> dict[str, Any]:
    """Return the OSTTP gradient of spiking layers with a soft reset under a linear readout."""
    params, layers = problem.parameters, problem.network.layers
    hidden = len(layers) - 1
    batch = problem.inputs.shape[1]
    v = [np.zeros((batch, layer.units)) for layer in layers[:hidden]]
    z = [np.zeros((batch, layer.units)) for layer in layers[:hidden]]
    slope = [np.zeros((batch, layer.units)) for layer in layers[:hidden]]
    eps = [np.zeros((batch, layer.units, layer.inputs)) for layer in layers[:hidden]]
    eps_b = [np.zeros((batch, layer.units)) for layer in layers[:hidden]]
    grads = {name: np.zeros_like(value) for name, value in params.items()}
    for x, target in zip(problem.inputs, problem.targets, strict=True):
        for i in range(hidden):
            leak, theta = layers[i].cell.leak, layers[i].cell.threshold
            jacobian = leak - leak * theta * slope[i]
            eps[i] = jacobian[:, :, None] * eps[i] + x[:, None, :]
            eps_b[i] = jacobian * eps_b[i] + 1.0
            v[i] = leak * (v[i] - theta * z[i]) + x @ params[f"layers.{i}.W"].T + params[f"layers.{i}.b"]
            z[i] = np.where(v[i] >= theta, 1.0, 0.0)
            slope[i] = psi(v[i] - theta)
            signal = target @ problem.feedback[f"layers.{i}.B"]
            learning = signal * slope[i]
            grads[f"layers.{i}.W"] += (learning[:, :, None] * eps[i]).sum(axis=0)
            grads[f"layers.{i}.b"] += (learning * eps_b[i]).sum(axis=0)
            x = z[i]
        error = x @ params[f"layers.{hidden}.W"].T + params[f"layers.{hidden}.b"] - target
        grads[f"layers.{hidden}.W"] += error.T @ x
        grads[f"layers.{hidden}.b"] += error.sum(axis=0)
    return grads
