"""BPTT of one LIF layer with initial values, weights, beginnings, a mask and a rate, as loops over steps.

    v = leak (v' - th z') + W x + H z' + b      z = spike(v - th)      o = mask z        (mathematics.md 1.1 A)

' is the step before, or the initial values where a sequence begins. E is the weighted loss of o, and
1/2 sum_i (r_i - target)^2 per sample, r the weighted mean of o over time, where the loss has such a term.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.properties.gallery.literal.common import local, loss_error, pseudo


def gradients(problem: Any, fault: str = "") -> dict[str, Any]:
    """Return the gradient of every parameter.

    And of the initial values, where it is asked for.

    Faults: ``F10`` the mean over time counts padded steps; ``F11`` the state is carried over a beginning; ``F12`` a
    mask is scaled once more; ``F13`` the first step's mask is used at every step; ``T51 sign``, ``T51 batch`` of the
    rate; ``T70`` the mask of the pull-back is another than that of the step; ``F14`` initial values, ``F16`` weights of
    the loss, ``F17`` masks are not read; ``F15`` initial values have the gradient of a row's first sequence alone.
    """
    network, x, y = problem.network, problem.inputs, problem.targets
    layer, p = network.layers[0], local(problem, 0)
    (steps, batch), units, dtype = x.shape[:2], layer.units, x.dtype
    w = np.ones((steps, batch), dtype=dtype) if problem.weights is None or fault == "F16" else problem.weights
    begins = np.zeros((steps, batch), dtype=bool) if problem.begins is None else np.array(problem.begins)
    begins = begins & (fault != "F11")
    mask = np.array(problem.masks.get("layers.0", np.ones((steps, batch, units), dtype=dtype)))
    mask = mask / 2 if fault == "F12" and problem.masks else mask
    mask[:] = mask[0] if fault == "F13" else 1 if fault == "F17" else mask
    rest = np.zeros((batch, units), dtype=dtype)
    v0, z0 = (rest + (problem.initial.get(f"layers.0.{k}", 0) if fault != "F14" else 0) for k in "vz")
    v, z, before = np.zeros((steps, batch, units), dtype=dtype), np.zeros((steps, batch, units), dtype=dtype), []
    for t in range(steps):
        first = (begins[t] | (t == 0))[:, None]
        v_was, z_was = np.where(first, v0, v[t - 1]), np.where(first, z0, z[t - 1])
        before.append((v_was, z_was))
        v[t] = p["leak"] * (v_was - p["threshold"] * z_was) + x[t] @ p["W"].T + z_was @ p["H"].T + p["b"]
        z[t] = v[t] > p["threshold"] if layer.cell.strict else v[t] >= p["threshold"]
    unit = p["threshold"] if layer.cell.scaling == "threshold" else 1
    psi = pseudo(layer.cell.surrogate)((v - p["threshold"]) / unit) / unit
    credit = credited(problem, mask * z, y, w, fault) * (mask[::-1] if fault == "T70" else mask)
    total = {name: np.zeros(shape, dtype=dtype) for name, shape in network.shapes().items()}
    starts = {name: np.zeros((batch, units), dtype=dtype) for name in problem.initial if problem.initial_gradient}
    later = np.zeros((batch, units), dtype=dtype)  # dE/dv of the step after
    for t in reversed(range(steps)):
        crossing = ~begins[t + 1][:, None] if t + 1 < steps else np.zeros((batch, 1), dtype=bool)
        later = np.where(crossing, later, 0)
        dz = credit[t] + later @ p["H"] - later * p["leak"] * p["threshold"]
        later = psi[t] * dz + p["leak"] * later
        shares = {"W": later.T @ x[t], "H": later.T @ before[t][1], "b": later.sum(axis=0)}
        for name in total:
            total[name] += shares[name.rpartition(".")[2]]
        if t == 0 or (begins[t].any() and fault != "F15"):
            first = (begins[t] | (t == 0))[:, None]
            past = {"v": p["leak"] * later, "z": later @ p["H"] - p["leak"] * p["threshold"] * later}
            for name in starts:
                starts[name] += np.where(first, past[name.rpartition(".")[2]], 0)
    summed = {k: g if problem.initial[k].ndim == 2 else g.sum(axis=0) for k, g in starts.items()}
    return total | {f"initial.{name}": g for name, g in summed.items()}


def credited(problem: Any, o: Any, y: Any, w: Any, fault: str) -> Any:
    """Return dE/do, (time, batch, units)."""
    loss, (steps, batch) = problem.network.loss, o.shape[:2]
    share = w[:, :, None].copy()
    if loss.when == "last":
        share[:-1] = 0
    elif loss.time == "mean":
        share = share / (steps if fault == "F10" else w.sum(axis=0)[:, None])
    delta = loss_error(loss, o, y) * share / (batch if loss.batch == "mean" else 1)
    for term in loss.activity:
        counted = w[:, :, None]
        rate = (counted * o).sum(axis=0) / counted.sum(axis=0)
        if fault == "T51 batch":
            rate = rate.mean(axis=0, keepdims=True) + 0 * rate
        pull = (rate - term.target) * counted / counted.sum(axis=0)
        delta = delta + (-pull if fault == "T51 sign" else pull)
    return delta
