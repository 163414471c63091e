"""Circumstances that cases have to meet: which rows of levels, how one is drawn, what a problem shows of them.

The axes are a matter of claims (`gradcert.certify.claims.circumstances`). A new level is a word there, a way to make it
in `make`, and a test for it in `seen`.
"""

from gradcert.certify.problems.cases.circumstances import long
from gradcert.certify.problems.cases.circumstances.generate import generate as make_case
from gradcert.certify.problems.cases.circumstances.rows import IMPOSSIBLE, rows
from gradcert.certify.problems.cases.circumstances.ruled import drawn_axes, ruled_out
from gradcert.certify.problems.cases.circumstances.seen import met, outside
from gradcert.certify.problems.cases.circumstances.summary import MANY, pairs, summary

__all__ = [
    "IMPOSSIBLE",
    "MANY",
    "drawn_axes",
    "long",
    "make_case",
    "met",
    "outside",
    "pairs",
    "rows",
    "ruled_out",
    "summary",
]
