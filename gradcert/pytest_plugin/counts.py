"""How the checks of every subject went, as the summary says it."""

from __future__ import annotations

from collections.abc import Iterable
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
    first, kind : what the first failure says, and which check found it, such as ``gradient`` or ``import``.
    expected : reason of expected failures -> what was found, a cause for each.
    """

    subject: str
    place: tuple[str, int]
    counts: dict[str, int] = field(default_factory=dict)
    worst: float | None = None
    first: str = ""
    kind: str = ""
    expected: dict[str, list[str]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The counts and the worst error in words."""
        counts = ", ".join(f"{self.counts[name]} {name}" for name in OUTCOMES if name in self.counts)
        return counts + ("" if self.worst is None else f"; worst error {self.worst:.2g} of the budget")

    @property
    def known(self) -> list[str]:
        """Of each reason why failures are expected: how many, and what was found."""
        out = []
        for reason, causes in self.expected.items():
            first, more = causes[0], len(set(causes)) - 1
            found = f"; found: {first}" if first else ""
            out.append(f"{len(causes)} xfailed: {reason}{found}" + (f", and {more} more" if more else ""))
        return out


def counted(told: Iterable[tuple[Any, dict[str, Any]]]) -> list[Row]:
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
            row.first, row.kind = report.longreprtext, record["kind"]
        if outcome == "xfailed":
            reason = str(report.wasxfail).removeprefix("reason: ")
            row.expected.setdefault(reason, []).append("; ".join(record["causes"]))
    return [rows[name] for name in sorted(rows)]


def outcome_of(report: Any) -> str:
    """Return the outcome of a check as pytest counts it."""
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return str(report.outcome)
