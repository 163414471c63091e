"""Eligibility traces of leaky integrate-and-fire stacks, every reset, under a readout (mathematics.md 1.1, 6, 7).

``keep`` says which of ``state``, ``reset`` and ``lateral`` the trace follows: all of them is OSTL, ``state`` is OTTT
and e-prop, nothing is SLTT. Learning signals come down within the step; a leaky readout filters the trace instead.
Indices: b sample, q and p unit, i row and j column of a weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.properties.gallery.literal.common import errors, local, pseudo

ALL = ("state", "reset", "lateral")
_BUFFER: dict[str, Any] = {}  # what the faults "not zeroed" and "momentum" leave behind


def forward(problem: Any, i: int, x: Any, fault: str) -> dict[str, Any]:
    """Run layer i; return its values at t and at t - 1."""
    layer, p = problem.network.layers[i], local(problem, i)
    cell, (steps, batch) = layer.cell, x.shape[:2]
    strict = cell.strict != (fault == "T114")
    psi_of = pseudo(cell.surrogate, fault)
    v, z = (np.zeros((steps + 1, batch, layer.units), dtype=x.dtype) for _ in range(2))
    drive = np.zeros_like(v)
    kept = np.zeros_like(v)
    for t in range(steps):
        drive[t + 1] = x[t] @ p["W"].T + z[t] @ p["H"].T + p["b"]
        if cell.reset == "subtract_before_leak":
            kept[t + 1] = v[t] - p["threshold"] * z[t]
        elif cell.reset == "hard":
            kept[t + 1] = v[t] * (1 - z[t]) + p["reset_value"] * z[t]
        else:
            kept[t + 1] = v[t]
        gain = 1 if cell.gain == "one" else 1 - p["leak"]
        v[t + 1] = p["leak"] * kept[t + 1] + gain * drive[t + 1] + (1 - p["leak"]) * p["rest"]
        if cell.reset == "subtract_after_leak":
            v[t + 1] = v[t + 1] - p["threshold"] * z[t]
        z[t + 1] = v[t + 1] > p["threshold"] if strict else v[t + 1] >= p["threshold"]
    psi = psi_of(v if fault == "T116" else v - p["threshold"])
    if fault == "T116 reset":
        psi = psi_of(v - p["threshold"] * z - p["threshold"])
    psi[0] = 0  # the state before the first step depends on nothing
    return {"p": p, "cell": cell, "x": x, "v": v, "z": z, "psi": psi, "drive": drive, "kept": kept}


def traces(problem: Any, i: int, run: dict[str, Any], keep: tuple[str, ...], fault: str) -> list[dict[str, Any]]:
    """Return eps^t = dv^t/dw of every parameter of the layer, for every step."""
    p, cell, v, z, psi = run["p"], run["cell"], run["v"], run["z"], run["psi"]
    names = problem.network.layers[i].shapes()
    leak, th, unit = p["leak"], p["threshold"], np.eye(v.shape[2], dtype=v.dtype)
    gain = 1 + 0 * leak if cell.gain == "one" or fault == "T33 missing" else 1 - leak
    gain = gain * (1 - leak) if fault == "T33 twice" and cell.gain != "one" else gain
    if fault == "T14" and i:
        leak = local(problem, i - 1)["leak"].mean() + 0 * leak
    out: list[dict[str, Any]] = []
    eps: dict[str, Any] = dict.fromkeys(names, 0)
    for t in range(len(run["x"])):
        v0, z0, psi0, x = v[t], z[t], psi[t], run["x"][t]
        jv = leak * (1 - z0) if cell.reset == "hard" and fault != "T19" else leak + 0 * z0
        subtract = {"subtract_before_leak": -leak * th, "subtract_after_leak": -th, "none": 0 * th}
        jz = subtract[cell.reset] + 0 * z0 if cell.reset != "hard" else -leak * (v0 - p["reset_value"])
        if fault == "T15 soft" and cell.reset == "hard":
            jz = -leak * th + 0 * z0
        if fault == "T15 hard" and cell.reset == "subtract_before_leak":
            jz = -leak * v0
        if fault == "T16":
            jz = jz / th if cell.reset != "hard" else jz
        if fault == "T17":
            jz = -th + 0 * z0 if cell.reset == "subtract_before_leak" else jz
        jz = jz * ("reset" in keep)
        lateral = p["H"] * gain[:, None] * ("lateral" in keep)
        through_z = (lateral + unit * jz[:, :, None]) * psi0[:, None, :]
        jacobian = through_z + unit * (jv * ("state" in keep))[:, :, None]
        scale = unit * gain[:, None]
        threshold = {"subtract_before_leak": -leak * z0, "subtract_after_leak": -z0}.get(cell.reset, 0 * z0)
        reach = 0 * through_z if fault == "T27" else through_z
        from_leak = (
            run["kept"][t + 1] - p["rest"] - (0 if cell.gain == "one" or fault == "T33 leak" else run["drive"][t + 1])
        )
        immediate = {
            "W": np.einsum("qi,bj->bqij", scale, x),
            "H": np.einsum("qi,bj->bqij", scale, z[t + 1] if fault == "T10" else z0),
            "b": scale + 0 * z0[:, :, None],
            "threshold": unit * threshold[:, :, None] - reach,
            "leak": unit * from_leak[:, :, None],
        }
        new = {}
        for name in names:
            past = np.einsum("bqp,bp...->bq...", jacobian, eps[name]) if np.ndim(eps[name]) else 0
            if (fault == "T30" and name == "b") or (fault == "T69" and i == 0) or (fault == "T72" and i > 0):
                past = 0
            new[name] = past + immediate[name]
            if fault == "T13" and name in ("W", "H"):
                new[name] = np.einsum("bqp,bp...->bq...", jacobian, np.add(eps[name], immediate[name]))
            if fault == "T22" and t == 0:
                new[name] = 2 * immediate[name]
            if fault == "T31" and name == "leak":
                new[name] = immediate[name]
        out.append(eps if fault == "T12" and t else new)
        eps = new
    return out


def gradients(
    problem: Any, *, keep: tuple[str, ...] = ALL, fault: str = "", signal: str = "symmetric"
) -> dict[str, Any]:
    """Return the gradient of the rule, one line being wrong where `fault` names one."""
    network, dtype = problem.network, problem.inputs.dtype
    runs, x = [], problem.inputs
    for i, layer in enumerate(network.layers):
        if layer.cell.name != "lif":
            break
        runs.append(forward(problem, i, x, fault))
        x = runs[-1]["z"][1:]
    readout = len(runs) < network.depth
    total: dict[str, Any] = {}
    kappa = np.zeros(1, dtype=dtype)
    if readout:
        o, top, outputs = local(problem, len(runs)), network.layers[-1].cell, []
        leaky = top.name == "integrator"
        kappa, gain = (o["kappa"][:1], 1.0) if leaky else (kappa, 1.0)
        gain = 1 - kappa[0] if leaky and top.gain != "one" else gain
        state = np.zeros((x.shape[1], network.layers[-1].units), dtype=dtype)
        for t in range(len(x)):
            state = kappa * state + gain * (x[t] @ o["W"].T + o["b"])
            outputs.append(state)
        error = errors(problem, np.array(outputs))
        decay = kappa * (fault != "T61")
        if fault == "T37":
            decay = runs[-1]["p"]["leak"][:1]
        zbar: Any = 0.0
        ones: Any = 0.0
        gw: Any = 0.0
        gb: Any = 0.0
        for t in range(len(x)):
            zbar, ones = decay * zbar + x[t], decay * ones * (fault != "T35") + 1
            gw, gb = gw + gain * error[t].T @ zbar, gb + gain * error[t].sum(axis=0) * ones
        name = f"layers.{len(runs)}."
        total |= {name + "W": gw, **({name + "b": gb} if top.bias else {})}
        in_trace = 1.0 if fault == "T39" else gain
        if signal == "direct":
            delta = [in_trace * e @ b for e, b in zip(error, _feedback(problem, fault, len(runs) - 1), strict=True)]
        elif signal == "target":
            delta = list(_target(problem, fault, error) @ problem.feedback[f"layers.{len(runs) - 1}.B"])
        else:
            weight = o["W"].T.reshape(o["W"].shape) if fault == "T49" else o["W"]
            delta = [in_trace * e @ weight for e in error]
        if fault == "T38":
            filtered, state = [], 0 * delta[0]
            for d in delta:
                state = decay * state + d
                filtered.append(state)
            delta, decay = filtered, 0 * decay
    else:
        error = errors(problem, x)
        delta, decay = list(error), kappa
    for i in reversed(range(len(runs))):
        run = runs[i]
        eps = traces(problem, i, run, keep, fault)
        filtered_e: dict[str, Any] = dict.fromkeys(eps[0], 0)
        below = []
        for t, d in enumerate(delta):
            psi = run["psi"][t] if fault in ("T02", "T55") and t else run["psi"][t + 1]
            for name, value in eps[t].items():
                e = np.einsum("bq,bq...->bq...", psi, value)
                if name == "threshold":
                    e = e - np.eye(psi.shape[1], dtype=dtype) * psi[:, :, None]
                filtered_e[name] = decay[0] * filtered_e[name] + e
                share = np.einsum("bq,bq...->...", d, filtered_e[name])
                key = f"layers.{i}.{name}"
                total[key] = total.get(key, 0) + share
            gain = 1 if run["cell"].gain == "one" else 1 - run["p"]["leak"]
            if i and signal == "target":
                below.append(_target(problem, fault, error)[t] @ problem.feedback[f"layers.{i - 1}.B"])
            elif i:
                below.append((d * run["psi"][t + 1] * gain) @ run["p"]["W"])
        delta, decay = below, 0 * kappa
    return _after({name: total[name].reshape(s) for name, s in network.shapes().items()}, problem, fault)


def _feedback(problem: Any, fault: str, i: int) -> Any:
    """Return the matrix of every step; a rule's B is fixed."""
    matrix = problem.feedback[f"layers.{i}.B"]
    if fault != "T52":
        return [matrix] * len(problem.inputs)
    rng = np.random.default_rng(0)
    return [matrix] + [rng.integers(-4, 5, size=matrix.shape) / 2 for _ in problem.inputs[1:]]


def _target(problem: Any, fault: str, error: Any) -> Any:
    """Return the signal that a target projection sends to the hidden layers."""
    loss, (steps, batch) = problem.network.loss, problem.inputs.shape[:2]
    divisor = (steps if loss.time == "mean" and loss.when == "every" else 1) * (batch if loss.batch == "mean" else 1)
    y = problem.targets / (1 if fault == "T58 scale" else divisor)
    if loss.when == "last" and fault != "T58 every":
        y = np.concatenate([0 * y[:-1], y[-1:]])
    if fault == "T57":
        return error
    return -y if fault == "T58 sign" else y


def _after(found: dict[str, Any], problem: Any, fault: str) -> dict[str, Any]:
    """Return the gradient, or what an optimiser has made of it."""
    if fault == "T65 clipped":
        norm = np.sqrt(sum((g**2).sum() for g in found.values()))
        return {k: g * min(1.0, 0.5 / norm) if norm else g for k, g in found.items()}
    if fault in ("T64", "T65 momentum"):
        share = 1.0 if fault == "T64" else 0.5
        for name, g in found.items():
            old = _BUFFER.get(name, 0)
            _BUFFER[name] = g + share * old if np.shape(old) == g.shape else g
        return {k: np.array(_BUFFER[k]) for k in found}
    if fault == "T32":
        return {k: g * _slope(problem, k) if k.endswith(".leak") else g for k, g in found.items()}
    return found


def _slope(problem: Any, name: str) -> Any:
    """Return d sigmoid(w)/dw where sigmoid(w) is the leak: the gradient with respect to w, not to the leak."""
    leak = problem.parameters[name]
    return leak * (1 - leak)
