"""Diagnosis: what a refuted subject computes instead. One family of explanations per file, simplest first.

Every explanation is a `Candidate`: a gradient that somebody may have computed instead, in floats to be tried, and as an
enclosure on balls. It is believed where what was given lies within its budget on **every case that was judged**, those
that passed too. One candidate for all parameters is looked for first, then as few as possible that share them, pooled
by name or by role. Zero is said before anything else.

=================  ===============================================================================================
`direct`           explanations that edit no graph: another row of the rule table, a factor, a transpose, a step,
                   another pseudo-derivative, what was done to the finished numbers, an amount of something
`hypotheses`       a common mistake, as an edit of the unrolled graph, in one sweep or in all, or of the forward pass
`equations`        the cell's own formulas and their single edits, from which hypotheses are made
`published`        algorithms that are no rows, with one of their lines done otherwise
`unrolled`         a problem run forward, and the graphs that hypotheses edit
`forward`          what is wrong with outputs or a loss that were returned
=================  ===============================================================================================

`causes` searches, `evidence` is what it searches on and `candidate` what it finds; `explain` and `localise` put it into
words.

What is found is a record with a key (`causes`); the sentence is made of it.
"""

from gradcert.certify.diagnosis import causes
from gradcert.certify.diagnosis.direct import rows
from gradcert.certify.diagnosis.evidence import Evidence, Worked
from gradcert.certify.diagnosis.explain import evidence_of, explain, explain_forward, holds, is_row, truncations, untold
from gradcert.certify.diagnosis.localise import locate, sentence

__all__ = [
    "Evidence",
    "Worked",
    "causes",
    "evidence_of",
    "explain",
    "explain_forward",
    "holds",
    "is_row",
    "locate",
    "rows",
    "sentence",
    "truncations",
    "untold",
]
