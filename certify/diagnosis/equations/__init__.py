"""Equations: what a cell computes, as formulas, and their single edits.

A cell's own code is run on symbols, so that there is nothing to write for a new cell, nor for a user's own. `term` is
the tree and its evaluation in any number system, `cells` records a cell and puts an edited formula in its place,
`edits` is what somebody writes who copies a formula and is wrong in one place.
"""

from gradcert.certify.diagnosis.equations.cells import Formulas, Rewritten, formulas
from gradcert.certify.diagnosis.equations.edits import single
from gradcert.certify.diagnosis.equations.term import Given, Symbols, Term, evaluate, replaced, shorter, tidied

__all__ = [
    "Formulas",
    "Given",
    "Rewritten",
    "Symbols",
    "Term",
    "evaluate",
    "formulas",
    "replaced",
    "shorter",
    "single",
    "tidied",
]
