"""RTRL for one tanh layer: the sensitivity of every unit to every weight, carried forward."""

from __future__ import annotations

from typing import Any

import numpy as np


def gradients(problem: Any) -> dict[str, Any]:
    """Return the gradient of one recurrent layer under half the squared error of every step."""
    w, r, b = (problem.parameters[f"layers.0.{name}"] for name in ("W", "H", "b"))
    steps, batch, width = problem.inputs.shape
    units = len(b)
    total_w, total_r, total_b = np.zeros_like(w), np.zeros_like(r), np.zeros_like(b)
    for n in range(batch):
        h = np.zeros(units)
        s_w, s_r, s_b = np.zeros((units, units, width)), np.zeros((units, units, units)), np.zeros((units, units))
        for t in range(steps):
            x, before = problem.inputs[t, n], h
            h = np.tanh(w @ x + r @ before + b)
            slope = 1.0 - h * h
            f_w, f_r, f_b = np.zeros_like(s_w), np.zeros_like(s_r), np.eye(units)
            for i in range(units):
                f_w[i, i] = x
                f_r[i, i] = before
            s_w = slope[:, None, None] * (np.tensordot(r, s_w, axes=1) + f_w)
            s_r = slope[:, None, None] * (np.tensordot(r, s_r, axes=1) + f_r)
            s_b = slope[:, None] * (r @ s_b + f_b)
            error = h - problem.targets[t, n]
            total_w += np.tensordot(error, s_w, axes=1)
            total_r += np.tensordot(error, s_r, axes=1)
            total_b += error @ s_b
    return {"layers.0.W": total_w, "layers.0.H": total_r, "layers.0.b": total_b}
