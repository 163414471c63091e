"""Claims on a terminal, and as one JSON record each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gradcert.papers.claim import Claim
from gradcert.papers.runs import Done

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {"shown": "green", "not shown": "red", "inconclusive": "yellow", "": "dim"}


def listing(claims: Sequence[Claim]) -> dict[str, Any]:
    """Return what there is, as a record for `gradcert.commands.pages`.

    Examples
    --------
    >>> from gradcert.papers.claims import CLAIMS
    >>> listing(list(CLAIMS.values()))["claims"][0]["claim"]
    'C1'
    """
    rows = [
        {
            "claim": c.number, "name": c.name, "title": c.title, "data": ", ".join(c.data) or "none",
            "quick": "yes" if c.quick else "", "CPU minutes": f"{c.minutes:g}",
        }
        for c in claims
    ]  # fmt: skip
    return {"claims": rows}


def record_of(done: Done) -> dict[str, Any]:
    """Return a claim's verdict as JSON."""
    parts = [
        {"name": p.name, "verdict": p.verdict, "words": p.words, "control": p.control, "numbers": dict(p.numbers)}
        for p in done.verdict.parts
    ]
    return {
        "claim": done.claim.number, "name": done.claim.name, "title": done.claim.title,
        "statement": done.claim.statement,
        "source": done.claim.source, "rule": done.claim.rule, "quick": done.quick, "complete": done.complete,
        "verdict": done.word, "parts": parts, "runs": len(done.results.done), "seconds": round(done.seconds, 1),
        "code": done.code, "data": done.data,
    }  # fmt: skip


def written(done: Done, console: Console) -> None:
    """Print a verdict and its parts."""
    from rich.markup import escape

    kind = " (quick)" if done.quick and not done.claim.bands else ""
    style = STYLES[done.verdict.word if done.complete else "inconclusive"]
    console.print(f"[bold]{done.claim.number} {escape(done.claim.title)}[/bold]: [{style}]{done.word}[/]{kind}")
    for part in done.verdict.parts:
        apart = "control: told apart" if part.verdict == "shown" else "control: not told apart"
        said = apart if part.control else part.verdict or "beside it"
        console.print(f"  [{STYLES[part.verdict]}]{said}[/]  {escape(part.name)}: [dim]{escape(part.words)}[/]")
    if not done.complete:
        console.print("  not all runs are done", style="dim")
    console.print(f"  {len(done.results.done)} runs, {done.seconds:.0f} s of CPU", style="dim")
