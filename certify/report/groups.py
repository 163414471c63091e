"""Cases by cell, depth and family: the rows of the table that a terminal and a summary show."""

from __future__ import annotations

from gradcert.certify.certificates import CaseResult, Certificate, parted
from gradcert.reference.networks import readable

NOT_RUN = "not run"


def titles(certificate: Certificate) -> tuple[str, ...]:
    """Return what stands above the columns of `groups`; cases that did not run have one where there are any."""
    apart = (NOT_RUN,) if certificate.counts["blocked"] else ()
    return ("cell/depth", "family", "cases", "failed", *apart, "exact", "budget / gradient", "worst error / budget")


def groups(certificate: Certificate) -> list[tuple[str, ...]]:
    """Return rows of text, as `titles` names them.

    A case that did not run has not failed, and shows nothing: it is counted apart.
    """
    found: dict[tuple[str, str], list[CaseResult]] = {}
    for case in certificate.cases:
        cell, depth, *_ = parted(case.id)
        found.setdefault((f"{cell}/{depth}", case.family), []).append(case)
    rows: list[tuple[str, ...]] = []
    for (group, family), cases in found.items():
        failed, blocked = (str(sum(case.verdict == verdict for case in cases)) for verdict in ("failed", "blocked"))
        apart = (blocked,) if certificate.counts["blocked"] else ()
        worst = max((case.worst for case in cases if case.worst is not None), default=None)
        exact, budget = sum(case.exact for case in cases), max(case.budget for case in cases)
        said = "-" if worst is None else f"{worst:.2g}"
        rows.append((readable(group), family, str(len(cases)), failed, *apart, str(exact), f"{budget:.1e}", said))
    return rows
