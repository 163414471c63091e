"""The self-test: the judge is judged by a gallery of wrong gradients and of right ones that look odd.

A judge is worth as much as what it refutes. Every member of the gallery (`gradcert.properties.gallery`) makes a claim,
and comes before the judge that judges everybody: same cases, budgets, checks and diagnosis. A wrong one has to be
refuted, with the right cause named; an unusual one has to be certified.
"""

from gradcert.certify.selftest.record import Member, Summary, summary
from gradcert.certify.selftest.run import chosen, classes, selftest

__all__ = ["Member", "Summary", "chosen", "classes", "selftest", "summary"]
