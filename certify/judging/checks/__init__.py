"""Checks of one answer, most telling first: structure, inputs, outputs, loss, gradient. One per file.

A check takes a case and an answer, and returns findings. `CHECKS` is the order; a check that finds something ends the
judgement of the case, because what comes after follows from it.
"""

from gradcert.certify.judging.checks import gradient, inputs, loss, outputs, structure

FORWARD = (structure.check, inputs.check, outputs.check, loss.check)
CHECKS = (
    *FORWARD,
    gradient.check,
)  # of an exact claim; `gradcert.certify.judging.acceptance` has the others' last check

__all__ = ["CHECKS", "FORWARD"]
