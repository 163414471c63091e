"""OSTL for stacks of SNU and sSNU layers, written out from the published equations (mathematics.md 4.1).

Every ``fault`` is one line of this file done wrong in a way that somebody could do it. Indices: b sample, q and p
unit, i row and j column of a weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.properties.gallery.literal.common import FUNCTIONS, loss_error, pseudo, steps_counted

_KEPT: dict[Any, Any] = {}  # what the fault "traces carried over" leaves behind


class Layer:
    """One layer and its eligibility tensors."""

    def __init__(self, layer: Any, parameters: Any, batch: int, *, fault: str = "") -> None:
        cell, units = layer.cell, layer.units
        self.fault, self.trained = fault, tuple(parameters)
        self.p = {
            "leak": np.broadcast_to(cell.leak, (units,)),
            "threshold": np.broadcast_to(cell.threshold, (units,)),
            "H": np.zeros((units, units)),
            "b": np.zeros(units),
            **parameters,
        }
        self.g, self.dg = FUNCTIONS[cell.transfer]
        if cell.name == "ssnu":
            self.h, self.dh = FUNCTIONS[cell.output]
        else:
            strict = cell.strict != (fault == "T114")
            self.h, self.dh = (lambda x: 1.0 * (x > 0 if strict else x >= 0)), pseudo(cell.surrogate, fault)
        dtype = self.p["W"].dtype
        self.v, self.z, self.psi, self.a = (np.zeros((batch, units), dtype=dtype) for _ in range(4))
        self.eps: dict[str, Any] = dict.fromkeys(parameters, 0)
        self.total = {name: np.zeros_like(value) for name, value in parameters.items()}
        self.credit = np.zeros((batch, units), dtype=dtype)
        self.t = 0
        self.last_x: Any = None

    def step(self, x: Any) -> Any:
        """One step of state and eligibility tensors."""
        f, p, v0, z0, psi0 = self.fault, self.p, self.v, self.z, self.psi
        unit = np.eye(len(p["b"]), dtype=v0.dtype)
        a = x @ p["W"].T + z0 @ p["H"].T + p["b"] + p["leak"] * v0 * (1 - z0)
        v = self.g(a)
        z, psi = self.h(v - p["threshold"]), self.dh(v - p["threshold"])
        if f == "T116":
            psi = self.dh(v)
        slope = self.dg(a)

        inner = psi if f == "T01" else psi0
        lateral = (p["H"].T if f == "T03" else p["H"]) * inner[:, None, :]
        if f == "T09":
            lateral = 0 * lateral
        potential = {"T07 new": v, "T07 drive": self.a, "T07 post": v0 * (1 - z0)}.get(f, v0)
        reset = 0 * v0 if f == "T05" else p["leak"] * potential * inner
        gate = 1 + 0 * z0 if f in ("T06", "T19") else 1 - z0
        through_z = lateral - unit * reset[:, :, None]
        jacobian = through_z + unit * (p["leak"] * gate)[:, :, None]
        if f == "T24":
            jacobian = jacobian * unit
        if f == "T23":
            jacobian = 0 * jacobian
        explicit = 0 * through_z if f == "T27" else through_z
        immediate = {
            "W": np.einsum("qi,bj->bqij", unit, x),
            "H": np.einsum("qi,bj->bqij", unit, z if f == "T10" else z0),
            "b": np.einsum("qi,bj->bqij", unit, np.ones((len(x), 1), dtype=v0.dtype))[..., 0],
            "threshold": -explicit,
            "leak": unit * (v0 if f == "T31 gate" else v0 * (1 - z0))[:, :, None],
        }
        if f == "T11":
            immediate["W"] = np.einsum("qi,bj->bqij", unit, self.last_x if self.t else 0 * x)
        if f == "T04" and "H" in self.trained:
            immediate["H"] = immediate["H"].swapaxes(2, 3)
        self.last_x, before = x, dict(self.eps)
        for name, eps in before.items():
            past = np.einsum("bqp,bp...->bq...", jacobian, eps) if np.ndim(eps) else 0
            if f == "T31" and name == "leak":
                past = 0 * immediate[name]
            if f == "T08 recursion":
                self.eps[name] = past + np.einsum("bq,bq...->bq...", slope, immediate[name])
            elif f == "T08 immediate":
                self.eps[name] = np.einsum("bq,bq...->bq...", slope, past + 0 * immediate[name]) + immediate[name]
            else:
                self.eps[name] = np.einsum("bq,bq...->bq...", slope, past + immediate[name])
        if f == "T21 cleared" and self.t == 2:
            self.eps = {name: np.einsum("bq,bq...->bq...", slope, immediate[name]) for name in self.eps}
        self.read = before if f == "T12" else self.eps
        self.old_psi = psi0
        self.a, self.v, self.z, self.psi, self.slope, self.t = a, v, z, psi, slope, self.t + 1
        return z

    def learn(self, signal: Any) -> Any:
        """Add L . e; return the learning signal of the layer below."""
        f = self.fault
        g = signal * (self.old_psi if f in ("T02", "T55") else self.psi)
        if f == "T56":
            g, self.credit = self.credit * self.psi, signal
        for name, eps in self.read.items():
            if not np.ndim(eps):
                continue
            if f == "T26":
                share = np.einsum("q,q...->...", g.sum(axis=0), eps.sum(axis=0)) / len(g)
            else:
                share = np.einsum("bq,bq...->...", g, eps)
            if name == "threshold":
                share = share if f == "T28" else share - g.sum(axis=0)
                share = -share if f == "T29" else share
            self.total[name] = self.total[name] + share.reshape(self.total[name].shape)
        weights = self.p["W"] - 0.125 * self.total["W"] if f == "T54" else self.p["W"]
        return ((signal * self.psi) * self.slope) @ weights


def gradients(problem: Any, *, fault: str = "") -> Any:
    """Return the OSTL gradient, one line being wrong where `fault` names one."""
    steps, batch, _ = problem.inputs.shape
    loss, layers = problem.network.loss, []
    for i, layer in enumerate(problem.network.layers):
        prefix = f"layers.{i}."
        own = {k.removeprefix(prefix): v for k, v in problem.parameters.items() if k.startswith(prefix)}
        layers.append(Layer(layer, own, batch, fault=fault))
        if fault == "T21 carried" and (i, batch, layer.units) in _KEPT:
            kept = _KEPT[i, batch, layer.units]
            layers[-1].eps = {
                k: kept.get(k, 0) if np.shape(kept.get(k, 0))[2:] == v.shape else 0 for k, v in own.items()
            }
    for t, x in enumerate(problem.inputs):
        for layer in layers:
            x = layer.step(x)
        signal = loss_error(loss, x, problem.targets[t])
        counted = steps_counted(loss, steps, batch)
        counted = {"T62 time": steps, "T62 batch": batch}.get(fault, 1) * counted
        signal = signal / counted
        if (loss.when == "last" or fault == "T66") and t < steps - 1:
            signal = 0 * signal
        for layer in reversed(layers):
            signal = layer.learn(signal)
    if fault == "T21 carried":
        _KEPT.update({(i, batch, len(layer.p["b"])): layer.eps for i, layer in enumerate(layers)})
    return {f"layers.{i}.{name}": g for i, layer in enumerate(layers) for name, g in layer.total.items()}
