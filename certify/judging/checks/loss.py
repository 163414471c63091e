"""The value of the loss, where a subject returns it."""

from __future__ import annotations

import numpy as np

from gradcert.certify.certificates import Finding
from gradcert.certify.judging.checks.printed import half_a_digit, printed, words
from gradcert.certify.judging.checks.rounded import WHY, only_rounded
from gradcert.certify.judging.verdict import judge
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer


def check(case: Case, answer: Answer) -> list[Finding]:
    """Return a difference of the loss."""
    if not isinstance(answer.loss, np.ndarray):
        return []
    verdict = judge(answer.loss.reshape(()), case.expected.loss)
    if verdict.ok:
        return []
    factor = verdict.given / verdict.reference if verdict.reference else float("nan")
    near = f"{verdict.given:.9g}" == f"{verdict.reference:.9g}" or f"{factor:.6g}" == "1"
    given, right = (f"{x:.{17 if near else 9}g}" for x in (verdict.given, verdict.reference))
    by = f"a difference of {abs(verdict.given - verdict.reference):.2g}" if near else f"a factor of {factor:.6g}"
    reason = f"the loss is {given}, not {right} ({by})"
    how = printed([np.asarray(verdict.given)])
    if near and how and abs(verdict.given - verdict.reference) <= half_a_digit(np.asarray(verdict.reference), *how):
        reason = f"the loss is {given}, not {right}: it is {words(*how)}"
    if only_rounded(answer.loss.reshape(()), case.expected.loss):
        reason = f"the loss is {WHY}"
    return [Finding("loss", case.id, reason, where=verdict.where("loss"))]
