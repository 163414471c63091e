"""Hypotheses: what somebody may have done instead, each an edit that is computed in floats and on balls.

A new family is a file with `make` in `backward/` or `forward_pass/`, and a row of a list there; `equations` edits
whatever formulas a cell has, `differences` are no gradient at all. An amount that is fitted goes to `direct.fits`, an
algorithm that is no row to `published`. `hypothesis` and `search` are the machinery.
"""

from gradcert.certify.diagnosis.hypotheses.backward import edges
from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, everywhere
from gradcert.certify.diagnosis.hypotheses.search import all_of, candidate, distinct, make, tried

__all__ = ["Hypothesis", "all_of", "candidate", "distinct", "edges", "everywhere", "make", "tried"]
