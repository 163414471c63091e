"""Diagnosis: what a refuted subject computes instead. One step per file, most telling first.

`explain` runs the steps in order and returns the first sentence that accounts for all the evidence; where none does, it
says so. A sentence is accepted by the judge that refuted the claim: within the budget of what it names, on every case.

=================  ===============================================================================================
`rows`             another row of the rule table
`transformations`  a factor, a transpose, a step, another precision on the way out
`conventions`      another pseudo-derivative; for outputs, another convention
`hypotheses`       a common mistake, as an edit of the unrolled graph or of what it is run with
`stored_values`    what was done to the finished gradient
`fits`             an amount of something, fitted and then proven
`published`        algorithms that are no rows, with one of their lines done otherwise
=================  ===============================================================================================

What is found is a record with a key (`causes`); the sentence is made of it.
"""

from gradcert.certify.diagnosis import causes, rows
from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.certify.diagnosis.explain import evidence_of, explain, explain_forward
from gradcert.certify.diagnosis.localise import locate, sentence
from gradcert.certify.diagnosis.published import VARIATIONS, search

__all__ = [
    "VARIATIONS",
    "Evidence",
    "causes",
    "evidence_of",
    "explain",
    "explain_forward",
    "locate",
    "rows",
    "search",
    "sentence",
]
