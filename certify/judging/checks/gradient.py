"""Every entry of every gradient against its budget."""

from __future__ import annotations

import numpy as np

from gradcert.certify.certificates import Finding
from gradcert.certify.judging.checks.rounded import CAUSE, WHY, only_rounded
from gradcert.certify.judging.verdict import judge_all, worst_of
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer


def check(case: Case, answer: Answer) -> list[Finding]:
    """Return the worst entry that is outside its budget."""
    given = {name: value for name, value in answer.gradients.items() if isinstance(value, np.ndarray)}
    verdicts = judge_all(given, case.expected.gradients)
    wrong = [name for name, verdict in verdicts.items() if not verdict.ok]
    if not wrong:
        return []
    name, worst = worst_of(verdicts)
    size = float(np.linalg.norm(case.expected.gradients[name].value))
    error = float(np.linalg.norm(given[name] - case.expected.gradients[name].value)) / size if size else float("inf")
    reason = f"the gradient of {', '.join(wrong)} is wrong; of {name} by {error:.2g} of its norm"
    cause = ""
    if all(only_rounded(given[n], case.expected.gradients[n]) for n in wrong):
        cause, reason = CAUSE, f"the gradient of {', '.join(wrong)} is {WHY}"
    right = [n for n in verdicts if n not in wrong]
    where = {**worst.where(name), "relative error": error, "wrong": wrong, "right": right}
    return [Finding("gradient", case.id, reason, cause=cause, where=where)]
