"""Hypotheses about a gradient: what somebody may have done instead, one family of mistakes per file.

`search` computes the gradient of every hypothesis in floats, and proves on balls those that come close: a hypothesis is
accepted where everything that was given lies within the budget of what it says, on every case.
"""

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis
from gradcert.certify.diagnosis.hypotheses.search import search

__all__ = ["Hypothesis", "search"]
