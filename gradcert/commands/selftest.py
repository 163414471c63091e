"""``gradcert selftest``."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from gradcert.commands.common import FILE, progress, put, writable
from gradcert.commands.pages import wide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from gradcert.certify.selftest import Member, Summary

EPILOG = """\b
Examples:
  gradcert selftest
  gradcert selftest --class "gated cells" --class e-prop
  gradcert selftest 'T62*' reverse_sweep --json -

\b
Wrong gradients have to be refuted, correct but unusual ones accepted, and the
right cause named for nine of ten wrong ones.
Exit status: 0 if so; 1 if not; 2 usage; 4 internal error."""


@click.command("selftest", epilog=EPILOG)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--class", "classes", metavar="CLASS", multiple=True, help="Bug class; repeat for several.")
@click.option("--jobs", metavar="N", type=click.IntRange(1), default=2, show_default=True, help="Processes.")
@click.option("--json", "path", metavar="FILE", type=FILE, help="Write JSON; - for standard output.")
def command(names: tuple[str, ...], classes: tuple[str, ...], jobs: int, path: str | None) -> None:
    """Judge the judge: a gallery of wrong gradients, and of correct ones that look odd.

    Every member comes before the judge of gradcert certify, with the same cases, budgets, checks and diagnosis. NAME is
    a member, or a shell pattern such as 'T2*'.
    """
    from rich.console import Console

    if importlib.util.find_spec("hypothesis") is None:
        from gradcert.reference.installing import install

        raise click.UsageError(f"the gallery needs Hypothesis; {install('properties')}")
    from gradcert.certify.selftest import chosen, selftest, summary
    from gradcert.certify.selftest import classes as known
    from gradcert.reference.errors import GradcertError
    from gradcert.reference.suggest import nearest

    if wrong := [c for c in classes if c not in known()]:
        raise click.UsageError(str(GradcertError(f"--class {wrong[0]!r}", allowed=", ".join(known()))))
    if missing := [name for name in names if not chosen([name])]:
        near = nearest(missing[0], (entry.name for entry in chosen()))
        meant = f" (did you mean {near!r}?)" if near else ""
        raise click.UsageError(f"no member is called {missing[0]!r}{meant}; gradcert selftest lists them all")
    if not chosen(names, classes):
        raise click.UsageError("no member has one of these names and one of these classes")
    writable(path)
    started = time.perf_counter()
    with progress(Console(stderr=True), "members") as bar:
        members = selftest(names, classes=classes, jobs=jobs, progress=bar)
    counts = summary(members)
    if path is not None:
        record = {"summary": counts.to_dict(), "members": [member.to_dict() for member in members]}
        put(path, (json.dumps(record, indent=1) + "\n").encode())
    if path != "-":
        console = Console(highlight=False, width=wide(160))
        write(members, counts, console)
        console.print(f"{time.perf_counter() - started:.0f} s, {jobs} jobs", style="dim")
    sys.exit(0 if counts.ok else 1)


def write(members: Sequence[Member], counts: Summary, console: Any) -> None:
    """Write tables: every member by class, the classes, and what it comes to."""
    console.print(each(members))
    console.print(by_class(members))
    for line in told(members, counts):
        console.print(line)


def each(members: Sequence[Member]) -> Table:
    """Return the table of members: verdict, the check that decided, the cause, and whether it is the right one."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("member", "verdict", "check", "cause", "named"):
        table.add_column(column, overflow="fold")
    for member in members:
        style = "" if member.ok else "red"
        named = ("yes" if member.named else "no") if member.wrong and member.ok else ""
        judged = member.verdict if member.judge == "certify" else f"{member.verdict} ({member.judge})"
        table.add_row(member.name, judged, member.check, "; ".join(member.found), named, style=style)
    return table


def by_class(members: Sequence[Member]) -> Table:
    """Return the table of classes."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("class", "members", "killed", "survived", "accepted", "falsely accused", "cause named")
    for column in columns:
        table.add_column(column, justify="left" if column == "class" else "right")
    for name in dict.fromkeys(member.bug_class for member in members):
        group = [member for member in members if member.bug_class == name]
        verdicts = [sum(m.verdict == v for m in group) for v in columns[2:6]]
        named = str(sum(m.named for m in group if m.wrong)) if group[0].wrong else ""
        table.add_row(name, str(len(group)), *map(str, verdicts), named)
    return table


def told(members: Sequence[Member], counts: Summary) -> list[str]:
    """Return what it comes to, in sentences."""
    out = []
    if counts.wrong:
        out.append(f"wrong: {counts.killed} of {counts.wrong} refuted ({_percent(counts.killed, counts.wrong)})")
        out.append(f"cause: {counts.named} of {counts.wrong} named ({_percent(counts.named, counts.wrong)})")
    if counts.unusual:
        share = _percent(counts.accepted, counts.unusual)
        out.append(f"unusual: {counts.accepted} of {counts.unusual} accepted ({share})")
    if counts.by_laws:
        out.append(f"judged by the laws in place of certify: {', '.join(counts.by_laws)}")
    if nameless := [m.name for m in members if m.wrong and m.ok and not m.named]:
        out.append(f"refuted without the right cause: {', '.join(nameless)}")
    if bad := [m.name for m in members if not m.ok]:
        out.append(f"misjudged: {', '.join(bad)}")
    return out


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
