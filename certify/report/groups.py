"""Cases by cell, depth and family: the rows of the table that a terminal and a summary show."""

from __future__ import annotations

from gradcert.certify.certificates import CaseResult, Certificate


def groups(certificate: Certificate) -> list[tuple[str, ...]]:
    """Return rows (cell/depth, family, cases, failed, exact, budget / gradient, worst error / budget), as text.

    A case that was not run counts as failed: it shows nothing.
    """
    found: dict[tuple[str, str], list[CaseResult]] = {}
    for case in certificate.cases:
        cell, depth, *_ = case.id.split("/")
        found.setdefault((f"{cell}/{depth}", case.family), []).append(case)
    rows = []
    for (group, family), cases in found.items():
        failed = sum(case.verdict != "passed" for case in cases)
        worst = max((case.worst for case in cases if case.worst is not None), default=None)
        exact, budget = sum(case.exact for case in cases), max(case.budget for case in cases)
        said = "-" if worst is None else f"{worst:.2g}"
        rows.append((group, family, str(len(cases)), str(failed), str(exact), f"{budget:.1e}", said))
    return rows
