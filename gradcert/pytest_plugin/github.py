"""What GitHub Actions shows: an annotation at the line of a subject that failed, and the summary of the step."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from gradcert.pytest_plugin import table
from gradcert.pytest_plugin.counts import CERTIFIED, EXPECTED, FAILED, INCOMPLETE, UNDECIDED, Row
from gradcert.pytest_plugin.imports import PACKAGES, added
from gradcert.pytest_plugin.mended import Mended

MOST = 30  # lines of a failure
MARKS = {CERTIFIED: "✅", EXPECTED: "⚠️", INCOMPLETE: "❔", UNDECIDED: "❔", FAILED: "❌"}
FRAME = re.compile(r'^\s*File "(.+)", line (\d+)', re.MULTILINE)  # of a traceback


def lines_of(rows: Iterable[Row], folder: Path) -> list[str]:
    """Return a workflow command for each subject that failed: where it raised, at its line, or else at its test's.

    Of one whose checks decided nothing a warning, at the test: there is nothing wrong with a line of the subject.

    Parameters
    ----------
    folder : the root of the session; files are named relative to the workspace that it is in.
    """
    from gradcert.certify.report.annotate import command, workspace

    top = workspace(folder)

    out = []
    for row in rows:
        if failed := row.counts.get("failed", 0):
            said = row.first.splitlines()
            place = raised(row.first, folder, top) or _defined(row.subject.partition("[")[0], folder, top)
            place = place or _seen_from(top, folder, row.place)
            text = "\n".join([f"{failed} checks failed; the first:", *said[:MOST]])
            out.append(command("error", place, f"{row.kind}: {row.subject}", text))
        if row.undecided:
            place = _seen_from(top, folder, row.place)
            out.append(command("warning", place, f"{UNDECIDED}: {row.subject}", "\n".join(row.undecided)))
    return out


def _seen_from(top: Path, folder: Path, place: tuple[str, int]) -> tuple[str, int]:
    """Return a place in a folder as the workspace names it."""
    return relative(folder / place[0], top), place[1]


def relative(path: str | os.PathLike[str], top: Path) -> str:
    """Return how a file is called from a folder; either may be named through a link."""
    return Path(os.path.relpath(os.path.realpath(path), os.path.realpath(top))).as_posix()


def raised(text: str, folder: Path, top: Path) -> tuple[str, int] | None:
    """Return the last line of a traceback that is in the workspace, and in no library that is installed there."""
    top = top.resolve()
    for name, line in reversed(FRAME.findall(text)):
        path = (folder / name).resolve()
        if path.is_file() and path.is_relative_to(top) and not {*PACKAGES} & {*path.parts}:
            return path.relative_to(top).as_posix(), int(line)
    return None


def _defined(name: str, folder: Path, top: Path) -> tuple[str, int] | None:
    """Return file and line of a subject, None where no line of the file defines it, as of those made in a loop.

    It is looked for where it may be imported from: in the folder, in the working directory, where pytest looks.
    """
    from gradcert.certify.report.annotate import located

    bases = (Path(base).resolve() for base in dict.fromkeys((str(folder), os.getcwd(), *added())))
    place = next((at for base in bases if (at := located(name, base, top.resolve()))), None)
    if place is None or place[1] > 1:
        return place
    head = (top / place[0]).read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    return place if re.search(rf"\b{re.escape(name.rpartition(':')[2])}\b", head) else None


def gone(entries: Iterable[Mended], folder: Path) -> list[str]:
    """Return a workflow command for each expected failure that is gone, at its line."""
    from gradcert.certify.report.annotate import command, workspace

    out = []
    for one in entries:
        file, line = one.entry.place
        place = (relative(file, workspace(folder)), line)
        out.append(command("error" if one.due else "notice", place, f"expected failure: {one.entry.name}", one.text))
    return out


def summarise(rows: Sequence[Row], entries: Iterable[Mended]) -> None:
    """Add a table of subjects to the file that ``GITHUB_STEP_SUMMARY`` names, if it names one."""
    from gradcert.certify.report.markdown import code, escaped
    from gradcert.certify.report.markdown import table as drawn

    if name := os.environ.get("GITHUB_STEP_SUMMARY"):
        lines = []
        for row in rows:
            subject, verdict, passed, expected, failures, worst = table.cells(row)
            many = ("<br>".join(map(escaped, some)) or "-" for some in (expected, failures))
            lines.append((code(subject), f"{MARKS[row.verdict]} {verdict}", passed, *many, worst))
        said = [f"- {MARKS[FAILED if one.due else CERTIFIED]} {escaped(one.text)}" for one in entries]
        head = [f"### Gradients: {table.said(rows)}", "", *said, *([""] if said else [])]
        with open(name, "a", encoding="utf-8") as file:
            file.write("\n".join([*head, *drawn(table.TITLES, lines), "", ""]))
