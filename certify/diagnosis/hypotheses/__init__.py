"""Hypotheses about a gradient: what somebody may have done instead, one family of mistakes per file.

`make` yields them as candidates: the gradient of every hypothesis in floats, and on balls for those that come close.
"""

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis
from gradcert.certify.diagnosis.hypotheses.search import make

__all__ = ["Hypothesis", "make"]
