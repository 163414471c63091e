"""What a rule costs at a step of training: which edges' gradient it drops, and whether it still leads downhill."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcert.models.reading.network.passes import AS_CODED, row_of
from gradcert.reference.engines import tape_residual
from gradcert.reference.errors import GradcertError
from gradcert.reference.rules import Rule, check_feedback
from gradcert.watching.measured.evidence import Evidence, Gradients
from gradcert.watching.measured.judgement import Of

SAMPLES = 4  # of a batch, on which the dropped edges are told apart: that costs several backward passes


def descent(evidence: Evidence, exact: Gradients, of: Mapping[str, Of]) -> float | None:
    """Return what the cosine of the given gradients to BPTT's is at least, all parameters together.

    With g BPTT's gradient in the reference's float64 and a the measured allowance of an entry in the module's own
    dtype, which is far more than the reference itself is off by, the exact gradient is within a sqrt(n) of g in norm,
    so that <given, exact> >= <given, g> - |given| a sqrt(n). Where the sum over parameters is positive, a step along
    the given gradients goes downhill at first order, for the loss with its pseudo-derivatives.

    Returns
    -------
    0 where the inner product may be negative; None where a gradient is not finite, or all are zero.
    """
    inner = norm = whole = 0.0
    for name, g in exact.items():
        h = evidence.given.get(name)
        if h is None:
            h = np.zeros_like(g)
        if not np.isfinite(h).all():
            return None
        size, off = float(np.linalg.norm(h)), of[name].allowed * g.size**0.5
        inner += float((h * g).sum()) - size * off
        norm += size * size
        whole += (float(np.linalg.norm(g)) + off) ** 2
    if not norm or not whole:
        return None
    return max(inner / (norm * whole) ** 0.5, 0.0)


def edges(evidence: Evidence, rule: Rule | str) -> dict[str, float]:
    """Return what a rule drops, by kind of edge and layer, as shares that sum to 1, on the first samples of a batch.

    Returns
    -------
    such as ``{"state of layer 1": 0.8, "reset of layer 1": 0.2}``; nothing where nothing is dropped, or for a rule that
    is not a row of the table.
    """
    if rule == AS_CODED:
        return {}
    run, delta = evidence.runs[0], evidence.deltas[0]
    some = slice(SAMPLES)
    part, delta = run if delta.shape[1] <= SAMPLES else run.part(some), delta[:, some]
    try:
        row = row_of(rule)
        feedback = check_feedback(run.written.full, row, evidence.feedback)
        found = tape_residual(part.full, np.zeros_like(delta), rule=row, feedback=feedback, delta=delta)
    except GradcertError:  # a rule without a residual, or a name that is made up: as-coded in chunks of 10 steps
        return {}
    return {f"{kind} of layer {layer}": share for (layer, kind), share in found.shares().items() if share}
