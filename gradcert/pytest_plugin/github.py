"""What GitHub Actions shows: an annotation at the line of a subject that failed, and the summary of the step."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from gradcert.pytest_plugin.counts import OUTCOMES, Row

MOST = 30  # lines of a failure


def annotations(rows: Iterable[Row], folder: Path) -> list[str]:
    """Return a workflow command for each subject that failed: at its line, or at its test's where it is not found."""
    from gradcert.certify.report.annotations import command, located

    out = []
    for row in rows:
        if failed := row.counts.get("failed", 0):
            lines = [line for line in row.first.splitlines() if not line.startswith("All traceback entries are hidden")]
            name = row.subject.partition("[")[0]
            text = "\n".join([f"{failed} checks failed; the first:", *lines[:MOST]])
            out.append(command("error", located(name, folder) or row.place, f"gradient: {row.subject}", text))
    return out


def summarise(rows: Iterable[Row]) -> None:
    """Add a table of subjects to the file that ``GITHUB_STEP_SUMMARY`` names, if it names one."""
    from gradcert.certify.report.markdown import code, table

    if name := os.environ.get("GITHUB_STEP_SUMMARY"):
        titles = ("subject", "", *OUTCOMES, "worst error / budget")
        lines = [
            (
                code(row.subject),
                "❌" if row.counts.get("failed") else "✅",
                *(str(row.counts.get(outcome, 0)) for outcome in OUTCOMES),
                "-" if row.worst is None else f"{row.worst:.2g}",
            )
            for row in rows
        ]
        with open(name, "a", encoding="utf-8") as file:
            file.write("\n".join(["### Gradients", "", *table(titles, lines), "", ""]))
