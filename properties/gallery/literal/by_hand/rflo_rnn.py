"""RFLO for one leaky rate layer under a linear readout: one trace per weight, a random matrix for the error."""

from __future__ import annotations

from typing import Any

import numpy as np


def gradients(problem: Any) -> dict[str, Any]:
    """Return the RFLO gradient of one leaky layer and its readout."""
    w, r, b = (problem.parameters[f"layers.0.{name}"] for name in ("W", "H", "b"))
    w_out, b_out = problem.parameters["layers.1.W"], problem.parameters["layers.1.b"]
    feedback, rate = problem.feedback["layers.0.B"], problem.network.layers[0].cell.rate
    batch, width = problem.inputs.shape[1:]
    units = len(b)
    h = np.zeros((batch, units))
    m_w, m_r, m_b = np.zeros((batch, units, width)), np.zeros((batch, units, units)), np.zeros((batch, units))
    g_w, g_r, g_b = np.zeros_like(w), np.zeros_like(r), np.zeros_like(b)
    g_out, g_bias = np.zeros_like(w_out), np.zeros_like(b_out)
    for x, y in zip(problem.inputs, problem.targets, strict=True):
        drive = np.tanh(x @ w.T + h @ r.T + b)
        slope = rate * (1.0 - drive**2)
        m_w = (1.0 - rate) * m_w + slope[:, :, None] * x[:, None, :]
        m_r = (1.0 - rate) * m_r + slope[:, :, None] * h[:, None, :]
        m_b = (1.0 - rate) * m_b + slope
        h = (1.0 - rate) * h + rate * drive
        error = h @ w_out.T + b_out - y
        signal = error @ feedback
        g_w += np.einsum("bi,bij->ij", signal, m_w)
        g_r += np.einsum("bi,bij->ij", signal, m_r)
        g_b += (signal * m_b).sum(axis=0)
        g_out += error.T @ h
        g_bias += error.sum(axis=0)
    return {"layers.0.W": g_w, "layers.0.H": g_r, "layers.0.b": g_b, "layers.1.W": g_out, "layers.1.b": g_bias}
