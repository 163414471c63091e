"""How the checks of every subject went, as the summary says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

OUTCOMES = ("passed", "failed", "xfailed", "xpassed")


@dataclass
class Row:
    """One subject.

    Attributes
    ----------
    subject, place : its name; file and line of the first test of it.
    counts : outcome -> how many checks.
    worst : largest error in units of its budget, or None.
    first : what the first failure says.
    """

    subject: str
    place: tuple[str, int]
    counts: dict[str, int] = field(default_factory=dict)
    worst: float | None = None
    first: str = ""

    @property
    def text(self) -> str:
        """The counts and the worst error in words."""
        counts = ", ".join(f"{self.counts[name]} {name}" for name in OUTCOMES if name in self.counts)
        return counts + ("" if self.worst is None else f"; worst error {self.worst:.2g} of the budget")


def counted(told: Iterable[tuple[Any, Mapping[str, Any]]]) -> list[Row]:
    """Return a row for each subject, in the order of their names.

    Parameters
    ----------
    told : reports of checks, with what each said.
    """
    rows: dict[str, Row] = {}
    for report, record in told:
        file, line, _ = report.location
        row = rows.setdefault(record["subject"], Row(record["subject"], (file, (line or 0) + 1)))
        outcome = outcome_of(report)
        row.counts[outcome] = row.counts.get(outcome, 0) + 1
        if record["worst"] is not None:
            row.worst = max(record["worst"], row.worst or 0.0)
        if outcome == "failed" and not row.first:
            row.first = report.longreprtext
    return [rows[name] for name in sorted(rows)]


def outcome_of(report: Any) -> str:
    """Return the outcome of a check as pytest counts it."""
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return str(report.outcome)
