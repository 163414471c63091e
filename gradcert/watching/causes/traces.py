"""What traces of somebody's own do otherwise: one line of their recursion, as an edit of what credit is pulled through.

A trace is a derivative along a layer's own edges, and its gradient is what a sweep over these edges gives. A line that
is wrong is another edge, another factor, or a credit that enters elsewhere; where only the way from step to step is
meant, and not what is read of it, the output that the layer itself reads becomes a node of its own (`apart`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.models.reading.network.passes import AS_CODED, Run, row_of
from gradcert.reference.engines import Tape, tape_gradients
from gradcert.reference.networks import Edge, Link
from gradcert.reference.numbers import Array, Floats
from gradcert.reference.rules import Rule, check_feedback
from gradcert.watching.causes.chunks import followed
from gradcert.watching.measured.evidence import Evidence, Gradients

OWN = "z~"  # the output of a layer as the layer itself reads it a step later
Edit = Callable[[Any], Any]  # the tape of a layer -> another one, None where that is no other


def otherwise(evidence: Evidence, rule: Rule | str) -> Iterator[tuple[str, Gradients]]:
    """Yield the gradients of a rule with one line of its traces done otherwise, and what is otherwise.

    Nothing is yielded of a graph, whose layers are several populations.
    """
    network = evidence.runs[0].written.full
    if network.graph is not None:
        return
    yield from _single_edges(evidence, rule)
    for said, edit in EDITS:
        for where, found in _edited(evidence, rule, edit):
            yield f"with {said}{where}", found
    for number, layer in enumerate(network.layers):
        for link in layer.cell.links:
            if link.lag and link.weight is None and link.source != "z":

                def at_zero(tape: Any, link: Link = link) -> Any:
                    return _at_zero(tape, link)

                where = f" of layer {number}" if network.depth > 1 else ""
                other = _own(evidence, rule, {number: at_zero})
                if other is not None:
                    yield f"with the derivative of {link.target} by {link.source}'{where} taken at z' = 0", other
    if network.depth == 1:
        mixed = evidence.gradients(rule, lambda run, delta: _mixed(run, delta, rule, evidence))
        yield "with the batch averaged before the product of learning signal and trace", mixed


def _single_edges(evidence: Evidence, rule: Rule | str) -> Iterator[tuple[str, Gradients]]:
    """Yield a rule without one link from step to step, of a kind of which its layer has several."""
    network, row = evidence.runs[0].written.full, row_of(rule)
    for number, layer in enumerate(network.layers):
        lagged = [k for k in layer.cell.links if k.lag]
        for link in lagged:
            if sum(k.edge is link.edge for k in lagged) < 2 or not (
                rule == AS_CODED or link.edge in row.own | row.upper
            ):
                continue

            def it(place: int, other: Link, number: int = number, link: Link = link) -> bool:
                return place == number and other == link

            where = f" of layer {number}" if network.depth > 1 else ""
            yield f"without the edge {link.source}' -> {link.target}{where}", followed(evidence, rule, row, it)


def _edited(evidence: Evidence, rule: Rule | str, edit: Edit) -> Iterator[tuple[str, Gradients]]:
    """Yield a rule's gradients with an edit of the traces of all layers, and of each where there are several."""
    depth = evidence.runs[0].written.full.depth
    for numbers in ([range(depth)] if depth > 1 else []) + [range(i, i + 1) for i in range(depth)]:
        found = _own(evidence, rule, dict.fromkeys(numbers, edit))
        if found is not None:
            yield "" if len(numbers) == depth else f" of layer {numbers[0]}", found


def _own(evidence: Evidence, rule: Rule | str, edits: dict[int, Edit]) -> Gradients | None:
    """Return the gradients of which those of some layers' own parameters have other traces; None where none has."""
    tapes = [(run.as_cut if rule == AS_CODED else run.full).layers for run in evidence.runs]
    made = {i: [edit(layers[i]) for layers in tapes] for i, edit in edits.items()}
    if not any(tape is not None for of in made.values() for tape in of):
        return None
    numbers = iter(range(len(tapes)))

    def change(run: Run, delta: Array) -> dict[str, Array]:
        number = next(numbers)
        out = run.arrays(rule, delta, evidence.feedback)
        for i, of in made.items():
            if of[number] is not None:
                layers = (*tapes[number][:i], of[number], *tapes[number][i + 1 :])
                found = _gradients(run, delta, rule, evidence, layers)
                out |= {name: g for name, g in found.items() if name.startswith(f"layers.{i}.")}
        return out

    return evidence.gradients(rule, change)


def _gradients(run: Run, delta: Array, rule: Rule | str, evidence: Evidence, layers: Any) -> dict[str, Array]:
    tape: Tape = replace(run.as_cut if rule == AS_CODED else run.full, layers=tuple(layers))
    row = row_of(rule)
    feedback = check_feedback(run.written.full, row, evidence.feedback)
    return tape_gradients(tape, np.zeros_like(delta), rule=row, feedback=feedback, delta=delta)


def apart(tape: Any) -> Any:
    """Return the tape of a layer in which the output that it reads a step later is a node of its own, `OWN`.

    None of a layer that does not read its output, or whose output is a state.
    """
    cell = tape.layer.cell
    into = [k for k in cell.links if k.target == "z"]
    if any(k.lag for k in into) or not any(k.source == "z" and k.lag for k in cell.links):
        return None
    renamed = {k: replace(k, source=OWN) for k in cell.links if k.source == "z" and k.lag}
    copied: dict[Any, Any] = {k: replace(k, target=OWN) for k in into}
    copied |= {u: replace(u, target=OWN) for u in cell.uses if u.target == "z"}
    links = (*(renamed.get(k, k) for k in cell.links), *(copied[k] for k in into))
    uses = (*cell.uses, *(copied[u] for u in cell.uses if u.target == "z"))
    factors = {renamed.get(k, k): tape.factors[k] for k in tape.factors}
    factors |= {copied[k]: tape.factors[k] for k in tape.factors if k in copied}
    layer = replace(tape.layer, cell=_like(cell, nodes=(*cell.nodes[:-1], OWN, "z"), links=links, uses=uses))
    prev, now = ({**values, OWN: values["z"]} for values in (tape.prev, tape.now))
    return replace(tape, layer=layer, prev=prev, now=now, factors=factors)


def _like(cell: Any, **other: Any) -> Any:
    body: dict[str, Any] = {name: _fixed(value) for name, value in other.items()}
    made = type(f"{cell.name}_apart", (type(cell),), body)
    return made(**{name: getattr(cell, name) for name in cell.__dataclass_fields__})


def _fixed(value: Any) -> Any:
    return property(lambda self: value)


def _shifted(tape: Any, target: str, steps: int) -> Any:
    """Return a tape apart whose (pseudo-)derivatives of a node are those of some steps later, 0 beyond the ends."""
    found = apart(tape)
    if found is None:
        return None

    def late(factor: Any) -> Any:
        if np.ndim(factor) < 3:
            return factor
        out = np.zeros_like(factor)
        if steps > 0:
            out[:-steps] = factor[steps:]
        else:
            out[-steps:] = factor[:steps]
        return out

    factors = {k: late(f) if k.target == target else f for k, f in found.factors.items()}
    return replace(found, factors=factors)


def _newer(tape: Any) -> Any:
    return _shifted(tape, OWN, 1)


def _older(tape: Any) -> Any:
    return _shifted(tape, "z", -1)


def _read_before(tape: Any) -> Any:
    """Return a tape whose output's credit enters at the step before, by the derivative of its own step."""
    found = apart(tape)
    if found is None:
        return None
    cell = found.layer.cell
    to = {k: replace(k, lag=1, edge=Edge.STATE) for k in cell.links if k.target == "z"}
    uses = tuple(u for u in cell.uses if u.target != "z")
    layer = replace(found.layer, cell=_like(cell, links=tuple(to.get(k, k) for k in cell.links), uses=uses))
    return replace(found, layer=layer, factors={to.get(k, k): f for k, f in found.factors.items()})


def _transposed(tape: Any) -> Any:
    """Return a tape whose recurrent weights are transposed where credit goes through them."""
    names = {k.weight for k in tape.layer.cell.links if k.lag and k.weight is not None and k.source != "x"}
    square = [n for n in names if np.ndim(tape.p.get(n)) == 2 and tape.p[n].shape[0] == tape.p[n].shape[1]]
    return replace(tape, p={**tape.p, **{n: tape.p[n].T for n in square}}) if square else None


def _at_zero(tape: Any, link: Link) -> Any:
    """Return a tape whose derivative along a link is taken as if the layer's output had been 0."""
    if link not in tape.factors or np.ndim(tape.factors[link]) < 3:
        return None
    prev = {**tape.prev, "z": 0 * tape.prev["z"]}
    found = tape.layer.cell.factors(Floats(str(tape.x.dtype)), tape.p, prev, tape.now)
    own = np.broadcast_to(found[link], np.shape(tape.factors[link]))
    factors = {k: own if k == link else tape.factors[k] for k in tape.factors}
    return None if np.array_equal(own, tape.factors[link]) else replace(tape, factors=factors)


def _mixed(run: Run, delta: Array, rule: Rule | str, evidence: Evidence) -> dict[str, Array]:
    """Return a single layer's gradients, every sample's credit at its membrane being the mean over the batch."""
    tape = (run.as_cut if rule == AS_CODED else run.full).layers[0]
    found = apart(tape) or tape
    into = [k for k in found.layer.cell.links if k.target == "z"]
    if len(into) != 1 or into[0].lag:
        return run.arrays(rule, delta, evidence.feedback)
    credit = delta * found.factors[into[0]]
    same = np.broadcast_to(credit.mean(axis=1, keepdims=True), credit.shape)
    factors = {k: 1 if k == into[0] else found.factors[k] for k in found.factors}
    return _gradients(run, np.ascontiguousarray(same), rule, evidence, (replace(found, factors=factors),))


EDITS: tuple[tuple[str, Edit], ...] = (
    ("the pseudo-derivative of step t, not t - 1, in the recursion of the traces", _newer),
    ("the pseudo-derivative of step t - 1, not t, in the learning signal", _older),
    ("traces read before they are updated", _read_before),
    ("the recurrent weights transposed in the recursion of the traces", _transposed),
)

__all__ = ["apart", "otherwise"]
