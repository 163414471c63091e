"""The same sums in other orders, shapes and precisions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcert.properties.evaluation import outputs, row
from gradcert.properties.gallery.build import row_of
from gradcert.properties.gallery.literal import snu
from gradcert.properties.gallery.literal.common import errors, local, pseudo
from gradcert.properties.gallery.literal.differences import as_problem
from gradcert.reference import FLOAT32, RULES

_ostl = row_of("ostl")


class View:
    """A problem with some fields replaced."""

    def __init__(self, problem: Any, **changed: Any) -> None:
        for name in ("network", "parameters", "inputs", "targets", "feedback"):
            setattr(self, name, changed.get(name, getattr(problem, name)))


def forward_engine(problem: Any) -> Any:
    """Return OSTL by eligibility traces."""
    return row(as_problem(problem), RULES["ostl"], engine="forward")


def rtrl(problem: Any) -> Any:
    """Return BPTT's gradient by RTRL."""
    return row(as_problem(problem), RULES["rtrl"], engine="forward")


def sample_by_sample(problem: Any) -> Any:
    """Return the gradient of a summed loss, one sample after the other, the last first."""
    total: dict[str, Any] = {}
    for b in reversed(range(problem.inputs.shape[1])):
        one = View(problem, inputs=problem.inputs[:, b : b + 1], targets=problem.targets[:, b : b + 1])
        total = {k: total.get(k, 0) + v for k, v in snu.gradients(one).items()}
    return total


def shuffled_batch(problem: Any) -> Any:
    """Return the gradient with the samples in another order."""
    order = np.random.default_rng(0).permutation(problem.inputs.shape[1])
    return _ostl(View(problem, inputs=problem.inputs[:, order], targets=problem.targets[:, order]))


def units_in_reverse(problem: Any) -> Any:
    """Return the gradient of one recurrent layer computed with its units in reverse order."""

    def turn(name: str, value: Any) -> Any:
        return value[::-1, ::-1] if name.endswith(".H") else value[::-1]

    parameters = {k: turn(k, v) for k, v in problem.parameters.items()}
    found = _ostl(View(problem, parameters=parameters, targets=problem.targets[:, :, ::-1]))
    return {k: np.array(turn(k, v)) for k, v in found.items()}


def long_double(problem: Any) -> Any:
    """Return the gradient computed in extended precision and rounded."""
    parameters = {k: v.astype(np.longdouble) for k, v in problem.parameters.items()}
    wide = View(
        problem,
        parameters=parameters,
        inputs=problem.inputs.astype(np.longdouble),
        targets=problem.targets.astype(np.longdouble),
    )
    return {k: v.astype(float) for k, v in snu.gradients(wide).items()}


def single(problem: Any) -> Any:
    """Return the gradient computed in float32, and claimed so."""
    return row(as_problem(problem).in_numbers(FLOAT32), RULES["ostl"])


def fortran_order(problem: Any) -> Any:
    """Return arrays in column-major memory."""
    return {k: np.asfortranarray(v) for k, v in _ostl(problem).items()}


def strided(problem: Any) -> Any:
    """Return arrays that are views of larger ones."""
    out = {}
    for name, value in _ostl(problem).items():
        room = np.full((*value.shape, 2), np.nan)
        room[..., 0] = value
        out[name] = room[..., 0]
    return out


def keys_in_reverse(problem: Any) -> Any:
    """Return the keys in reverse order."""
    return dict(reversed(list(_ostl(problem).items())))


def triple(problem: Any) -> Any:
    """Return loss, gradients and outputs."""
    p = as_problem(problem)
    z = outputs(p)
    return p.network.loss.value(z, p.targets, p.numbers), _ostl(problem), z


def fsum(problem: Any) -> Any:
    """Return OTTT for one layer with every sum over samples and steps correctly rounded."""
    p, layer = local(problem, 0), problem.network.layers[0]
    (steps, batch, inputs), units = problem.inputs.shape, layer.units
    run = _lif_forward(problem, p, layer.cell)
    g = errors(problem, run["z"]) * run["psi"]
    terms: dict[Any, list[float]] = {}
    trace = np.zeros((batch, units, inputs))
    for t in range(steps):
        trace = p["leak"][None, :, None] * trace + problem.inputs[t][:, None, :]
        for b, i, j in np.ndindex(batch, units, inputs):
            terms.setdefault((i, j), []).append(float(g[t, b, i] * trace[b, i, j]))
    w = np.reshape([math.fsum(terms[i, j]) for i, j in np.ndindex(units, inputs)], (units, inputs))
    return {"layers.0.W": w}


def events(problem: Any) -> Any:
    """Return OTTT for one layer, its traces updated event by event: silent inputs cost nothing but their decay."""
    p, layer = local(problem, 0), problem.network.layers[0]
    run = _lif_forward(problem, p, layer.cell)
    g = errors(problem, run["z"]) * run["psi"]
    steps, batch, inputs = problem.inputs.shape
    total = np.zeros((layer.units, inputs))
    for b in range(batch):
        for i in range(layer.units):
            value: dict[int, float] = {}
            touched: dict[int, int] = {}
            for t in range(steps):
                for j in np.nonzero(problem.inputs[t, b])[0].tolist():
                    decayed = value.get(j, 0.0) * float(p["leak"][i]) ** (t - touched.get(j, t))
                    value[j], touched[j] = decayed + float(problem.inputs[t, b, j]), t
                if g[t, b, i]:
                    for j, v in value.items():
                        total[i, j] += g[t, b, i] * v * float(p["leak"][i]) ** (t - touched[j])
    return {"layers.0.W": total}


def convolved(problem: Any) -> Any:
    """Return OTTT for one layer with the trace as one matrix product over time, no recursion at all."""
    p, layer = local(problem, 0), problem.network.layers[0]
    run = _lif_forward(problem, p, layer.cell)
    g = errors(problem, run["z"]) * run["psi"]
    lag = np.subtract.outer(np.arange(len(g)), np.arange(len(g)))
    kernel = np.where(lag >= 0, p["leak"][:, None, None] ** np.maximum(lag, 0), 0)
    return {"layers.0.W": np.einsum("tbi,its,sbj->ij", g, kernel, problem.inputs, optimize=True)}


def _lif_forward(problem: Any, p: Any, cell: Any) -> Any:
    """Run a LIF layer with a soft reset, without bias and lateral weights, keeping the value after the reset."""
    kept, rows, slopes = np.zeros((problem.inputs.shape[1], len(p["leak"]))), [], []
    psi = pseudo(cell.surrogate)
    for x in problem.inputs:
        v = p["leak"] * kept + x @ p["W"].T
        z = 1.0 * (v > p["threshold"] if cell.strict else v >= p["threshold"])
        kept = v - p["threshold"] * z
        rows.append(z)
        slopes.append(psi(v - p["threshold"]))
    return {"z": np.array(rows), "psi": np.array(slopes)}


def stored_after_reset(problem: Any) -> Any:
    """Return RTRL for one LIF layer whose trace belongs to the value after the reset: d kept / d v = 1 - th psi."""
    p, layer = local(problem, 0), problem.network.layers[0]
    run = _lif_forward(problem, p, layer.cell)
    delta, factor = errors(problem, run["z"]), 1 - p["threshold"] * run["psi"]
    trace: Any = np.zeros((*delta.shape[1:], problem.inputs.shape[2]))
    total: Any = 0
    for t, x in enumerate(problem.inputs):
        of_v = p["leak"][None, :, None] * trace + x[:, None, :]
        total = total + np.einsum("bi,bij->ij", delta[t] * run["psi"][t], of_v)
        trace = factor[t][:, :, None] * of_v
    return {"layers.0.W": total}


def one_matrix(problem: Any) -> Any:
    """Return BPTT for a rate layer with W, H and b as one matrix [W H b], swept backwards by hand."""
    layer, (steps, batch, inputs) = problem.network.layers[0], problem.inputs.shape
    p, n = local(problem, 0), layer.units
    whole = np.concatenate([p["W"], p["H"], p["b"][:, None]], axis=1)
    z, seen, outputs = np.zeros((batch, n)), [], []
    for x in problem.inputs:
        u = np.concatenate([x, z, np.ones((batch, 1))], axis=1)
        z = np.tanh(u @ whole.T)
        seen.append(u)
        outputs.append(z)
    delta, back, total = errors(problem, np.array(outputs)), np.zeros((batch, n)), np.zeros_like(whole)
    for t in reversed(range(steps)):
        g = (delta[t] + back) * (1 - outputs[t] ** 2)
        total += g.T @ seen[t]
        back = g @ p["H"]
    split = {"W": total[:, :inputs], "H": total[:, inputs:-1], "b": total[:, -1]}
    return {k: split[k.removeprefix("layers.0.")].copy() for k in problem.parameters}


def triple_loop(problem: Any) -> Any:
    """Return RTRL for a rate layer in plain Python numbers, one entry after the other."""
    layer, (steps, batch, inputs) = problem.network.layers[0], problem.inputs.shape
    n, p = layer.units, {k: v.tolist() for k, v in local(problem, 0).items()}
    shapes = {k: v.shape for k, v in problem.parameters.items()}
    found = {k: np.zeros(s) for k, s in shapes.items()}
    delta = errors(problem, outputs(as_problem(problem)))
    for b in range(batch):
        z = [0.0] * n
        m = {k: {i: [0.0] * n for i in np.ndindex(s)} for k, s in shapes.items()}
        for t in range(steps):
            x, old = problem.inputs[t, b].tolist(), z
            z = []
            for q in range(n):
                a = p["b"][q] + sum(p["W"][q][j] * x[j] for j in range(inputs))
                z.append(math.tanh(a + sum(p["H"][q][j] * old[j] for j in range(n))))
            for name, entries in m.items():
                source = {"W": x, "H": old, "b": [1.0]}[name.removeprefix("layers.0.")]
                for index, past in entries.items():
                    fresh = []
                    for q in range(n):
                        drive = sum(p["H"][q][j] * past[j] for j in range(n))
                        drive += source[index[1] if len(index) > 1 else 0] if index[0] == q else 0.0
                        fresh.append((1 - z[q] ** 2) * drive)
                    entries[index] = fresh
                    found[name][index] += sum(delta[t, b, q] * fresh[q] for q in range(n))
    return found
