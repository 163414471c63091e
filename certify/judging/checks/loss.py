"""The value of the loss, where a subject returns it."""

from __future__ import annotations

import numpy as np

from gradcert.certify.certificates import Finding
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
    reason = f"the loss is {verdict.given:.9g}, not {verdict.reference:.9g} (a factor of {factor:.6g})"
    if only_rounded(answer.loss.reshape(()), case.expected.loss):
        reason = f"the loss is {WHY}"
    return [Finding("loss", case.id, reason, where=verdict.where("loss"))]
