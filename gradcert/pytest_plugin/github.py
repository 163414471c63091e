"""What GitHub Actions shows: an annotation at the line of a subject that failed, and the summary of the step."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from gradcert.pytest_plugin.counts import OUTCOMES, Row
from gradcert.pytest_plugin.imports import PACKAGES

MOST = 30  # lines of a failure
FRAME = re.compile(r'^\s*File "(.+)", line (\d+)', re.MULTILINE)  # of a traceback


def lines_of(rows: Iterable[Row], folder: Path) -> list[str]:
    """Return a workflow command for each subject that failed: where it raised, at its line, or else at its test's."""
    from gradcert.certify.report.annotate import command

    out = []
    for row in rows:
        if failed := row.counts.get("failed", 0):
            said = [line for line in row.first.splitlines() if not line.startswith("All traceback entries are hidden")]
            place = raised(row.first, folder) or _defined(row.subject.partition("[")[0], folder) or row.place
            text = "\n".join([f"{failed} checks failed; the first:", *said[:MOST]])
            out.append(command("error", place, f"{row.kind}: {row.subject}", text))
    return out


def raised(text: str, folder: Path) -> tuple[str, int] | None:
    """Return the last line of a traceback that is in a folder, and in no library that is installed there."""
    folder = folder.resolve()
    for name, line in reversed(FRAME.findall(text)):
        path = (folder / name).resolve()
        if path.is_file() and path.is_relative_to(folder) and not {*PACKAGES} & {*path.parts}:
            return path.relative_to(folder).as_posix(), int(line)
    return None


def _defined(name: str, folder: Path) -> tuple[str, int] | None:
    """Return file and line of a subject, None where no line of the file defines it, as of those made in a loop."""
    from gradcert.certify.report.annotate import located

    place = located(name, folder)
    if place is None or place[1] > 1:
        return place
    head = (folder / place[0]).read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    return place if re.search(rf"\b{re.escape(name.rpartition(':')[2])}\b", head) else None


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
