"""When a gradient is accepted: the class of a claim decides what it is compared with, how, and what has to be refuted.

=========  =================================================================  ==========================================
class      holds when                                                         known-wrong variants
=========  =================================================================  ==========================================
exact      every entry is inside its budget                                   edges, factors, shifts (`controls`)
bounded    every entry is as near to BPTT as is proven for the rule           zero, reversed, doubled, out of the bound
aligned    cosine, sign agreement and ratio of norms are inside limits        reversed, too long, too short, turned away
unbiased   the mean over draws is the gradient, at a stated error rate        too short, reversed, an edge less
=========  =================================================================  ==========================================

What has to come back is said by `gradcert.certify.problems.budget.goal`; a class is a file with ``check`` (findings)
and ``variants`` (controls).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradcert.certify.certificates import Finding
from gradcert.certify.claims import Claim
from gradcert.certify.judging import controls
from gradcert.certify.judging.acceptance import aligned, bounded
from gradcert.certify.judging.checks import FORWARD, gradient
from gradcert.certify.problems import TRUTH, Case
from gradcert.certify.subjects import Answer


def check(case: Case, answer: Answer, claim: Claim) -> list[Finding]:
    """Return what is wrong with the gradients of one answer; a draw of an unbiased estimator alone says nothing."""
    if claim.acceptance == "aligned":
        return aligned.check(case, answer, claim)
    if claim.acceptance == "bounded":
        return bounded.check(case, answer, claim)
    return gradient.check(case, answer) if claim.entrywise else []


def first_wrong(case: Case, answer: Answer, claim: Claim) -> list[Finding]:
    """Return the findings of the first check that finds something: what comes after follows from it."""
    for forward in FORWARD:
        if found := forward(case, answer):
            return found
    return check(case, answer, claim)


def variants(case: Case, claim: Claim) -> Iterator[tuple[str, bool | None]]:
    """Yield (name, whether it is refuted, None where it changes nothing) for known-wrong variants of a case.

    Those of an unbiased claim are displacements of the subject's own draws: see `unbiased`.
    """
    if claim.acceptance == "aligned":
        yield from aligned.variants(case, claim)
    elif claim.acceptance == "bounded":
        yield from bounded.variants(case, claim)
    elif claim.entrywise:
        yield from controls.variants(case)


def sound(case: Case, claim: Claim) -> bool:
    """Return whether the reference itself, run in the claimed dtype by both engines, is accepted.

    Where a subject declares a bound of its own, that is BPTT: the claimed row need not keep it.
    """
    own = claim.acceptance == "bounded" and "error" in claim.within
    return controls.reference_passes(replace(case, rule=TRUTH) if own else case)
