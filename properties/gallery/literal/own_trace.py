"""S-TLLR, OTPE, NDOT, rate-based backpropagation and SLTT-K for LIF layers (mathematics.md 7, 9, 10), written out.

Networks are what the originals use: soft reset before the leak, no lateral weights, one leak and threshold per layer,
an output that is the last layer's spike or a linear head.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.properties.gallery.literal.common import errors, local
from gradcert.properties.gallery.literal.lif import forward


def _runs(problem: Any) -> tuple[list[dict[str, Any]], Any]:
    """Run the LIF layers and the linear head, if there is one; return them and the outputs."""
    runs, x = [], problem.inputs
    for i, layer in enumerate(problem.network.layers):
        if layer.cell.name != "lif":
            p = local(problem, i)
            runs.append({"p": p, "x": x, "head": True, "cell": layer.cell})
            return runs, x @ p["W"].T + p["b"]
        runs.append(forward(problem, i, x, ""))
        x = runs[-1]["z"][1:]
    return runs, x


def _collect(problem: Any, found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name].reshape(s) for name, s in problem.network.shapes().items()}


def _head(found: dict[str, Any], i: int, run: dict[str, Any], delta: Any) -> None:
    found[f"layers.{i}.W"] = np.einsum("tbi,tbj->ij", delta, run["x"])
    found[f"layers.{i}.b"] = delta.sum(axis=(0, 1))


def _filtered(values: Any, leak: Any) -> Any:
    out, trace = np.zeros_like(values), 0 * values[0]
    for t in range(len(values)):
        trace = leak * trace + values[t]
        out[t] = trace
    return out


def s_tllr(
    problem: Any, *, lq: float = 0.5, lp: float = 0.75, a_post: float = -0.5, a_pre: float = 1.0, fault: str = ""
) -> dict[str, Any]:
    """Return the S-TLLR update: a causal and an acausal trace."""
    if fault == "T75":
        lq, lp, a_post, a_pre = lp, lq, a_pre, a_post
    runs, outputs = _runs(problem)
    delta = errors(problem, outputs)
    found: dict[str, Any] = {}
    for i in reversed(range(len(runs))):
        run = runs[i]
        if "head" in run:
            _head(found, i, run, delta)
            delta = delta @ run["p"]["W"]
            continue
        psi = run["psi"][1:]
        later = _filtered(psi, lq)
        before = np.concatenate([0 * psi[:1], later[:-1]])
        post = {"T74 current": later, "T74 factor": before}.get(fault, lq * before)
        causal = np.einsum("tbi,tbj->ij", a_pre * psi * delta, _filtered(run["x"], lp))
        found[f"layers.{i}.W"] = causal + np.einsum("tbi,tbj->ij", a_post * post * delta, run["x"])
        found[f"layers.{i}.b"] = (psi * delta).sum(axis=(0, 1))
        delta = (delta * psi) @ run["p"]["W"]
    return _collect(problem, found)


def otpe(problem: Any, *, fault: str = "") -> dict[str, Any]:
    """Return the OTPE gradient: the eligibility of a layer, filtered once more with the leak of the next one."""
    runs, outputs = _runs(problem)
    delta = errors(problem, outputs)
    found: dict[str, Any] = {}
    leaks = [0.0 if "head" in r else r["p"]["leak"][0] for r in runs]
    for i in reversed(range(len(runs))):
        run, up = runs[i], leaks[i + 1] if i + 1 < len(runs) else 0.0
        if "head" in run:
            _head(found, i, run, delta)
            delta = delta @ run["p"]["W"]
            continue
        if fault == "T76 last" and not up:
            up = leaks[i]
        if fault == "T76 leak" and up:
            up = leaks[i]
        psi, leak, th = run["psi"][1:], leaks[i], run["p"]["threshold"][0]
        trace: Any = 0
        one: Any = 0
        filtered: Any = 0
        filtered_one: Any = 0
        gw: Any = 0
        gb: Any = 0
        for t in range(len(psi)):
            jacobian = (leak - leak * th * (psi[t - 1] if t else 0 * psi[0])) * (fault != "T76 membrane")
            x = run["x"][t][:, None, :]
            trace = jacobian[:, :, None] * trace + x
            if fault == "T77":
                trace = jacobian[:, :, None] * trace + x
            one = jacobian * one + 1
            filtered = up * filtered + psi[t][:, :, None] * trace
            filtered_one = up * filtered_one + psi[t] * one
            gw = gw + (delta[t][:, :, None] * filtered).sum(axis=0)
            gb = gb + (delta[t] * filtered_one).sum(axis=0)
        found[f"layers.{i}.W"], found[f"layers.{i}.b"] = gw, gb
        weights = _filtered(1 + 0 * psi, up)
        delta = (delta * _filtered(psi, up) / weights) @ run["p"]["W"]
    return _collect(problem, found)


def ndot(problem: Any, *, fault: str = "") -> dict[str, Any]:
    """Return the NDOT update: OTTT with the ratio of successive membrane potentials for a leak."""
    runs, outputs = _runs(problem)
    delta = errors(problem, outputs)
    found: dict[str, Any] = {}
    for i in reversed(range(len(runs))):
        run = runs[i]
        if "head" in run:
            _head(found, i, run, delta)
            delta = delta @ run["p"]["W"]
            continue
        psi, leak = run["psi"][1:], run["p"]["leak"][0]
        source = run if fault == "T73 layer" else runs[i - 1] if i else None
        trace, filtered = 0 * run["x"][0], np.zeros_like(run["x"])
        fits = source is not None and source["z"].shape[2] == trace.shape[1]
        for t in range(len(psi)):
            decay: Any = leak
            if fits and source is not None and t:
                decay = _ratio_of(source, t, fault)
            trace = (decay * trace if t else trace) + run["x"][t]
            filtered[t] = trace
        g = delta * psi
        found[f"layers.{i}.W"] = np.einsum("tbi,tbj->ij", g, filtered)
        found[f"layers.{i}.b"] = (g * _filtered(1 + 0 * g, leak)).sum(axis=(0, 1))
        delta = g @ run["p"]["W"]
    return _collect(problem, found)


def _ratio_of(run: dict[str, Any], t: int, fault: str) -> Any:
    """Return (v^t - th z^t) / (v^(t-1) - th z^(t-1)) of the step before step t, clamped to the leak."""
    leak = run["p"]["leak"][0]
    now = run["v"][t] - run["p"]["threshold"] * run["z"][t]
    before = run["v"][t - 1] - run["p"]["threshold"] * run["z"][t - 1]
    if fault == "T73 zero":
        with np.errstate(all="ignore"):
            return np.clip(now / before, -leak, leak)
    ratio = np.where(before == 0, leak, now / np.where(before == 0, 1, before))
    return ratio if fault == "T73 clamp" else np.clip(ratio, -leak, leak)


def rate_based(problem: Any, *, fault: str = "") -> dict[str, Any]:
    """Return the rate-based gradient: one backward pass over firing rates."""
    runs, outputs = _runs(problem)
    steps, batch = problem.inputs.shape[:2]
    delta = outputs.mean(axis=0) - problem.targets.mean(axis=0)
    delta = delta / batch if problem.network.loss.batch == "mean" else delta
    found: dict[str, Any] = {}
    for i in reversed(range(len(runs))):
        run = runs[i]
        if "head" in run:
            g = delta
        else:
            psi, leak = run["psi"], run["p"]["leak"][0]
            th = 1.0 if fault == "T82 threshold" else run["p"]["threshold"][0]
            kappa: Any = 0
            slope: Any = 0
            for t in range(steps):
                seen = psi[t + 1] if fault == "T82 step" else psi[t]
                kappa = 1 + leak * (1 - th * seen) * kappa
                slope = slope + psi[t + 1] * kappa / steps
            g = delta * slope
        found[f"layers.{i}.W"] = g.T @ run["x"].mean(axis=0)
        found[f"layers.{i}.b"] = g.sum(axis=0)
        delta = g @ run["p"]["W"]
    return _collect(problem, found)


def sltt_k(problem: Any, *, fault: str = "") -> dict[str, Any]:
    """Return the SLTT-K gradient at the steps that the problem says, the first where it says none."""
    chosen = tuple(getattr(problem, "drawn", {}).get("chosen", (0,)))
    runs, outputs = _runs(problem)
    steps = len(outputs)
    live = np.array([t in chosen for t in range(steps)], dtype=float)[:, None, None]
    delta = errors(problem, outputs) * live
    found: dict[str, Any] = {}
    if fault == "T63":
        delta = delta * steps / len(chosen)
    for i in reversed(range(len(runs))):
        run = runs[i]
        if "head" not in run:
            delta = delta * run["psi"][1:]
        found[f"layers.{i}.W"] = np.einsum("tbi,tbj->ij", delta, run["x"])
        found[f"layers.{i}.b"] = delta.sum(axis=(0, 1))
        delta = delta @ run["p"]["W"]
    return _collect(problem, found)
