"""How the checks of every subject went, as the summary says it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

UNDECIDED = "inconclusive"  # of a check that decided nothing, and of its subject
OUTCOMES = ("passed", "failed", "xfailed", "xpassed", UNDECIDED)
CERTIFIED, EXPECTED, INCOMPLETE, FAILED = "certified", "expected failures", "incomplete", "failed"
NOISE = re.compile(r"All traceback entries are hidden|\[gw\d+\] ")  # lines of pytest's own before what a check says
VERDICTS = (CERTIFIED, EXPECTED, INCOMPLETE, UNDECIDED, FAILED)  # the worst last


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
    failures : cause of failures -> how many.
    undecided : what checks say that decided nothing -> how many.
    asks : test function -> how many checks of the subject it has in its profile, those included that did not run.
    """

    subject: str
    place: tuple[str, int]
    counts: dict[str, int] = field(default_factory=dict)
    worst: float | None = None
    first: str = ""
    kind: str = ""
    expected: dict[str, list[str]] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    undecided: dict[str, int] = field(default_factory=dict)
    asks: dict[str, int] = field(default_factory=dict)

    @property
    def planned(self) -> int:
        """How many checks there are."""
        return sum(self.asks.values())

    @property
    def passed(self) -> int:
        """How many passed, listed as expected failures or not."""
        return self.counts.get("passed", 0) + self.counts.get("xpassed", 0)

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`: certified is what all of its checks say, of which none was left out."""
        for outcome, verdict in (("failed", FAILED), (UNDECIDED, UNDECIDED), ("xfailed", EXPECTED)):
            if self.counts.get(outcome):
                return verdict
        return CERTIFIED if self.passed >= self.planned else INCOMPLETE

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
        outcome = outcome_of(report, record)
        row.counts[outcome] = row.counts.get(outcome, 0) + 1
        if record["worst"] is not None:
            row.worst = max(record["worst"], row.worst or 0.0)
        row.asks[report.nodeid.partition("[")[0]] = record["planned"]
        if outcome == UNDECIDED:
            said = reason_of(report)
            row.undecided[said] = row.undecided.get(said, 0) + 1
        if outcome == "failed":
            text = "\n".join(line for line in report.longreprtext.splitlines() if not NOISE.match(line))
            cause = "; ".join(record["causes"]) or text.strip().partition("\n")[0]
            row.failures[cause] = row.failures.get(cause, 0) + 1
            if not row.first:
                row.first, row.kind = text, record["kind"]
        if outcome == "xfailed":
            reason = str(report.wasxfail).removeprefix("reason: ")
            row.expected.setdefault(reason, []).append("; ".join(record["causes"]))
    return [rows[name] for name in sorted(rows)]


def reason_of(report: Any) -> str:
    """Return why a test was skipped: the words that were given, in one line."""
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return " ".join(str(why).removeprefix("Skipped: ").split())


def outcome_of(report: Any, record: dict[str, Any]) -> str:
    """Return the outcome of a check as pytest counts it; one that decided nothing has been skipped."""
    if record.get("undecided") and report.skipped:
        return UNDECIDED
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return str(report.outcome)
