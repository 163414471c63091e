"""Mistakes of a backward pass, or of traces: the forward pass is right. One family per file, each with a ``make``.

`slopes` the pseudo-derivative, `timing` a step off, `arcs` a path, `factors` a local derivative, `feeds` where and with
what a parameter acts, `credit` the way down, `errors` what a backward pass starts from and adds up.
"""

from gradcert.certify.diagnosis.hypotheses.backward import arcs, credit, errors, factors, feeds, slopes, timing

MAKERS = (slopes.make, timing.make, arcs.make, credit.make, errors.make, feeds.make, factors.make)

__all__ = ["MAKERS"]
