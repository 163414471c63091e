"""One LIF layer with a refractory period, its reset out of the graph, as loops over steps (mathematics.md 1.8).

v = leak (v' - th z') + W x + b      z = spike(v - th), but 0 while a counter runs      dz/dv = psi, but 0 then too
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.properties.gallery.literal.common import errors, local, pseudo


def gradients(problem: Any, fault: str = "") -> dict[str, Any]:
    """Return the gradient of every parameter. Fault ``T47``: psi in the refractory period."""
    layer, p, x = problem.network.layers[0], local(problem, 0), problem.inputs
    (steps, batch), units, dtype = x.shape[:2], layer.units, x.dtype
    v, z, count = (np.zeros((batch, units), dtype=dtype) for _ in range(3))
    potentials, spikes, free = [], [], []
    for t in range(steps):
        v = p["leak"] * (v - p["threshold"] * z) + x[t] @ p["W"].T + p["b"]
        count = np.where(z > 0, layer.cell.period, np.maximum(count - 1, 0))
        crossed = v > p["threshold"] if layer.cell.strict else v >= p["threshold"]
        z = np.where(count > 0, 0, crossed).astype(dtype)
        potentials.append(v)
        spikes.append(z)
        free.append(count == 0)
    delta = errors(problem, np.stack(spikes))
    psi = pseudo(layer.cell.surrogate)(np.stack(potentials) - p["threshold"])
    later, total = np.zeros((batch, units), dtype=dtype), {"W": 0, "b": 0}
    for t in reversed(range(steps)):
        slope = psi[t] if fault == "T47" else psi[t] * free[t]
        later = slope * delta[t] + p["leak"] * later
        total = {"W": total["W"] + later.T @ x[t], "b": total["b"] + later.sum(axis=0)}
    return {name: total[name.rpartition(".")[2]] for name in problem.network.shapes()}
