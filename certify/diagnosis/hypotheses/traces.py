"""One edit of an eligibility trace, as it is written forward in time for one synapse after the other.

Rules without lateral paths in their traces, whose learning signal comes down within the step, are written like this by
everybody (' is the step before; what is one, or absent, is left out)::

    J = d + r psi'         the state by the state before: its decay d, and the reset r where the rule keeps it
    eps = J eps' + g x     e = psi eps
    ebar = kappa ebar' + e                        the second filter, of a leaky readout
    G = L ebar                                    added up over steps

The formulas are edited like those of a cell: an operand, a step, a sign, a factor, a term, what was before the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.equations import Given, Term, evaluate, single
from gradcert.certify.diagnosis.hypotheses.hypothesis import Gradient, Hypothesis
from gradcert.certify.diagnosis.unrolled import Bench, Graph, graph_of, sweep
from gradcert.reference.engines import credit_below, projected_signal, weights_down
from gradcert.reference.networks import Edge
from gradcert.reference.numbers import Array

ORDER = ("J", "eps", "e", "ebar", "G")
SEEN = ("x", "psi", "L", "eps", "e", "ebar")  # what may be taken for one another, of this step or the one before


@dataclass(frozen=True, eq=False)
class Local:
    """What the trace of one layer is made of; a number one where there is nothing.

    Attributes
    ----------
    decay, reset, psi, kappa, signal : (time, batch, units), or what broadcasts to it.
    fed : parameter -> (g, what it multiplies): (time, batch, features), or None for a bias.
    """

    decay: Any
    reset: Any
    psi: Any
    kappa: Any
    signal: Array
    fed: Mapping[str, tuple[Any, Array | None]]


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield edits of the traces, where the rule and the cells have such."""
    layers = _locals(bench)
    if layers is None:
        return
    known: dict[
        tuple[str, Term], dict[Term, None]
    ] = {}  # the formulas of all layers, with what could stand there instead
    for x in layers.values():
        mine = _formulas(x)
        for node, old in mine.items():
            news = known.setdefault((node, old), {})
            news.update(dict.fromkeys(single(old, _operands(mine, node))))
    for (node, old), news in known.items():
        for new in news:
            label = f"{node} = {new} in the place of {node} = {old}, in the trace"
            yield Hypothesis("trace", f"{node} = {new}", label, partial(_computed, node=node, old=old, new=new))
    for node, old in known:
        if node in ("eps", "ebar"):
            compute = partial(_computed, node=node, old=old, new=old, start={node: 1})
            label = f"{node} = 1 before the first step, in the trace {node} = {old}"
            yield Hypothesis("trace", f"{node} starts at one", label, compute)


def _formulas(x: Local) -> dict[str, Term]:
    """Return the formulas of a layer, without what is one or absent."""
    now: Any = {name: Term("now", name=name) for name in ("x", "g", "d", "r", "kappa", "psi", "L", *ORDER)}
    prev: Any = {name: Term("prev", name=name) for name in ("psi", "eps", "ebar")}
    out: dict[str, Term] = {}
    fresh = now["x"] if all(_is_one(g) for g, _ in x.fed.values()) else now["g"] * now["x"]
    jacobian = None if x.decay is None else now["d"]
    if x.reset is not None and jacobian is not None:
        out["J"] = jacobian + now["r"] * prev["psi"]
        jacobian = now["J"]
    out["eps"] = fresh if jacobian is None else jacobian * prev["eps"] + fresh
    last = now["eps"]
    if not _is_one(x.psi):
        out["e"] = now["psi"] * last
        last = now["e"]
    if x.kappa is not None:
        out["ebar"] = now["kappa"] * prev["ebar"] + last
        last = now["ebar"]
    return {**out, "G": now["L"] * last}


def _is_one(value: Any) -> bool:
    return isinstance(value, int) and value == 1


def _operands(mine: Mapping[str, Term], node: str) -> list[Term]:
    """Return what a leaf may be taken for: values of the step before, of this one as far as known, of other units."""
    names = [n for n in SEEN if n in mine or n in ("x", "L") or (n == "psi" and "e" in mine)]
    known = [n for n in names if n not in ORDER or ORDER.index(n) < ORDER.index(node)]
    turned = [Term("now", name=n) for n in ("x of the unit itself", "L of the other unit", "psi of the other unit")]
    return [*(Term("now", name=n) for n in known), *(Term("prev", name=n) for n in names), *turned]


def _locals(bench: Bench) -> dict[int, Local] | None:
    """Return what the traces of the layers are made of; None where the rule has no such traces."""
    rule, tape = bench.rule, bench.tape
    usual = rule.window is None and rule.reach is None and rule.chunk is None and not rule.upper
    if not usual or rule.feedback not in ("symmetric", "direct", "target"):
        return None
    out: dict[int, Local] = {}
    delta, error, kappa = bench.delta, bench.delta, None
    for i in reversed(range(tape.network.depth)):
        layer = tape.layers[i]
        hidden = i < tape.network.depth - 1
        if hidden and rule.feedback != "symmetric":
            delta = _projected(bench, error, i)
        found = _local(graph_of(layer, rule.own), kappa if rule.feedback != "target" else None, delta)
        if found is not None:
            out[i] = found
        if not hidden and Edge.STATE in rule.readout and "kappa" in layer.p:
            kappa = layer.p["kappa"].ravel()[0] if len(set(map(str, layer.p["kappa"].ravel()))) == 1 else None
        if i:
            plain = sweep(graph_of(layer, frozenset()), delta)
            delta = credit_below(layer, plain, weights_down(layer.layer, i, layer.p, rule, bench.feedback))
    return out


def _projected(bench: Bench, error: Array, i: int) -> Array:
    """Return the signal that a fixed matrix sends to a layer."""
    matrix = bench.feedback[f"layers.{i}.B"]
    if bench.rule.feedback == "target":
        error = projected_signal(bench.tape, bench.targets)
    return np.matmul(error, matrix)


def _local(graph: Graph, kappa: Any, signal: Array) -> Local | None:
    """Return what one layer's trace is made of; None where it is more than one number a synapse."""
    lagged = [a for a in graph.arcs if a.lag]
    loops = [a for a in lagged if a.source == a.target]
    resets = [a for a in lagged if a.source == "z" and a.target != "z"]
    if any(a.synapse is not None for a in lagged) or len(loops) > 1 or len(resets) > 1:
        return None
    if len(lagged) != len(loops) + len(resets) or (resets and resets[0].target != (loops[0].target if loops else "")):
        return None
    state = loops[0].target if loops else "z"
    psi = _along(graph, state, "z")
    fed = {f.parameter: (_times(f.factor, _along(graph, f.node, state)), f) for f in graph.feeds}
    if psi is None or any(g is None or f.node == "z" != state for g, f in fed.values()):
        return None
    sources = {name: (g, f.source if f.synapse is not None else None) for name, (g, f) in fed.items()}
    if any(f.synapse is not None and len(f.synapse.shape) != 2 for _, f in fed.values()):
        return None
    reset = resets[0].factor if resets else None
    return Local(loops[0].factor if loops else None, reset, psi, kappa, signal, sources)


def _along(graph: Graph, source: str, target: str) -> Any:
    """Return the product of the factors on the only way between two nodes within a step; None where there is none."""
    total: Any = 1
    while source != target:
        ways = [a for a in graph.arcs if a.source == source and not a.lag]
        if len(ways) != 1 or ways[0].synapse is not None:
            return None
        total, source = _times(total, ways[0].factor), ways[0].target
    return total


def _times(a: Any, b: Any) -> Any:
    return None if a is None or b is None else b if _is_one(a) else a if _is_one(b) else a * b


def _computed(
    bench: Bench, *, node: str, old: Term, new: Term, start: Mapping[str, int] | None = None
) -> Gradient | None:
    """Return the gradient with one formula edited in every layer that has it."""
    layers = _locals(bench)
    if layers is None:
        return None
    out = bench.gradients()
    hit = False
    for i, x in layers.items():
        mine = _formulas(x)
        if mine.get(node) != old:
            continue
        for name, (g, source) in x.fed.items():
            found = _run(x, g, source, {**mine, node: new}, start or {}, bench)
            if found is None:
                out.pop(f"layers.{i}.{name}")
            else:
                hit = True
                out[f"layers.{i}.{name}"] = found.reshape(np.shape(bench.parameters[f"layers.{i}.{name}"]))
    return out if hit else None


def _run(
    x: Local, g: Any, source: Array | None, formulas: Mapping[str, Term], start: Mapping[str, int], bench: Bench
) -> Array | None:
    """Run a trace of one parameter over time; None where the edit asks for what its shape has not."""
    steps, units = len(x.signal), x.signal.shape[2]
    turned = {leaf.name for t in formulas.values() for leaf in t.leaves if "unit" in str(leaf.name)}
    if turned and (source is None or source.shape[2] != units):
        return None
    fixed = {"d": x.decay, "r": x.reset, "kappa": x.kappa, "psi": x.psi, "L": x.signal, "g": g}
    inputs = source if source is not None else 0 * x.signal[:, :, :1] + 1
    nothing = 0 * (x.signal[0][:, :, None] * inputs[0][:, None, :])
    prev: dict[str, Any] = {name: nothing + start.get(name, 0) for name in (*ORDER, *SEEN)}
    total: Any = 0 * nothing.sum(axis=0)
    for t in range(steps):
        now: dict[str, Any] = {name: _at(value, t) for name, value in fixed.items() if value is not None}
        now["x"] = inputs[t][:, None, :]
        if turned:
            now["x of the unit itself"] = inputs[t][:, :, None]
            now["L of the other unit"] = x.signal[t][:, None, :]
            now["psi of the other unit"] = np.swapaxes(now["psi"], 1, 2) if np.ndim(now["psi"]) == 3 else 1
        for node in ORDER:
            if node in formulas:
                now[node] = evaluate(formulas[node], Given({}, prev, now), bench.numbers) + nothing
        total = total + now["G"].sum(axis=0)
        prev = {**prev, **now}
    return total


def _at(value: Any, t: int) -> Any:
    """Return a value of a step, ready to be multiplied with (batch, units, features)."""
    if np.ndim(value) == 3:
        return value[t][:, :, None]
    return value[:, None] if np.ndim(value) == 1 else value
