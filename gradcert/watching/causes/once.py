"""Credit that is cut at some steps and not at others: a state that the loop detaches now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gradcert.models.reading.network.passes import AS_CODED, Run, row_of
from gradcert.reference.engines import LayerTape
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule, check_feedback
from gradcert.watching.causes.multiples import CLAIM
from gradcert.watching.measured.beside import handed_on, pulled_back, states_of
from gradcert.watching.measured.evidence import Evidence, Gradients

MOST = 64  # steps of a sequence in which a single cut is looked for where nobody saw one
FEW = 128  # cuts of one of several states that are tried
Made = Callable[[int, Array, LayerTape, int], LayerTape]


def cut_once(evidence: Evidence, rule: Rule | str) -> Iterator[tuple[str, Gradients]]:
    """Yield a rule's gradients with credit cut where states were seen to be detached, and at single steps."""
    if any(evidence.detached):
        yield _said(evidence.detached), cut_at(evidence, rule, evidence.detached)
    longest = max(len(delta) for delta in evidence.deltas)
    for step in range(1, longest) if longest <= MOST else ():
        where = tuple((step,) if step < len(delta) else () for delta in evidence.deltas)
        if where != evidence.detached:
            yield _said(where), cut_at(evidence, rule, where)
    yield from _of_one_state(evidence, rule, longest)


def _of_one_state(evidence: Evidence, rule: Rule | str, longest: int) -> Iterator[tuple[str, Gradients]]:
    """Yield a rule's gradients with credit cut at a single step, through one of several states."""
    layers = evidence.runs[0].full.layers
    if evidence.runs[0].written.full.graph is not None:
        return
    nodes = [(i, node) for i, layer in enumerate(layers) if len(found := states_of(layer)) > 1 for node in found]
    if longest * len(nodes) > FEW:
        return
    for step in range(1, longest):
        for layer, node in nodes:
            of_layer = f" of layer {layer}" if len(layers) > 1 else ""
            said = f"{CLAIM} with the state {node}{of_layer} alone detached before step {step}, counted from 0"
            yield f"{said}: no credit goes back through it", _through(evidence, rule, step, layer, node)


def in_part(evidence: Evidence, rule: Rule | str) -> Iterator[tuple[str, Gradients]]:
    """Yield a rule's gradients with credit multiplied where states were seen to be detached in part."""
    numbers = {share for of_one in evidence.shares for share in of_one.values()}
    if not numbers or evidence.runs[0].written.full.graph is not None:
        return
    many = sum(map(len, evidence.shares))
    times = "1 time" if many == 1 else f"{many} times"

    def made(number: int, delta: Array, layer: LayerTape, _: int) -> LayerTape:
        share = np.ones((len(delta), 1, 1))
        for step, its in evidence.shares[number].items():
            share[step] = its
        return handed_on(layer, share)

    which = " or ".join(f"{share:g}" for share in sorted(numbers))
    said = f"{CLAIM} with the state detached in part between two calls, {times}: credit through it times {which}"
    yield said, _with_layers(evidence, rule, made)


def _said(where: tuple[tuple[int, ...], ...]) -> str:
    steps = sorted({step for of_one in where for step in of_one})
    which = f"step{'s' * (len(steps) > 1)} {', '.join(map(str, steps))}"
    return f"{CLAIM} with the state detached before {which}, counted from 0: no credit goes back"


def cut_at(evidence: Evidence, rule: Rule | str, where: tuple[tuple[int, ...], ...]) -> Gradients:
    """Return a rule's gradients with no edge from the step before into some steps.

    Parameters
    ----------
    where : of every sequence, the steps.
    """

    def made(number: int, delta: Array, layer: LayerTape, _: int) -> LayerTape:
        begins = np.zeros(delta.shape[:2], dtype=bool)
        begins[list(where[number])] = True
        return replace(layer, begins=begins)

    return _with_layers(evidence, rule, made)


def _through(evidence: Evidence, rule: Rule | str, cut: int, of_layer: int, node: str) -> Gradients:
    """Return a rule's gradients with no credit through one state of a layer into one step."""

    def made(_: int, delta: Array, layer: LayerTape, place: int) -> LayerTape:
        share = np.ones((len(delta), 1, 1))
        share[cut : cut + 1] = 0  # a shorter sequence has no such step
        return handed_on(layer, share, node) if place == of_layer else layer

    return _with_layers(evidence, rule, made)


def _with_layers(evidence: Evidence, rule: Rule | str, made: Made) -> Gradients:
    """Return a rule's gradients on tapes whose layers are others: ``made(sequence, delta, layer, its number)``."""
    row = row_of(rule)

    def change(run: Run, delta: Array) -> dict[str, Array]:
        number = next(k for k, one in enumerate(evidence.runs) if one is run)
        tape = run.as_cut if rule == AS_CODED else run.full
        tape = replace(tape, layers=tuple(made(number, delta, layer, i) for i, layer in enumerate(tape.layers)))
        feedback = check_feedback(run.written.full, row, evidence.feedback)
        return pulled_back(tape, row, feedback, delta, evidence.beside_of(run))

    return evidence.gradients(rule, change, whole=True)
