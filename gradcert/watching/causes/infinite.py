"""Where numbers that are not finite begin: in the batch, the forward pass, the loss, a derivative, or after that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcert.reference.networks import Link
from gradcert.reference.numbers import Array
from gradcert.watching.measured.evidence import Evidence, Gradients

HALF = 2.0**-10  # of an entry, by which one that went through float16 may be off


def infinite(evidence: Evidence, claimed: Gradients) -> str:
    """Return the sentence about gradients that are not finite; "" where all are.

    Parameters
    ----------
    claimed : the gradients of the rule, by the reference.
    """
    names = [name for name, g in evidence.given.items() if g is not None and not np.isfinite(g).all()]
    if not names:
        return ""
    with np.errstate(all="ignore"):
        return f"not finite: {', '.join(names)}; {_where(evidence, claimed, names)}"


def _where(evidence: Evidence, claimed: Gradients, names: list[str]) -> str:
    if found := next(_forward(evidence), "") or _loss(evidence):
        return found
    if evidence.backward:
        return f"the outputs, and the derivative of the loss at them, are finite; {evidence.backward}"
    if found := next(_derivatives(evidence), ""):
        return found
    if _out_of_range(evidence, claimed):
        return "the loss or its scale leaves the range of the dtype"
    rest = [name for name in claimed if name not in names]
    alone = f", and so {'are those' if len(rest) > 1 else 'is that'} of {', '.join(rest)}" if rest else ""
    return (
        "the outputs, the derivative of the loss at them, and the reference's gradients are finite"
        f"{alone}: it arises in the loop's own backward pass, or in what is done to .grad after it"
    )


def _first(values: Array) -> int | None:
    """Return the first step, (time, ...), with a number that is not finite."""
    wrong = ~np.isfinite(np.asarray(values, dtype=float)).reshape(len(values), -1).all(axis=1)
    return int(np.argmax(wrong)) if wrong.any() else None


def _forward(evidence: Evidence) -> Iterator[str]:
    """Yield what is not finite before any gradient is: weights, inputs, first states, nodes."""
    for run in evidence.runs:
        wrong = [name for name, value in run.weights.items() if not np.isfinite(value).all()]
        if wrong:
            yield f"nor are the weights themselves: {', '.join(wrong)} of the network that was read"
        if (t := _first(run.inputs)) is not None:
            yield f"nor is the input at step {t}"
        wrong = [name for name, value in run.initial.items() if not np.isfinite(value).all()]
        if wrong:
            yield f"nor is the state before the first step: {', '.join(wrong)}"
        seen = [(t, i, node) for i, layer in enumerate(run.full.layers) for node, t in _nodes(layer) if t is not None]
        if seen:
            t, i, node = min(seen, key=lambda s: s[:2])
            yield f"nor is the forward pass: {node} of layer {i}, from step {t} on"


def _nodes(layer: Any) -> Iterator[tuple[str, int | None]]:
    return ((node, _first(layer.now[node])) for node in layer.layer.cell.nodes if node in layer.now)


def _loss(evidence: Evidence) -> str:
    for delta in evidence.arrived or evidence.deltas:
        if (t := _first(delta)) is not None:
            return (
                f"nor is the derivative of the loss at the outputs, first at step {t}: look at the loss and its scale"
            )
    return ""


def _derivatives(evidence: Evidence) -> Iterator[str]:
    """Yield the first derivative inside the network that is not finite, by the reference; spikes' first."""
    for run in evidence.runs:
        for i, layer in reversed(list(enumerate(run.full.layers))):
            for key in layer.factors:
                factor = layer.factors[key]
                t = _first(factor) if np.ndim(factor) > 2 else None
                if isinstance(key, Link) and (t is not None or not np.isfinite(factor).all()):
                    at = "" if t is None else f", first at step {t}"
                    late = "'" * key.lag
                    yield (
                        "the outputs, and the derivative of the loss at them, are finite; the derivative of"
                        f" {key.target} by {key.source}{late} of layer {i} is not{at}"
                    )


def _out_of_range(evidence: Evidence, claimed: Gradients) -> bool:
    """Return whether the entries that are not finite are the largest, and the others are right to a half's rounding."""
    want, have = list[Array](), list[Array]()
    for name, value in claimed.items():
        given = evidence.given.get(name)
        want.append(np.abs(value).ravel())
        have.append(np.zeros(value.size) if given is None else np.abs(given).ravel())
    size, mine = np.concatenate(want), np.concatenate(have)
    there = np.isfinite(mine)
    if not np.isfinite(size).all() or np.isnan(mine).any():
        return False
    largest = size[there].max(initial=0.0)
    near = np.abs(mine[there] - size[there]) <= HALF * largest
    return bool(size[~there].min() >= (1 - HALF) * largest and near.all())
