"""Rows whose credit ends every so many steps, and rows that cut an edge in one layer: what a detach makes of a row.

An edge is cut in one layer by a label that no rule keeps on a link from the step before: that of links within a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.models.reading.network.cutting import relabelled
from gradcert.models.reading.network.passes import AS_CODED, Run, row_of
from gradcert.reference.networks import TEMPORAL, Edge, Link
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule, check_feedback
from gradcert.watching.measured.beside import pulled_back
from gradcert.watching.measured.evidence import Evidence, Gradients

EVERY = 32  # lengths of chunks up to here are all tried; above, those that loops are written with
BASES = ("bptt", "bptt-detached-reset", AS_CODED)


@dataclass(frozen=True)
class Chunked:
    """A row in chunks.

    Attributes
    ----------
    name : of the row; one that `rule_named` takes, where `rule` is not None.
    length : of a chunk, in steps. `base` : what is cut into chunks.
    gradients : of it.
    """

    name: str
    length: int
    base: str
    rule: Rule | None
    gradients: Gradients


def lengths(steps: int) -> list[int]:
    """Return the lengths of chunks that are tried for a sequence.

    Examples
    --------
    >>> lengths(5), lengths(100)[31:]
    ([1, 2, 3, 4], [32, 35, 40, 45, 50, 55, 60, 64, 65, 70, 75, 80, 85, 90, 95])
    """
    return [k for k in range(1, steps) if k <= EVERY or k % 5 == 0 or k & (k - 1) == 0 or steps % k == 0]


def like_bptt(row: Rule) -> bool:
    """Return whether a row is BPTT without some kinds of edges, in whole sequences or in chunks."""
    plain = row.feedback == "symmetric" and row.own == row.upper and row.readout <= row.own
    return plain and row.window is None and row.reach is None


def in_chunks(row: Rule, length: int) -> Rule:
    """Return a row in chunks, under its name.

    Examples
    --------
    >>> from gradcert.reference.rules import rule_named
    >>> in_chunks(rule_named("bptt-detached-reset"), 5).name
    'tbptt-chunks(5) - reset'
    >>> in_chunks(rule_named("ostl"), 5).name
    'ostl in chunks of 5 steps'
    """
    cut = sorted(edge.name.lower() for edge in TEMPORAL - row.own)
    short = f"tbptt-chunks({length})" + "".join(f" - {edge}" for edge in cut)
    return replace(row, chunk=length, name=short if like_bptt(row) else f"{row.name} in chunks of {length} steps")


def followed(
    evidence: Evidence, rule: Rule | str, row: Rule, cut: Callable[[int, Link], bool] | None = None
) -> Gradients:
    """Return the gradients of a row on the network of a rule, that with the user's cuts for ``as-coded``.

    Parameters
    ----------
    cut : (layer, link from the step before) -> whether nothing goes back along it.
    """

    def change(run: Run, delta: Array) -> dict[str, Array]:
        tape = run.as_cut if rule == AS_CODED else run.full
        if cut is not None:
            tape = replace(tape, layers=tuple(_without(t, i, cut) for i, t in enumerate(tape.layers)))
        feedback = check_feedback(run.written.full, row, evidence.feedback)
        return pulled_back(tape, row, feedback, delta, evidence.beside_of(run))

    return evidence.gradients(rule, change, whole=True)


def by_layer(
    evidence: Evidence, row: Rule, cuts: Callable[[int], Callable[[int, Link], bool]], *, coded: bool = False
) -> Gradients:
    """Return the gradients of a row on the network with every edge, in which other edges are cut for each layer.

    Parameters
    ----------
    cuts : the layer whose parameters' gradients are meant -> as the `cut` of `followed`.
    coded : whether parameters are cut where the module's own code cuts them.
    """

    def change(run: Run, delta: Array) -> dict[str, Array]:
        feedback = check_feedback(run.written.full, row, evidence.feedback)
        out: dict[str, Array] = {}
        depth = run.written.full.depth
        for layer in range(depth):
            cut = cuts(layer)
            tape = replace(run.full, layers=tuple(_without(t, i, cut) for i, t in enumerate(run.full.layers)))
            found = pulled_back(tape, row, feedback, delta, evidence.beside_of(run))
            out |= {k: v for k, v in found.items() if depth == 1 or int(k.split(".")[1]) == layer}
        return out

    return evidence.gradients("bptt", change, whole=True, coded=coded)


def _without(tape: Any, number: int, cut: Callable[[int, Link], bool]) -> Any:
    cell = tape.layer.cell
    other = {k: replace(k, edge=Edge.SPACE) for k in cell.links if k.lag and cut(number, k)}
    if not other:
        return tape
    layer = replace(tape.layer, cell=relabelled(cell, other))
    return replace(tape, layer=layer, factors={other.get(k, k): tape.factors[k] for k in tape.factors})


def chunked(evidence: Evidence, claim: Rule | str | None = None) -> Iterator[Chunked]:
    """Yield rows in chunks of every length: the claim, BPTT with and without the reset, the module's own cuts.

    A row whose gradients in whole sequences are those of one before it is not tried again.
    """
    steps = max(len(delta) for delta in evidence.deltas)
    plain: list[Gradients] = []
    for base in dict.fromkeys([*([claim] if claim is not None and claim != AS_CODED else []), *BASES]):
        row = row_of(base)
        if row.window is not None or row.reach is not None:
            continue
        whole = followed(evidence, base, replace(row, chunk=None))
        if any(close(whole, other) for other in plain):
            continue
        plain.append(whole)
        for length in lengths(steps):
            if length == row.chunk:
                continue
            made = in_chunks(row, length)
            name = f"{AS_CODED} in chunks of {length} steps" if base == AS_CODED else made.name
            rule = made if base != AS_CODED and like_bptt(row) else None
            yield Chunked(name, length, label_of(base), rule, followed(evidence, base, made))


def label_of(rule: Rule | str) -> str:
    """Return the name of a rule."""
    return rule if isinstance(rule, str) else rule.name


def close(one: Gradients, other: Gradients, share: float = 1e-12) -> bool:
    """Return whether gradients of the reference differ by its own roundings alone, a share of the largest entry."""
    return all(
        float(np.abs(v - other[k]).max(initial=0.0)) <= share * float(np.abs(other[k]).max(initial=0.0))
        for k, v in one.items()
    )
