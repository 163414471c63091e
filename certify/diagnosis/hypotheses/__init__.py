"""Hypotheses about a gradient: what somebody may have done instead, one family of mistakes per file.

A new family is a file with `make`, and a row of `MAKERS` in `search`; an amount that is fitted goes to `fits` instead,
an algorithm that is no row to `published`. `hypothesis` and `search` are the machinery.

`make` yields them as candidates: the gradient of every hypothesis in floats, and on balls for those that come close.
"""

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis
from gradcert.certify.diagnosis.hypotheses.search import make

__all__ = ["Hypothesis", "make"]
