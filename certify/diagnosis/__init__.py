"""Diagnosis: what a refuted subject computes instead. One family of explanations per file, simplest first.

Every explanation is a `Candidate`: a gradient that somebody may have computed instead, in floats to be tried, and as an
enclosure on balls. It is believed where what was given lies within its budget on **every case that was judged**, those
that passed too. One candidate for all parameters is looked for first, then as few as possible that share them, pooled
by name or by role. Zero is said before anything else.

=================  ===============================================================================================
`rows`             another row of the rule table: edges within those that each layer has, truncation, feedback
`transformations`  a factor, a transpose, a step, another precision on the way out, the error of another loss
`conventions`      another pseudo-derivative
`hypotheses`       a common mistake, as an edit of the unrolled graph, in one sweep or in all, or of the forward pass
`stored_values`    what was done to the finished gradient
`fits`             an amount of something, fitted and then proven
`published`        algorithms that are no rows, with one of their lines done otherwise
`forward`          what is wrong with outputs or a loss that were returned
=================  ===============================================================================================

What is found is a record with a key (`causes`); the sentence is made of it.
"""

from gradcert.certify.diagnosis import causes, rows
from gradcert.certify.diagnosis.evidence import Evidence, Worked
from gradcert.certify.diagnosis.explain import evidence_of, explain, explain_forward, holds
from gradcert.certify.diagnosis.localise import locate, sentence
from gradcert.certify.diagnosis.published import VARIATIONS, search

__all__ = [
    "VARIATIONS",
    "Evidence",
    "Worked",
    "causes",
    "evidence_of",
    "explain",
    "explain_forward",
    "holds",
    "locate",
    "rows",
    "search",
    "sentence",
]
