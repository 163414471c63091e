"""e-prop with a fixed random matrix for the way back, the whole sequence in arrays, traces filtered by a scan."""

from __future__ import annotations

from typing import Any

import numpy as np


def psi(u: Any) -> Any:
    """Return the triangular pseudo-derivative."""
    return 0.5 * np.maximum(0.0, 1.0 - np.abs(u))


def scan(decay: Any, values: Any) -> Any:
    """Return the exponentially filtered sequence."""
    out = np.zeros_like(values)
    for t in range(len(values)):
        out[t] = values[t] if t == 0 else decay * out[t - 1] + values[t]
    return out


def gradients(problem: Any) -> dict[str, Any]:
    """Return the e-prop gradient of one spiking layer under a leaky readout."""
    hidden, readout = problem.network.layers
    leak, theta, kappa = hidden.cell.leak, hidden.cell.threshold, readout.cell.kappa
    w, b = problem.parameters["layers.0.W"], problem.parameters["layers.0.b"]
    w_out, b_out = problem.parameters["layers.1.W"], problem.parameters["layers.1.b"]
    x, steps = problem.inputs, len(problem.inputs)
    v, z = np.zeros((steps, x.shape[1], len(b))), np.zeros((steps, x.shape[1], len(b)))
    potential, spike = np.zeros_like(v[0]), np.zeros_like(v[0])
    for t in range(steps):
        potential = leak * (potential - theta * spike) + x[t] @ w.T + b
        spike = (potential >= theta) * 1.0
        v[t], z[t] = potential, spike
    slope = psi(v - theta)
    trace = slope[:, :, :, None] * scan(leak, x)[:, :, None, :]
    eligibility = scan(kappa, trace)
    of_bias = scan(kappa, slope * scan(leak, np.ones((steps, 1, 1))))
    outputs = scan(kappa, z @ w_out.T + b_out)
    error = outputs - problem.targets
    signal = error @ problem.feedback["layers.0.B"]
    return {
        "layers.0.W": np.einsum("tbi,tbij->ij", signal, eligibility),
        "layers.0.b": np.einsum("tbi,tbi->i", signal, of_bias),
        "layers.1.W": np.einsum("tbk,tbi->ki", error, scan(kappa, z)),
        "layers.1.b": np.einsum("tbk,tbk->k", error, scan(kappa, np.ones_like(error))),
    }
