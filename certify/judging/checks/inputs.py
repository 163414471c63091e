"""Did the subject leave alone what it does not own: its inputs, and what it returned earlier."""

from __future__ import annotations

from gradcert.certify.certificates import Finding
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer


def check(case: Case, answer: Answer) -> list[Finding]:
    """Return arrays that were written to."""
    if answer.changed:
        reason = f"the subject changed its inputs: {', '.join(answer.changed)}"
        return [Finding("inputs", case.id, reason, cause="inputs changed", where={"arrays": list(answer.changed)})]
    if answer.rewritten:
        reason = f"arrays returned earlier changed during this call: {', '.join(answer.rewritten[:3])}"
        cause = "results share memory with state kept between calls"
        return [Finding("inputs", case.id, reason, cause=cause, where={"arrays": list(answer.rewritten)})]
    return []
