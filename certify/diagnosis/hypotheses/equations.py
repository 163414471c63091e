"""One edit of a cell's equations, or of a local derivative: an operand, a lag, a sign, a factor, a term, a function.

The formulas are the cell's own, built in or the user's. A forward formula is edited as it is seen by a backward pass by
hand, which keeps the right derivatives at the wrong values, and by a library, which differentiates what there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from gradcert.certify.diagnosis.equations import (
    Formulas,
    Given,
    Rewritten,
    Symbols,
    Term,
    evaluate,
    formulas,
    single,
    tidied,
)
from gradcert.certify.diagnosis.equations import replaced as put
from gradcert.certify.diagnosis.hypotheses.forward_pass import read_as_claimed
from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit, of_run, written
from gradcert.certify.diagnosis.unrolled import Arc, Bench, Feed, Graph
from gradcert.reference.engines import LayerTape, Tape
from gradcert.reference.networks import Link, Use

X = Term("now", name="x")


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield edits of the formulas of every kind of cell that the network has; of two that read alike, say of which."""
    known: dict[Formulas, str] = {}
    for layer in bench.network.layers:
        if (found := formulas(layer.cell)) is not None:
            known.setdefault(found, layer.cell.name)
    said: set[tuple[str, str]] = set()
    for mine, cell in known.items():
        for hypothesis in (*_slopes(mine), *_factors(mine), *_steps(mine)):
            told = hypothesis.key, hypothesis.label
            if told in said:
                what, label = f"{hypothesis.what}, {cell}", f"{hypothesis.label}, in {cell} layers"
                hypothesis = replace(hypothesis, what=what, label=label)
            said.add((hypothesis.key, hypothesis.label))
            yield hypothesis


def _operands(mine: Formulas, node: str, *, whole: bool) -> list[Term]:
    """Return what may be taken for another value: nodes of the step before, of this one, per-unit constants."""
    nodes = [name for name, _ in mine.step]
    seen = nodes if whole else nodes[: nodes.index(node)]
    constants = {x for _, t in (*mine.step, *mine.factors) for x in t.leaves if x.op == "p"}
    own = [Term("now", name=n) for n in seen] + [Term("prev", name=n) for n in nodes]
    return own + sorted(constants, key=str)


def _steps(mine: Formulas) -> Iterator[Hypothesis]:
    for node, old in mine.step:
        for new in single(old, _operands(mine, node, whole=False)):
            label = f"{node} = {new} in the place of {node} = {old}"
            for seen in SEEN if _in_values(mine) else SEEN[:2]:
                run = partial(_run, mine, node, new, seen)
                yield of_run("forward", f"{node} = {new}, {seen}", f"{label} {seen}", run)


SEEN = ("in the forward pass", "forward and backward", "in the forward pass, differentiated as if it were right")


def _in_values(mine: Formulas) -> bool:
    """Return whether a derivative is written in the value of the function."""
    values = {node for node, t in mine.step if t.op == "apply" and not t.name.step}
    return any(x.op == "now" and x.name in values for _, t in mine.factors for x in t.leaves)


def _run(mine: Formulas, node: str, new: Term, seen: str, bench: Bench) -> Bench | None:
    net = bench.tape.network
    hit = [formulas(x.cell) == mine for x in net.layers]
    if not any(hit):
        return bench
    cells: list[Any] = [Rewritten(x.cell, node, new) if h else x.cell for x, h in zip(net.layers, hit, strict=True)]
    changed = replace(net, layers=tuple(replace(x, cell=c) for x, c in zip(net.layers, cells, strict=True)))
    if seen == SEEN[2]:
        return _by_formulas(read_as_claimed(bench, changed, bench.parameters, bench.inputs))
    if seen == SEEN[0]:
        return read_as_claimed(bench, changed, bench.parameters, bench.inputs)
    if not all(c.differentiable for c, h in zip(cells, hit, strict=True) if h):
        return None
    return bench.again(network=changed)


def _by_formulas(bench: Bench | None) -> Bench | None:
    """Take the local derivatives as they are written in values: of a tanh 1 - z^2, whatever z is."""
    if bench is None:
        return None
    layers = []
    for tape in bench.tape.layers:
        known = formulas(tape.layer.cell)
        given = Given(tape.p, tape.prev, tape.now)
        written_out = {o: evaluate(t, given, bench.numbers) for o, t in known.factors} if known else {}
        layers.append(replace(tape, factors={**tape.factors, **written_out}))
    return replace(bench, tape=replace(bench.tape, layers=tuple(layers)))


def _factors(mine: Formulas) -> Iterator[Hypothesis]:
    for origin, old in mine.factors:
        if isinstance(origin, Use) and origin.parameter.startswith("b"):
            continue
        step = dict(mine.step)[origin.target]
        squashed = [_again(step, origin.target)] if step.op == "apply" and old.op != "slope" else []
        for new in dict.fromkeys([*squashed, *single(old, _operands(mine, origin.target, whole=True))]):
            what = f"{written(origin)} = {new}"
            label = f"{new} in the place of {old} in {_named(origin)}"
            yield of_edit("factor", what, label, own=partial(_instead, mine, {origin: new}))


def _again(step: Term, node: str) -> Term:
    """Return the derivative of a function at the value that it has already given."""
    return Symbols().slope(step.name, Term("now", name=node))


def _named(origin: Link | Use) -> str:
    """Return a local derivative as somebody would write it."""
    source = origin.parameter if isinstance(origin, Use) else f"{origin.source}{chr(39) if origin.lag else ''}"
    return f"d{origin.target}/d{source}"


def _slopes(mine: Formulas) -> Iterator[Hypothesis]:
    """Yield edits of the pseudo-derivative, its formula and where it is taken, wherever it occurs."""
    found = {t for _, f in mine.factors for t in _inside(f) if t.op == "slope"}
    for slope in sorted(found, key=str):
        (at,) = slope.args
        psi = tidied(slope.name.derivative(X, Symbols()))
        name = "psi" if slope.name.step else f"{slope.name.name}'"
        for new in dict.fromkeys((X, *single(psi))):
            change = {slope: put(new, {X: at})}
            yield from _everywhere(f"{name}(x) = {new}", f"{name}(x) = {new} in the place of {psi}", mine, change)
        for new in single(at, _operands(mine, "z", whole=True)):
            change = {slope: Term("slope", (new,), slope.name)}
            yield from _everywhere(f"{name} at {new}", f"{name}({new}) in the place of {name}({at})", mine, change)


def _inside(t: Term) -> Iterator[Term]:
    yield t
    for a in t.args:
        yield from _inside(a)


def _everywhere(what: str, label: str, mine: Formulas, change: dict[Term, Term]) -> Iterator[Hypothesis]:
    """Yield an edit wherever a formula occurs, in the traces alone, and in the signal alone."""
    changed = {origin: put(f, change) for origin, f in mine.factors}
    edit = partial(_instead, mine, {o: f for o, f in changed.items() if f != dict(mine.factors)[o]})
    yield of_edit("slope", what, label, own=edit, down=edit)
    yield of_edit("slope", f"{what}, traces alone", f"{label} in the traces alone", own=edit, down=_as_it_is)
    yield of_edit("slope", f"{what}, signal alone", f"{label} in the learning signal alone", down=edit)


def _as_it_is(graph: Graph, tape: LayerTape, whole: Tape) -> Graph:
    return graph


def _instead(mine: Formulas, new: dict[Any, Term], graph: Graph, tape: LayerTape, whole: Tape) -> Graph:
    """Put formulas in the place of local derivatives."""
    if formulas(tape.layer.cell) != mine:
        return graph
    given = Given(tape.p, tape.prev, tape.now)
    values = {origin: evaluate(t, given, whole.numbers) for origin, t in new.items()}

    def arc(a: Arc) -> Arc:
        return replace(a, factor=values[a.origin]) if a.origin in values else a

    def feed(f: Feed) -> Feed:
        return replace(f, factor=values[f.origin]) if f.origin in values and f.synapse is None else f

    return graph.arcs_as(arc).feeds_as(feed)
