"""BPTT through one GRU layer, reset gate after the product, the sequence kept in lists."""

from __future__ import annotations

from typing import Any

import numpy as np


def sigma(x: Any) -> Any:
    """Return the logistic function."""
    return 1.0 / (1.0 + np.exp(-x))


def gradients(problem: Any) -> dict[str, Any]:
    """Return the gradient of a GRU under half the squared error of every step."""
    p = {name.removeprefix("layers.0."): value for name, value in problem.parameters.items()}
    steps, batch = problem.inputs.shape[:2]
    h = np.zeros((batch, len(p["b_r"])))
    tape = []
    for t in range(steps):
        x, old = problem.inputs[t], h
        r = sigma(x @ p["W_r"].T + old @ p["H_r"].T + p["b_r"])
        u = sigma(x @ p["W_u"].T + old @ p["H_u"].T + p["b_u"])
        q = old @ p["H_n"].T + p["c_n"]
        n = np.tanh(x @ p["W_n"].T + p["b_n"] + r * q)
        h = (1.0 - u) * n + u * old
        tape.append((x, old, r, u, q, n, h))
    g = {name: np.zeros_like(value) for name, value in p.items()}
    carried = np.zeros_like(h)
    for t in reversed(range(steps)):
        x, old, r, u, q, n, h = tape[t]
        dh = carried + h - problem.targets[t]
        dn = dh * (1.0 - u) * (1.0 - n * n)
        du = dh * (old - n) * u * (1.0 - u)
        dq = dn * r
        dr = dn * q * r * (1.0 - r)
        g["W_n"] += dn.T @ x
        g["b_n"] += dn.sum(axis=0)
        g["H_n"] += dq.T @ old
        g["c_n"] += dq.sum(axis=0)
        g["W_u"] += du.T @ x
        g["H_u"] += du.T @ old
        g["b_u"] += du.sum(axis=0)
        g["W_r"] += dr.T @ x
        g["H_r"] += dr.T @ old
        g["b_r"] += dr.sum(axis=0)
        carried = dh * u + dq @ p["H_n"] + du @ p["H_u"] + dr @ p["H_r"]
    return {f"layers.0.{name}": value for name, value in g.items()}
