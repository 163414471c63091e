"""BPTT through one LSTM layer, the gates in a dictionary, backwards in time."""

from __future__ import annotations

from typing import Any

import numpy as np


def sigma(x: Any) -> Any:
    """Return the logistic function."""
    return 1.0 / (1.0 + np.exp(-x))


def gradients(problem: Any) -> dict[str, Any]:
    """Return the gradient of an LSTM under half the squared error of every step."""
    p = {name.removeprefix("layers.0."): value for name, value in problem.parameters.items()}
    steps, batch = problem.inputs.shape[:2]
    h = np.zeros((batch, len(p["H_i"])))
    c = np.zeros((batch, len(p["H_i"])))
    tape = []
    for t in range(steps):
        x, h_old, c_old = problem.inputs[t], h, c
        i = sigma(x @ p["W_i"].T + h_old @ p["H_i"].T + p["b_i"])
        f = sigma(x @ p["W_f"].T + h_old @ p["H_f"].T + p["b_f"])
        g = np.tanh(x @ p["W_g"].T + h_old @ p["H_g"].T + p["b_g"])
        o = sigma(x @ p["W_o"].T + h_old @ p["H_o"].T + p["b_o"])
        c = f * c_old + i * g
        h = o * np.tanh(c)
        tape.append((x, h_old, c_old, i, f, g, o, c, h))
    grads = {name: np.zeros(value.shape) for name, value in p.items()}
    dh = np.zeros_like(h)
    dc = np.zeros_like(c)
    for t in reversed(range(steps)):
        x, h_old, c_old, i, f, g, o, c, h = tape[t]
        dh = dh + (h - problem.targets[t])
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        da = {
            "i": dc * g * i * (1 - i),
            "f": dc * c_old * f * (1 - f),
            "g": dc * i * (1 - g**2),
            "o": dh * np.tanh(c) * o * (1 - o),
        }
        dh = np.zeros_like(h)
        for gate, d in da.items():
            grads[f"W_{gate}"] += d.T @ x
            grads[f"H_{gate}"] += d.T @ h_old
            grads[f"b_{gate}"] += d.sum(axis=0)
            dh += d @ p[f"H_{gate}"]
        dc = dc * f
    return {f"layers.0.{name}": value for name, value in grads.items()}
