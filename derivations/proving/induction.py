"""Every length at once: one step of the forward engine from an arbitrary state, with arbitrary traces.

Hypothesis: before step t the state is some function of the parameters and the engine's traces are its derivative over
the kept edges, one free symbol eps per entry. The engine's code takes one step. Claim: its new traces are the
derivative of the new state, and what it adds to the gradient is the derivative of the loss of that step. The base
case are the first steps from rest, where the traces must be the derivatives as well; by then the traces have the form
of storage (outer, rows or full) that they keep for ever, which is checked too.

A chunk begins with empty traces, whatever the state: its first step is the base case again, and that is what is proved
where the inductive step is the first one of a chunk (the traces before it are arbitrary, and have to be forgotten).
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.derivative import Local, differentiate, expressions, kept_derivative, loss_derivative
from gradcert.derivations.algebra.ledger import Ledger
from gradcert.derivations.algebra.ring import Ring
from gradcert.derivations.algebra.symbols import SYMBOLS, symbols
from gradcert.derivations.proving.proof import Problem, Result, feedback_symbols, layer_slopes, named
from gradcert.reference.engines import Learner, Tangent, basis
from gradcert.reference.errors import GradcertError
from gradcert.reference.rules import Rule

#: what a proof says that starts before the traces have reached the form that they keep
CHANGED = "the traces change their form of storage"

Entries = dict[Any, dict[tuple[Any, int], Any]]


def prove_for_every_length(p: Problem, rule: Rule, *, warm: int = 2) -> Result:
    """Prove by induction over time that the forward engine computes a rule's gradient for every T.

    Parameters
    ----------
    p : a problem of ``warm + 1`` steps whose loss counts every step.
    rule : a row of the table with a window of at most `warm`. Where it has chunks, their length decides whether the
        inductive step is the first of a chunk (`warm` a multiple of it) or lies inside one; both are needed.
    warm : steps before the inductive one.

    Examples
    --------
    >>> from gradcert.derivations.proving.proof import problem
    >>> from gradcert.reference import Layer, Network, Snu, rule_named
    >>> network = Network(layers=(Layer(Snu(), inputs=1, units=2),))
    >>> prove_for_every_length(problem(network, steps=3), rule_named("ostl")).proved
    True
    """
    start = time.perf_counter()
    steps, batch = p.inputs.shape[:2]
    if steps != warm + 1 or rule.reach is not None:
        raise GradcertError(f"{steps} steps for {rule.name!r}", allowed=f"{warm + 1} steps, no reach")
    ledger = Ledger()
    feedback = feedback_symbols(p.network, rule)
    network = named(p.network, ledger)
    learner = Learner(
        network,
        p.parameters,
        rule=rule,
        steps=steps,
        batch=batch,
        numbers=SYMBOLS,
        feedback=feedback,
        initial=p.initial,
    )
    shapes: list[Any] = []
    for t in range(warm):
        learner.step(p.inputs[t], p.targets[t])
        shapes.append(form(learner))
    base = [entries(learner, m, p, warm - 1) for m in range(p.network.depth)]
    hypothesis(learner)
    assumed = [entries(learner, m, p, warm - 1) for m in range(p.network.depth)]
    before = learner.gradients()
    learner.step(p.inputs[warm], p.targets[warm])
    after = [entries(learner, m, p, warm) for m in range(p.network.depth)]
    added = {name: learner.total[name] - before[name] for name in before}

    locals_, wrong = differentiate(ledger, p.free)
    weights = {**p.parameters, **feedback}
    slopes = [
        {z: d for z, d in layer_slopes(p, rule, layer, weights).items() if f"^{warm}[" in str(z)}
        for layer in range(p.network.depth)
    ]
    found = [e for found in (base, assumed, after) for m in found for d in m.values() for e in d.values()]
    extra = [s for v in weights.values() for s in v.flat] + [
        *p.targets.flat,
        *(e for d in slopes for e in d.values()),
        *found,
    ]
    ring = Ring([*expressions(locals_), *extra, *(sympy.sympify(e) for g in added.values() for e in g.flat)])
    failed = list(wrong)
    # the first step of a chunk leaves the traces as the very first step did
    if form(learner) != shapes[0 if rule.chunk and warm % rule.chunk == 0 else -1]:
        failed.append(CHANGED)
    count = len(ledger.factors) + 1
    for layer in range(p.network.depth):
        early = [x for x in locals_ if x.step < warm]
        derivative = kept_derivative(p.network, early, ring, rule, layer, feedback=weights)
        count += compare("base case", ring, of_layer(base, layer), derivative, failed)
        # the state before the step is arbitrary: carried nodes are given, what is derived from them follows
        known = {k: {key: ring(e) for key, e in d.items()} for k, d in of_layer(assumed, layer).items()}
        late = [x for x in locals_ if x.step == warm or (x.step == warm - 1 and is_derived(network, rule, layer, x))]
        derivative = kept_derivative(p.network, late, ring, rule, layer, feedback=weights, known=known)
        count += compare("inductive step", ring, of_layer(after, layer), derivative, failed)
        expected = loss_derivative(p.network, derivative, slopes[layer], ring)
        for name, values in p.parameters.items():
            if name.split(".")[1] == str(layer):
                for index, symbol in np.ndenumerate(values):
                    count += 1
                    if not ring.vanishes(ring(added[name][index]) - expected.get(symbol, ring.zero)):
                        failed.append(f"gradient of one step: {name}{list(index)}")
    cells = ", ".join(f"{la.cell.name} {la.inputs}->{la.units}" for la in p.network.layers)
    return Result(f"every T, {rule.name}, {cells}", count, tuple(failed), time.perf_counter() - start)


def is_derived(network: Any, rule: Rule, layer: int, item: Local) -> bool:
    """Return whether a node follows, within its step, from the carried ones (for the parameters of one layer)."""
    if item.layer < layer:
        return False
    cell = network.layers[item.layer].cell
    kept = rule.own if item.layer == layer else rule.kept_above(cell.name)
    return item.node in basis(cell, kept)[1]


def hypothesis(learner: Learner) -> None:
    """Replace every entry of every trace by a free symbol."""
    for m, traces in enumerate(learner.traces):
        for (source, name, age), trace in traces.items():
            for node, tangent in trace.items():
                eps = symbols(f"eps.{m}.{source}.{name}.{age}.{node}", tangent.array.shape)
                trace[node] = Tangent(tangent.form, eps, tangent.synapse)


def form(learner: Learner) -> list[Any]:
    """Return how the traces are stored."""
    return [
        sorted((key, node, t.form, t.array.shape) for key, trace in traces.items() for node, t in trace.items())
        for traces in learner.traces
    ]


def entries(learner: Learner, m: int, p: Problem, t: int) -> Entries:
    """Return the traces in layer m entry by entry: name of the node -> (parameter, age) -> expression."""
    out: Entries = {}
    batch, units = p.inputs.shape[1], p.network.layers[m].units
    for (source, name, age), trace in learner.traces[m].items():
        values = p.parameters[f"layers.{source}.{name}"]
        for node, tangent in trace.items():
            for b, u in np.ndindex(batch, units):
                symbol = sympy.Symbol(f"{node}{m}^{t}[{b},{u}]")
                for index, parameter in np.ndenumerate(values):
                    row, column = index if values.ndim == 2 else (index[0], 0)
                    e = entry(tangent, b, u, row, column)
                    if e != 0:
                        out.setdefault(symbol, {})[parameter, age] = sympy.sympify(e)
    return out


def entry(tangent: Tangent, b: int, unit: int, row: int, column: int) -> Any:
    """Return d node_unit / d W[row, column] as a tangent stores it."""
    array = tangent.array
    b = b if array.shape[0] > 1 else 0
    if tangent.form == "full":
        return array[b, unit, row, column]
    if row != unit:
        return 0
    if tangent.form == "rows":
        return array[b, unit if array.shape[1] > 1 else 0, column]
    return array[b, column]


def of_layer(found: list[Entries], layer: int) -> Entries:
    """Return the entries that belong to the parameters of one layer."""
    out: Entries = {}
    for m in found:
        for symbol, d in m.items():
            own = {k: e for k, e in d.items() if str(k[0]).split("[")[0].endswith(str(layer))}
            if own:
                out[symbol] = own
    return out


def compare(what: str, ring: Ring, traces: Entries, derivative: Entries, failed: list[str]) -> int:
    """Compare the traces with the derivatives, entry by entry; return how many there are."""
    count = 0
    for symbol, d in traces.items():
        expected = derivative.get(symbol, {})
        for key in d.keys() | expected.keys():
            count += 1
            if not ring.vanishes(ring(d.get(key, 0)) - expected.get(key, ring.zero)):
                failed.append(f"{what}: d {symbol} / d {key[0]}")
    return count
