"""BPTT through one layer with adaptive thresholds under a leaky readout, backwards in time."""

from __future__ import annotations

from typing import Any

import numpy as np


def psi(u: Any) -> Any:
    """Return the triangular pseudo-derivative."""
    return 0.3 * np.maximum(0.0, 1.0 - np.abs(u))


def gradients(problem: Any) -> dict[str, Any]:
    """Return the gradient of a recurrent adaptive layer and its readout."""
    hidden, readout = problem.network.layers
    leak, theta, beta, rho = (getattr(hidden.cell, n) for n in ("leak", "threshold", "beta", "rho"))
    kappa = readout.cell.kappa
    w, r, b = (problem.parameters[f"layers.0.{n}"] for n in ("W", "H", "b"))
    w_out, b_out = problem.parameters["layers.1.W"], problem.parameters["layers.1.b"]
    steps, batch = problem.inputs.shape[:2]
    v, k, z = (np.zeros((steps + 1, batch, len(b))) for _ in range(3))
    o = np.zeros((steps + 1, batch, len(b_out)))
    for t in range(1, steps + 1):
        k[t] = rho * k[t - 1] + z[t - 1]
        v[t] = leak * v[t - 1] + problem.inputs[t - 1] @ w.T + z[t - 1] @ r.T + b - theta * z[t - 1]
        z[t] = np.where(v[t] > theta + beta * k[t], 1.0, 0.0)
        o[t] = kappa * o[t - 1] + z[t] @ w_out.T + b_out
    grads = {name: np.zeros_like(value) for name, value in problem.parameters.items()}
    do = np.zeros_like(o[0])
    dv, dk = np.zeros_like(v[0]), np.zeros_like(k[0])
    for t in range(steps, 0, -1):
        do = kappa * do + o[t] - problem.targets[t - 1]
        dz = do @ w_out + dk + dv @ r - theta * dv
        h = psi(v[t] - theta - beta * k[t]) * dz
        dv = leak * dv + h
        dk = rho * dk - beta * h
        grads["layers.0.W"] += dv.T @ problem.inputs[t - 1]
        grads["layers.0.H"] += dv.T @ z[t - 1]
        grads["layers.0.b"] += dv.sum(axis=0)
        grads["layers.1.W"] += do.T @ z[t]
        grads["layers.1.b"] += do.sum(axis=0)
    return grads
