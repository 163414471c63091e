"""RTRL for one LSTM or GRU layer, from the Jacobians of mathematics.md 1.5 and 4.4.

One layer without anything above it: this is OSTL, RTRL and BPTT at once. Indices: b sample, q and p unit, i row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.properties.gallery.literal.common import errors, local, sigmoid


def gradients(problem: Any, *, fault: str = "") -> dict[str, Any]:
    """Return the gradient of one gated layer, one line being wrong where `fault` names one."""
    layer = problem.network.layers[0]
    p = {**local(problem, 0)}
    run = _lstm if layer.cell.name == "lstm" else _gru
    outputs, tangents = run(problem, p, fault)
    delta = errors(problem, outputs)
    return {
        f"layers.0.{name}": sum(np.einsum("bq,bq...->...", d, m[name]) for d, m in zip(delta, tangents, strict=True))
        for name in layer.shapes()
    }


def _outer(gate: Any, source: Any) -> Any:
    """Return d(gate_q)/dw_ij = [q = i] gate_q source_j, from the slope of the gate's drive."""
    return np.einsum("bq,qi,bj->bqij", gate, np.eye(gate.shape[1], dtype=gate.dtype), source)


def _rows(weights: Any) -> Any:
    return weights[:, None] * np.eye(len(weights), dtype=weights.dtype)


def _lstm(problem: Any, p: dict[str, Any], f: str) -> tuple[Any, list[dict[str, Any]]]:
    layer = problem.network.layers[0]
    cell, n, (steps, batch) = layer.cell, layer.units, problem.inputs.shape[:2]
    dtype = problem.inputs.dtype
    order = {"T95 ifco": {"f": "o", "o": "f"}, "T95 fico": {"i": "f", "f": "i"}}.get(f, {})
    w = {g: {k: p.get(f"{k}_{order.get(g, g)}", np.zeros(n, dtype=dtype)) for k in "WHbp"} for g in "ifgo"}
    if not cell.recurrent:
        for g in w:
            w[g]["H"] = np.zeros((n, n), dtype=dtype)
    names = list(layer.shapes())
    c, h = (np.zeros((batch, n), dtype=dtype) for _ in range(2))
    zero = {name: np.zeros((batch, n, *s), dtype=dtype) for name, s in layer.shapes().items()}
    mc, mh = dict(zero), dict(zero)
    outputs, tangents = [], []
    for t in range(steps):
        x, c0, h0 = problem.inputs[t], c, h
        arg = {g: x @ w[g]["W"].T + h0 @ w[g]["H"].T + w[g]["b"] for g in "ifgo"}
        if f == "T100":
            arg["f"] = arg["f"] + 1
        i, fg = (sigmoid(arg[g] + w[g]["p"] * c0) for g in "if")
        g_ = np.tanh(arg["g"])
        c = fg * c0 + i * g_
        o_sees = c0 if f == "T99" else c
        o = sigmoid(arg["o"] + w["o"]["p"] * o_sees)
        h = o * np.tanh(c)
        slope = {"i": g_ * i * (1 - i), "f": c0 * fg * (1 - fg), "g": i * (1 - g_**2)}
        out_gate, out_c = np.tanh(c) * o * (1 - o), o * (1 - np.tanh(c) ** 2)
        jcc = fg + slope["i"] * w["i"]["p"] + slope["f"] * w["f"]["p"]
        jch = sum(slope[g][:, :, None] * w[g]["H"] for g in "ifg")
        jhh = out_gate[:, :, None] * w["o"]["H"] * (f != "T98")
        new_c, new_h = {}, {}
        for name in names:
            kind, _, gate = name.partition("_")
            gate = {v: k for k, v in order.items()}.get(gate, gate)
            source = {"W": x, "H": h0, "b": np.ones((batch, 1), dtype=dtype), "p": None}[kind]
            past = np.einsum("bqp,bp...->bq...", jch, mh[name]) + np.einsum("bq,bq...->bq...", jcc, mc[name])
            fresh_c, fresh_o = 0 * zero[name], 0 * zero[name]
            if kind == "p":
                unit = np.eye(n, dtype=dtype)
                if gate in "if":
                    fresh_c = unit * (slope[gate] * c0)[:, :, None]
                else:
                    fresh_o = unit * (out_gate * o_sees)[:, :, None]
            elif gate == "o":
                fresh_o = _outer(out_gate, source).reshape(zero[name].shape)
            else:
                fresh_c = _outer(slope[gate], source).reshape(zero[name].shape)
            new_c[name] = past + fresh_c
            through = out_gate * w["o"]["p"] * (f != "T99") + out_c
            new_h[name] = np.einsum("bq,bq...->bq...", through, new_c[name]) + fresh_o
            new_h[name] = new_h[name] + np.einsum("bqp,bp...->bq...", jhh, mh[name])
            if f == "T99":
                new_h[name] = new_h[name] + np.einsum("bq,bq...->bq...", out_gate * w["o"]["p"], mc[name])
        mc, mh = new_c, new_h
        outputs.append(h)
        tangents.append(mh)
    return np.array(outputs), tangents


def _gru(problem: Any, p: dict[str, Any], f: str) -> tuple[Any, list[dict[str, Any]]]:
    layer = problem.network.layers[0]
    cell, n, (steps, batch) = layer.cell, layer.units, problem.inputs.shape[:2]
    dtype = problem.inputs.dtype
    after = (cell.reset == "after") != (f == "T96")
    zeros, unit = np.zeros(n, dtype=dtype), np.eye(n, dtype=dtype)
    b = {k: p.get(k, zeros) for k in ("b_r", "b_u", "b_n", "c_n")}
    h = np.zeros((batch, n), dtype=dtype)
    zero = {name: np.zeros((batch, n, *s), dtype=dtype) for name, s in layer.shapes().items()}
    m = dict(zero)
    outputs, tangents = [], []
    for t in range(steps):
        x, h0, one = problem.inputs[t], h, np.ones((batch, 1), dtype=dtype)
        r = sigmoid(x @ p["W_r"].T + h0 @ p["H_r"].T + b["b_r"])
        u = sigmoid(x @ p["W_u"].T + h0 @ p["H_u"].T + b["b_u"])
        inner = h0 @ p["H_n"].T + b["c_n"]
        if after:
            cand = np.tanh(x @ p["W_n"].T + b["b_n"] + r * inner)
        else:
            cand = np.tanh(x @ p["W_n"].T + b["b_n"] + (r * h0) @ p["H_n"].T + b["c_n"])
        share = u if f == "T97" else 1 - u
        h = share * cand + (1 - share) * h0
        k = share * (1 - cand**2)
        by_u = (h0 - cand) * u * (1 - u) * (-1 if f == "T97" else 1)
        jacobian = unit * (1 - share)[:, :, None] + by_u[:, :, None] * p["H_u"]
        if after:
            gate = k * inner * r * (1 - r)
            jacobian = jacobian + (k * r)[:, :, None] * p["H_n"] + gate[:, :, None] * p["H_r"]
        else:
            back = r[:, None, :] * unit + (h0 * r * (1 - r))[:, :, None] * p["H_r"]
            jacobian = jacobian + k[:, :, None] * (p["H_n"] @ back)
        fresh = {"W_u": _outer(by_u, x), "H_u": _outer(by_u, h0), "b_u": _outer(by_u, one)[..., 0]}
        fresh |= {"W_n": _outer(k, x), "b_n": _outer(k, one)[..., 0]}
        if after:
            fresh["H_n"] = np.einsum("bq,qi,bj->bqij", k, unit, h0) * (
                r[:, None, None, :] if f == "T101" else r[:, :, None, None]
            )
            fresh["c_n"] = _outer(k if f == "T102" else k * r, one)[..., 0]
            fresh |= {"W_r": _outer(gate, x), "H_r": _outer(gate, h0), "b_r": _outer(gate, one)[..., 0]}
        else:
            fresh["H_n"] = _outer(k, h0 if f == "T101" else r * h0)
            fresh["c_n"] = fresh["b_n"]
            # the reset gate's parameters reach every unit at once, through H_n
            spread = k[:, :, None] * p["H_n"] * (h0 * r * (1 - r))[:, None, :]
            if f == "T25":
                spread = spread * unit
            fresh |= {
                "W_r": np.einsum("bqi,bj->bqij", spread, x),
                "H_r": np.einsum("bqi,bj->bqij", spread, h0),
                "b_r": spread,
            }
        m = {name: np.einsum("bqp,bp...->bq...", jacobian, m[name]) + fresh[name] for name in zero}
        outputs.append(h)
        tangents.append(m)
    return np.array(outputs), tangents
