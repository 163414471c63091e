"""Forward first: a difference in the outputs is the verdict, and explains every gradient behind it."""

from __future__ import annotations

import numpy as np

from gradcert.certify.certificates import Finding
from gradcert.certify.judging.checks.rounded import CAUSE, WHY, only_rounded
from gradcert.certify.judging.verdict import judge
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer


def check(case: Case, answer: Answer) -> list[Finding]:
    """Return the first difference in time between outputs and reference."""
    if not isinstance(answer.outputs, np.ndarray):
        return []
    verdict = judge(answer.outputs, case.expected.outputs)
    if verdict.ok:
        return []
    error = np.abs(np.asarray(answer.outputs, dtype=float) - case.expected.outputs.value)
    wrong = error > case.expected.outputs.budget
    t = int(np.argmax(wrong.reshape(len(wrong), -1).any(axis=1)))
    reason = f"the outputs differ from step {t} on ({int(wrong.sum())} of {wrong.size} entries)"
    cause = ""
    if only_rounded(answer.outputs, case.expected.outputs):
        cause, reason = CAUSE, f"the outputs are, from step {t} on, {WHY}"
    return [Finding("outputs", case.id, reason, cause=cause, where={**verdict.where("outputs"), "first step": t})]
