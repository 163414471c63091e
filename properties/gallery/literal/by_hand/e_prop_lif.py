"""e-prop for recurrent spiking units under a leaky readout: filtered spikes, eligibility traces, filtered once more."""

from __future__ import annotations

from typing import Any

import numpy as np


def psi(u: Any) -> Any:
    """Return the triangular pseudo-derivative."""
    return 0.5 * np.maximum(0.0, 1.0 - np.abs(u))


def gradients(problem: Any) -> dict[str, Any]:
    """Return the e-prop gradient of one recurrent layer and its readout."""
    hidden, readout = problem.network.layers
    leak, theta, kappa = hidden.cell.leak, hidden.cell.threshold, readout.cell.kappa
    w_in, w_rec, bias = (problem.parameters[f"layers.0.{n}"] for n in ("W", "H", "b"))
    w_out, b_out = (problem.parameters[f"layers.1.{n}"] for n in ("W", "b"))
    steps, batch, width = problem.inputs.shape
    units = len(bias)
    v, z = np.zeros((batch, units)), np.zeros((batch, units))
    y = np.zeros((batch, len(b_out)))
    xbar, zbar, one = np.zeros((batch, width)), np.zeros((batch, units)), 0.0
    e_w, e_h = np.zeros((batch, units, width)), np.zeros((batch, units, units))
    e_b, z_out, one_out = np.zeros((batch, units)), np.zeros((batch, units)), 0.0
    g_w, g_h, g_b = np.zeros_like(w_in), np.zeros_like(w_rec), np.zeros_like(bias)
    g_wo, g_bo = np.zeros_like(w_out), np.zeros_like(b_out)
    for t in range(steps):
        x = problem.inputs[t]
        xbar = leak * xbar + x
        zbar = leak * zbar + z
        one = leak * one + 1.0
        v = leak * v + x @ w_in.T + z @ w_rec.T + bias - theta * z
        z = np.where(v >= theta, 1.0, 0.0)
        h = psi(v - theta)
        e_w = kappa * e_w + h[:, :, None] * xbar[:, None, :]
        e_h = kappa * e_h + h[:, :, None] * zbar[:, None, :]
        e_b = kappa * e_b + h * one
        z_out = kappa * z_out + z
        one_out = kappa * one_out + 1.0
        y = kappa * y + z @ w_out.T + b_out
        error = y - problem.targets[t]
        signal = error @ w_out
        g_w += (signal[:, :, None] * e_w).sum(axis=0)
        g_h += (signal[:, :, None] * e_h).sum(axis=0)
        g_b += (signal * e_b).sum(axis=0)
        g_wo += error.T @ z_out
        g_bo += error.sum(axis=0) * one_out
    found = {"0.W": g_w, "0.H": g_h, "0.b": g_b, "1.W": g_wo, "1.b": g_bo}
    return {f"layers.{name}": value for name, value in found.items()}
