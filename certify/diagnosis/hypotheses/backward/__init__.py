"""Mistakes of a backward pass, or of traces: the forward pass is right. One family per file, each with a ``make``.

`slopes` the pseudo-derivative, `timing` a step off, `arcs` a path, `edges` all paths of a label, `factors` a local
derivative, `feeds` where and with what a parameter acts, `credit` the way down, `errors` what a backward pass starts
from and adds up, `adjoints` what is carried back.
"""

from gradcert.certify.diagnosis.hypotheses.backward import (
    adjoints,
    arcs,
    credit,
    edges,
    errors,
    factors,
    feeds,
    slopes,
    timing,
)

COMMON = (slopes.make, timing.make, arcs.make, edges.make, credit.make)
OTHER = (errors.make, feeds.make)
FORMULAS = (factors.make, adjoints.make)

__all__ = ["COMMON", "FORMULAS", "OTHER", "edges"]
