"""Gradients of several backward passes in one step: some of them are lost, or they are clipped one by one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import numpy as np

from gradcert.reference.rules import Rule
from gradcert.watching.causes.multiples import CLAIM
from gradcert.watching.measured.comparing import norm
from gradcert.watching.measured.evidence import Evidence, Gradients


def accumulated(evidence: Evidence, rule: Rule | str) -> Iterator[tuple[str, Gradients]]:
    """Yield what becomes of the sequences of a step, where the loop loses or clips what was accumulated."""
    many = len(evidence.runs)
    if many < 2 or any(run.light for run in evidence.runs):  # in parts of a batch
        return
    each = [evidence.alone([k]).gradients(rule) for k in range(many)]
    seen = evidence.emptied[1:]
    why = (
        ".grad is set to zero before its backward pass" if any(seen) or not seen else "what .grad held is written over"
    )
    for first in range(many - 1, 0, -1):
        which = f"the last of {many} sequences" if first == many - 1 else f"the last {many - first} of {many} sequences"
        yield f"{CLAIM} of {which} alone: {why}", _sum(each[first:])
    for end in range(1, many):
        which = f"the first of {many} sequences" if end == 1 else f"the first {end} of {many} sequences"
        yield f"{CLAIM} of {which} alone: what follows is not in .grad", _sum(each[:end])
    size = norm(evidence.given)
    for digits in (1, 2):
        limit = float(f"{size:.{digits}g}") if np.isfinite(size) else 0.0
        if limit and abs(size - limit) <= 1e-4 * limit:
            said = f"clipped to a norm of {limit:g} after each of {many} backward passes: clip once, after the last"
            yield f"{CLAIM} {said}", _clipped(each, limit)


def _sum(each: list[Gradients]) -> Gradients:
    return {name: reduce(np.add, [g[name] for g in each]) for name in each[0]}


def _clipped(each: list[Gradients], limit: float) -> Gradients:
    """Return what `clip_grad_norm_` leaves, called after every backward pass: it adds 1e-6 to the norm."""
    total: Gradients = {name: np.zeros_like(g) for name, g in each[0].items()}
    for one in each:
        total = {name: g + one[name] for name, g in total.items()}
        share = min(1.0, limit / (norm(total) + 1e-6))
        total = {name: share * g for name, g in total.items()}
    return total
