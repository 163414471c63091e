"""``gradcert theorems``."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from gradcert import waiting
from gradcert.commands.common import FILE, put, writable
from gradcert.commands.pages import wide

if TYPE_CHECKING:
    from rich.console import Console

    from gradcert.theorems.check import Outcome

EPILOG = """\b
Examples:
  gradcert theorems            what is proved for every size, file by file
  gradcert theorems --check    check it all: needs Coq, OCaml (make theorems)
  gradcert theorems --json -   what is proved, and what each theorem assumes

\b
What is proved by what, and what is not: the documentation's page "What is
proved".
Exit status: 0; 1 if something does not hold; 2 usage, or Coq is missing;
4 internal error."""


@click.command("theorems", epilog=EPILOG)
@click.option("--check", "checking", is_flag=True, help="Compile, audit, reject the mutants, run the tie.")
@click.option("--json", "path", metavar="FILE", type=FILE, help="Write JSON; - for standard output.")
def command(checking: bool, path: str | None) -> None:
    """Theorems about every size, checked by Coq, and their tie to the engine's own tapes."""
    from rich.console import Console

    from gradcert.reference.errors import GradcertError
    from gradcert.theorems.audit import COMMITTED, axioms_of
    from gradcert.theorems.catalogue import THEOREMS
    from gradcert.theorems.check import check

    writable(path)
    console = Console(width=wide(160), highlight=False, stderr=path == "-")
    assumes = axioms_of(COMMITTED.read_text(encoding="utf-8"))
    record: dict[str, Any] = {
        "theorems": [
            {"name": t.name, "says": t.says, "chapters": t.chapters, "about": t.about, "assumes": assumes[t.name]}
            for t in THEOREMS
        ]
    }
    holds = True
    if checking:
        started, parts = time.perf_counter(), list[tuple[str, float]]()

        def listen(part: str) -> None:
            parts.append((part, cpu()))
            waiting.told(0, 0, part)
            console.print(f"{part} ...", style="dim")

        try:
            outcome = check(listen=listen)
        except GradcertError as error:
            raise click.UsageError(str(error)) from None
        holds = outcome.holds
        write(outcome, console)
        ends = [at for _, at in parts[1:]] + [cpu()]
        taken = [f"{end - at:.0f} s: {part}" for (part, at), end in zip(parts, ends, strict=True)]
        console.print(f"{time.perf_counter() - started:.0f} s; {ends[-1] - parts[0][1]:.0f} s of CPU", style="dim")
        console.print("\n".join(taken), style="dim")
        rows = [vars(row) for row in outcome.table]
        record["check"] = {"holds": holds, "audit": outcome.audit, "accepted": outcome.accepted, "tie": rows}
    elif path != "-":
        contents(console)
    if path is not None:
        put(path, (json.dumps(record, indent=1) + "\n").encode())
    sys.exit(0 if holds else 1)


def cpu() -> float:
    """Return the seconds of CPU of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def contents(console: Console) -> None:
    """Print the theorems, file by file."""
    from rich.table import Table

    from gradcert.theorems.catalogue import THEOREMS

    table = Table("theorem", "says", box=None, pad_edge=False, header_style="bold")
    for theorem in THEOREMS:
        table.add_row(theorem.name, theorem.says)
    console.print(table)


def write(outcome: Outcome, console: Console) -> None:
    """Print what a check found."""
    from rich.table import Table

    from gradcert.theorems.catalogue import THEOREMS
    from gradcert.theorems.mutants import MUTANTS

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("cell", "rows", "parameters", "numbers", "residuals not 0", "different"):
        table.add_column(name, justify="left" if name == "cell" else "right")
    for row in outcome.table:
        table.add_row(row.cell, *(str(n) for n in (row.rows, row.parameters, row.numbers, row.nonzero, row.different)))
    sums = [
        sum(getattr(row, name) for row in outcome.table) for name in ("parameters", "numbers", "nonzero", "different")
    ]
    table.add_row("all", "", *map(str, sums), style="bold")
    console.print(table)
    console.print(f"four numbers each: forward, reverse, BPTT, residual; {outcome.first or 'all equal, exactly'}")
    said = "as committed" if outcome.audit else "NOT as committed"
    console.print(f"{len(THEOREMS)} theorems; their assumptions are {said}")
    accepted = f"accepted: {'; '.join(outcome.accepted)}" if outcome.accepted else "all rejected"
    console.print(f"{len(MUTANTS)} definitions with a mistake: {accepted}")
