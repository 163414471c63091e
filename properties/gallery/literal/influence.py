"""RTRL for one layer of rate units, and what is made of its influence matrix: SnAp-n, UORO, KF-RTRL.

z = phi(a), a = W x + H z' + b (mathematics.md 1.5, 3). Indices: b sample, q and p unit, i row, j column.
Works on floats and on rationals alike, so that the mean over all outcomes of the noise can be taken exactly.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcert.properties.gallery.literal.common import FUNCTIONS, errors


def walk(problem: Any) -> Iterator[tuple[Any, Any, dict[str, Any], Any]]:
    """Yield, for every step, the Jacobian, the slope, what each parameter multiplies, and dE/dz."""
    layer, dtype = problem.network.layers[0], problem.inputs.dtype
    (steps, batch, _), n = problem.inputs.shape, layer.units
    phi, slope_of = FUNCTIONS[layer.cell.activation]
    p = {k.removeprefix("layers.0."): v for k, v in problem.parameters.items()}
    one = problem.inputs.flat[0] * 0 + 1
    h = p.get("H", np.zeros((n, n), dtype=int))
    z = np.zeros((batch, n), dtype=dtype) + 0 * one
    rows = []
    for t in range(steps):
        x, before = problem.inputs[t], z
        a = x @ p["W"].T + before @ h.T + p.get("b", 0)
        z = phi(a)
        slope = slope_of(a) * one
        sources = {"W": x, "H": before, "b": np.zeros((batch, 1), dtype=dtype) + one}
        rows.append((slope[:, :, None] * h, slope, {k: sources[k] for k in p}, z))
    delta = errors(problem, np.array([r[3] for r in rows]))
    for t, (jacobian, slope, used, _) in enumerate(rows):
        yield jacobian, slope, used, delta[t]


def snap(problem: Any, *, n: int = 1, fault: str = "") -> dict[str, Any]:
    """Return the SnAp-n gradient: the influence matrix confined to entries reachable within n steps."""
    layer = problem.network.layers[0]
    out: dict[str, Any] = {}
    m: dict[str, Any] = {}
    units = layer.units
    unit = np.eye(units, dtype=problem.inputs.dtype)
    h = problem.parameters.get("layers.0.H")
    links = np.zeros((units, units)) if h is None else np.ones((units, units))
    if fault == "T91 diagonal" and h is not None:
        links = links - np.eye(units)
    reach = n + {"T91 late": 1, "T91 early": -1}.get(fault, 0)
    mask = np.eye(units)
    for _ in range(max(reach, 1) - 1):
        mask = ((mask + links @ mask) > 0).astype(float)
    if fault == "T91 diagonal" and n == 1:
        mask = np.eye(units)
    for jacobian, slope, used, d in walk(problem):
        core = jacobian * (1 - np.eye(units)) if fault == "T91 diagonal" else jacobian
        for name, source in used.items():
            fresh = np.einsum("bq,qi,bj->bqij", slope, unit, source)
            past = np.einsum("bqp,bpij->bqij", core, m[name]) if name in m else 0 * fresh
            keep = mask
            if fault == "T91 values":
                keep = ((np.abs(jacobian).sum(axis=0) > 0) | (np.eye(units) > 0)).astype(float) * 1.0
            if fault == "T92":
                keep = np.roll(mask, 1, axis=0) if units > 1 else mask
            m[name] = keep[None, :, :, None] * past + fresh if fault == "T91 before" else None
            if m[name] is None:
                m[name] = keep[None, :, :, None] * (past + fresh)
            if fault == "T94":
                m[name] = fresh
            out[name] = out.get(name, 0) + np.einsum("bq,bqij->ij", d, m[name])
    return _shaped(problem, out)


def uoro(problem: Any, noise: Any, *, fault: str = "", normalise: bool = True) -> dict[str, Any]:
    """Return one UORO estimate for noise (time, batch, units)."""
    out: dict[str, Any] = {}
    units, batch = problem.network.layers[0].units, problem.inputs.shape[1]
    a: Any = np.zeros((batch, units), dtype=problem.inputs.dtype)
    rows: dict[str, Any] = {}
    if fault == "T88":
        half = (problem.inputs.flat[0] * 0 + 1) / 2
        a = np.zeros((batch, units), dtype=int) + half
        names = [k.removeprefix("layers.0.") for k in problem.parameters]
        rows = {k: np.zeros((batch, *_two(problem, k)), dtype=int) + half for k in names}
    for t, (jacobian, slope, used, d) in enumerate(walk(problem)):
        nu = noise[0 if fault == "T85 steps" else t]
        nu = np.broadcast_to(nu[:1], nu.shape) if fault == "T85 samples" else nu
        ja = np.einsum("bqp,bp->bq", jacobian, a)
        fresh = {k: np.einsum("bq,bj->bqj", nu * slope, s) for k, s in used.items()}
        r0: Any = 1
        r1: Any = 1
        if normalise:
            r0 = _ratio(_norm(rows, batch), _norm({"a": ja}, batch), guard=fault != "T87")
            r1 = _ratio(_norm(fresh, batch), _norm({"n": nu * 1.0}, batch), guard=fault != "T87")
        wide0 = r0[..., None] if np.ndim(r0) else r0
        wide1 = r1[..., None] if np.ndim(r1) else r1
        a = r0 * ja + r1 * nu
        for k, f in fresh.items():
            old = rows.get(k, 0 * f)
            old = old if fault == "T86" else old * wide0 if fault == "T86 inverse" else old / wide0
            rows[k] = old + f / wide1
            out[k] = out.get(k, 0) + ((d * a).sum(axis=1)[:, None, None] * rows[k]).sum(axis=0)
    return _shaped(problem, out)


def kf_rtrl(problem: Any, signs: Any, *, fault: str = "", normalise: bool = True) -> dict[str, Any]:
    """Return one KF-RTRL estimate for signs (time, batch, 2), or (time, batch, units + 1) with the fault of T90."""
    out: dict[str, Any] = {}
    u: dict[str, Any] = {}
    a: Any = None
    batch = problem.inputs.shape[1]
    unit = np.eye(problem.network.layers[0].units, dtype=int)
    for t, (jacobian, slope, used, d) in enumerate(walk(problem)):
        n1, n2 = signs[t, :, 0, None], signs[t, :, 1, None]
        ja = 0 * jacobian if a is None else np.einsum("bqp,bpi->bqi", jacobian, a)
        local = slope[:, :, None] * unit
        p1: Any = 1
        p2: Any = 1
        if normalise:
            p1 = _ratio(_norm({"a": ja}, batch), _norm(u, batch))
            p2 = _ratio(_norm({"d": local}, batch), _norm(used, batch))
        w1, w2 = (p[..., None] if np.ndim(p) else p for p in (p1, p2))
        second = signs[t][:, 1:, None] if fault == "T90 entries" else n2[..., None]
        a = n1[..., None] * ja / (1 if fault == "T90 side" else w1) + second * local / w2
        for k, s in used.items():
            u[k] = n1 * p1 * u.get(k, 0 * s) + n2 * p2 * s
            out[k] = out.get(k, 0) + np.einsum("bi,bj->ij", np.einsum("bq,bqi->bi", d, a), u[k])
    return _shaped(problem, out)


def draw(problem: Any, seed: int, *, fault: str = "") -> Any:
    """Return the noise of one UORO draw."""
    rng = np.random.default_rng(seed)
    shape = (*problem.inputs.shape[:2], problem.network.layers[0].units)
    return rng.uniform(-1, 1, shape) if fault == "T84" else 2.0 * rng.integers(0, 2, shape) - 1


def draw_signs(problem: Any, seed: int, *, fault: str = "") -> Any:
    """Return the signs of one KF-RTRL draw."""
    width = 1 + problem.network.layers[0].units if fault == "T90 entries" else 2
    return 2.0 * np.random.default_rng(seed).integers(0, 2, (*problem.inputs.shape[:2], width)) - 1


def outcomes(problem: Any, *, fault: str = "") -> Iterator[dict[str, Any]]:
    """Yield the UORO estimates of all equally likely noises, without normalisers, which need square roots."""
    shape = (*problem.inputs.shape[:2], problem.network.layers[0].units)
    for signs in itertools.product((-1, 1), repeat=int(np.prod(shape))):
        yield uoro(problem, np.reshape(np.array(signs, dtype=object), shape), fault=fault, normalise=False)


def sign_outcomes(problem: Any, *, fault: str = "") -> Iterator[dict[str, Any]]:
    """Yield the KF-RTRL estimates of all equally likely signs."""
    width = 1 + problem.network.layers[0].units if fault == "T90 entries" else 2
    shape = (*problem.inputs.shape[:2], width)
    for signs in itertools.product((-1, 1), repeat=int(np.prod(shape))):
        yield kf_rtrl(problem, np.reshape(np.array(signs, dtype=object), shape), fault=fault, normalise=False)


def _norm(values: dict[str, Any], batch: int) -> Any:
    return np.sqrt(sum((v**2).reshape(batch, -1).sum(axis=1) for v in values.values()) + np.zeros(batch))[:, None]


def _ratio(above: Any, below: Any, *, guard: bool = True) -> Any:
    if not guard:
        with np.errstate(all="ignore"):
            return np.sqrt(above / below)
    dead = (above == 0) | (below == 0)
    return np.where(dead, 1.0, np.sqrt(np.where(dead, 1.0, above) / np.where(dead, 1.0, below)))


def _two(problem: Any, name: str) -> tuple[int, int]:
    shape = problem.parameters[f"layers.0.{name}"].shape
    return (shape[0], shape[1] if len(shape) > 1 else 1)


def _shaped(problem: Any, found: dict[str, Any]) -> dict[str, Any]:
    return {f"layers.0.{k}": np.asarray(v).reshape(problem.parameters[f"layers.0.{k}"].shape) for k, v in found.items()}
