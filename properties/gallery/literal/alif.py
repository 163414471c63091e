"""e-prop for adaptive LIF neurons under a leaky readout, from the equations of mathematics.md 6.

``xh`` filters what a weight multiplies, ``epsa`` is the eligibility of the adaptation, ``eb`` the eligibility trace
filtered by the readout. Indices: b sample, i unit and row, j column.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.properties.gallery.literal.common import errors, local, pseudo


def gradients(problem: Any, *, fault: str = "") -> dict[str, Any]:
    """Return the e-prop gradient of one ALIF layer under a readout, one line being wrong where `fault` names one."""
    f, p, o = fault, local(problem, 0), local(problem, 1)
    hidden, readout = problem.network.layers
    cell, (steps, batch) = hidden.cell, problem.inputs.shape[:2]
    dtype, n = problem.inputs.dtype, hidden.units
    leaky = readout.cell.name == "integrator"
    kappa = o["kappa"][0] if leaky else 0.0
    gain = 1 - kappa if leaky and readout.cell.gain != "one" else 1.0
    leak, rho, beta, th = p["leak"], p["rho"], p["beta"], p["threshold"]
    psi_of = pseudo(cell.surrogate, f)

    v, k, z, z0 = (np.zeros((batch, n), dtype=dtype) for _ in range(4))
    state = np.zeros((batch, readout.units), dtype=dtype)
    columns = {"W": hidden.inputs, "H": n}
    names = list(hidden.shapes())
    weights = [name for name in names if name in columns or name == "b"]
    shape = {name: (batch, n, columns.get(name, 1)) for name in names}
    xh, epsa, eb = ({name: np.zeros(shape[name], dtype=dtype) for name in names} for _ in range(3))
    psi = np.zeros((batch, n), dtype=dtype)
    history: list[Any] = []
    e: dict[str, Any] = {name: np.zeros(shape[name], dtype=dtype) for name in names}
    for t in range(steps):
        x, a_before = problem.inputs[t], th + beta * k
        k_before, z0 = k, z
        k = rho * k + z0
        v = leak * v + x @ p["W"].T + z0 @ p["H"].T + p["b"] - th * z0
        a = th + beta * k
        z = (v > a if cell.strict else v >= a).astype(dtype)
        psi_before = psi
        argument = v - (a_before if f == "T117" else a)
        scale = {"threshold": th, "none": 1.0}[cell.scaling]
        scale = a if f == "T46" else 1.0 if f == "T45 threshold" else scale
        psi = psi_of(argument / scale) / scale
        source = {"W": x, "H": z if f == "T11" else z0, "b": np.ones((batch, 1), dtype=dtype)}
        last_e, e = e, {}
        for name in weights:
            old = xh[name]
            xh[name] = leak[None, :, None] * old + source[name][:, None, :]
            if f == "T44":
                xh[name] = xh[name] - (th * psi_before)[:, :, None] * (old - beta[None, :, None] * epsa[name])
            same = xh[name] if f == "T40 trace" else old
            p0 = psi if f == "T40 psi" else psi_before
            inner = rho - (0 if f in ("T42", "T41 one") else 1) * beta * p0
            inner = rho + beta * p0 if f == "T41 sign" else inner
            epsa[name] = p0[:, :, None] * same + np.broadcast_to(inner, psi.shape)[:, :, None] * epsa[name]
            outer = {"T41 sign": -1, "T43": 0}.get(f, 1) * beta[None, :, None]
            e[name] = psi[:, :, None] * (xh[name] - outer * epsa[name])
        for name in set(names) - set(weights):  # dz/dw = psi (dv/dw - beta dk/dw) + what acts on z directly
            into_k = {"rho": k_before}.get(name, 0 * k)
            direct = {"beta": -k, "threshold": -1 + 0 * k}.get(name, 0 * k)
            into_v = {"leak": history[-1][1] if history else 0 * k, "threshold": -z0}.get(name, 0 * k)
            xh[name] = leak[None, :, None] * xh[name] + into_v[:, :, None]
            epsa[name] = (0 if f == "T34" else 1) * (rho[None, :, None] * epsa[name] + last_e[name]) + into_k[
                :, :, None
            ]
            e[name] = psi[:, :, None] * (xh[name] - beta[None, :, None] * epsa[name] + direct[:, :, None])
        state = kappa * state + gain * (z @ o["W"].T + o["b"])
        history.append((state, v, z, e))
    error = errors(problem, np.array([h[0] for h in history]))

    decay = leak[0] if f == "T37" else 0.0 if f == "T61" else kappa
    total: dict[str, Any] = dict.fromkeys(names, 0.0)
    zbar, ones, gw, gb, held = 0.0, 0.0, 0.0, 0.0, 0.0
    for t, (_, _, z, e) in enumerate(history):
        zbar = decay * zbar + z
        ones = decay * ones * (f != "T35") + 1
        gw, gb = gw + gain * error[t].T @ zbar, gb + gain * error[t].sum(axis=0) * ones
        weight = o["W"].T.reshape(o["W"].shape) if f == "T49" else o["W"]
        signal = (1.0 if f == "T39" else gain) * error[t] @ weight
        if f == "T38":
            held = decay * held + signal
            signal = held
        for name in names:
            eb[name] = (0 if f == "T38" else decay) * eb[name] + e[name]
            total[name] = total[name] + (signal[:, :, None] * eb[name]).sum(axis=0)
    if f != "T48" and hidden.synapses:
        np.fill_diagonal(total["H"], 0)
    out = {f"layers.0.{name}": total[name].reshape(s) for name, s in hidden.shapes().items()}
    return {**out, "layers.1.W": gw, **({"layers.1.b": gb} if readout.cell.bias else {})}
