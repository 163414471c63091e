"""What is shown of a whole session: a table of subjects and verdicts, and a badge."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

from gradcert.pytest_plugin.counts import CERTIFIED, FAILED, INCOMPLETE, UNDECIDED, VERDICTS, Row

TITLES = ("subject", "verdict", "passed", "expected failures", "failures", "worst error / budget")
MOST = 3  # causes that are shown of a subject
COLOURS = {name: "inconclusive" for name in VERDICTS} | {CERTIFIED: "certified", FAILED: "refuted"}


def cells(row: Row) -> tuple[str, str, str, list[str], list[str], str]:
    """Return what stands in the columns of the table for a subject."""
    failures = [f"{number}: {cause}" for cause, number in list(row.failures.items())[:MOST]]
    failures += [f"{len(row.failures) - MOST} causes more"] if len(row.failures) > MOST else []
    failures += [f"{number} {UNDECIDED}: {why}" for why, number in list(row.undecided.items())[:MOST]]
    failures += [f"{len(row.undecided) - MOST} reasons more"] if len(row.undecided) > MOST else []
    return (
        row.subject,
        row.verdict,
        f"{row.passed} of {row.planned}",
        [f"{len(causes)}: {reason}" for reason, causes in row.expected.items()],
        failures,
        "-" if row.worst is None else f"{row.worst:.2g}",
    )


def lines(rows: Iterable[Row]) -> list[str]:
    """Return the table for a terminal."""
    every = [TITLES, *([c if isinstance(c, str) else "; ".join(c) for c in cells(row)] for row in rows)]
    order = (0, 1, 2, 5, 3, 4)  # the long columns last
    widths = [max(len(line[k]) for line in every) for k in order]
    return ["  ".join(f"{line[k]:{wide}}" for k, wide in zip(order, widths, strict=True)).rstrip() for line in every]


def said(rows: Sequence[Row], whole: bool = True) -> str:
    """Return how many subjects are certified.

    Parameters
    ----------
    whole : whether the run came to its end.
    """
    if not rows or not whole:
        return "no verdict"
    return f"{sum(row.verdict == CERTIFIED for row in rows)} of {len(rows)} certified"


def badge(rows: Sequence[Row], profile: str, whole: bool) -> str:
    """Return an SVG badge of a session, in the colour of the worst verdict; its title has the counts and the day."""
    from gradcert.certify.report.badge import COLOURS as PAINT
    from gradcert.certify.report.badge import draw

    right = said(rows, whole)
    verdicts = [row.verdict for row in rows]
    worst = max(verdicts, key=VERDICTS.index, default=INCOMPLETE)
    worst = max((worst, CERTIFIED if whole else INCOMPLETE), key=VERDICTS.index)
    counts = [f"{verdicts.count(name)} {name}" for name in VERDICTS[1:] if name in verdicts]
    title = f"gradcert: {', '.join([right, *counts])}; profile {profile}, {datetime.date.today()}"
    return draw("gradcert", right, PAINT[COLOURS[worst]], title)
