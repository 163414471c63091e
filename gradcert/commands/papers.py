"""``gradcert claims``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcert import waiting
from gradcert.commands.complete import of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from gradcert.papers.runs.carry import Map

EPILOG = """\b
Examples:
  gradcert claims                   what there is, and what it costs
  gradcert claims --quick           those that take seconds
  gradcert claims same-gradient     one, in full: by name or number
  gradcert claims all --html pages  all of them, with a page each
  gradcert claims --results runs --html pages

\b
What is done is kept (--results) and not done again with the same code. The
last example makes pages of runs that others did. Data sets come from package
registries, once: the documentation's page "The claims of papers".
Exit status: 0 all shown; 1 one is not; 2 usage, or data that cannot be had;
3 inconclusive; 4 internal error."""

KEPT = Path(".gradcert") / "papers"


def _known() -> list[str]:
    from gradcert.papers import CLAIMS

    return [*CLAIMS, "all"]


@click.command("claims", epilog=EPILOG)
@click.argument("name", required=False, shell_complete=of(_known))
@click.option("--quick", is_flag=True, help="Smaller, with bands instead of margins: seconds each.")
@click.option(
    "--html", "pages", metavar="DIR", type=click.Path(file_okay=False), help="Write a page for each into DIR."
)
@click.option("--json", "as_json", is_flag=True, help="Verdicts as JSON on standard output.")
@click.option("--results", metavar="DIR", type=click.Path(file_okay=False), help=f"Where runs are kept: {KEPT}.")
@click.option("--jobs", metavar="N", type=click.IntRange(1), default=1, help="Processes.")
@click.option("--cluster", metavar="ADDRESS", help="Dask scheduler whose workers do the runs.")
def command(
    name: str | None, quick: bool, pages: str | None, as_json: bool, results: str | None, jobs: int, cluster: str | None
) -> None:
    """Test what papers claim about learning: equal to BPTT, on par with it, constant memory.

    NAME is a claim, by name or number, or all. Without NAME and --quick: what there is; with --results, what was found.
    """
    from rich.console import Console

    from gradcert.commands.common import folder_for
    from gradcert.commands.pages import shown, wide
    from gradcert.papers import CLAIMS, claim_named
    from gradcert.papers.report import listing, page, record_of, written
    from gradcert.papers.runs import Store, carried_out, code_digest, concluded
    from gradcert.reference.errors import GradcertError

    every = list(CLAIMS.values())
    if name is None and not quick and results is None:
        shown(listing(every), as_json=as_json)
        return
    console = Console(width=wide(200), highlight=False)
    folder, running = Path(results) if results else KEPT, name is not None or quick
    try:
        wanted = every if name in (None, "all") else [claim_named(name)]
        wanted = [c for c in wanted if c.quick or not quick]
        if not wanted:
            raise GradcertError(f"{name} has no quick form", allowed=", ".join(c.name for c in every if c.quick))
        if not running and not folder.is_dir():
            raise GradcertError(
                f"--results {folder}: there is no such folder",
                allowed="one that runs were kept in",
                do="name it; or run a claim: gradcert claims NAME",
            )
        folder_for(pages)
        found = []
        for claim in wanted:
            path = folder / f"{claim.name}{'-quick' if quick else ''}.jsonl"
            store = Store(path, code_digest(claim) if running else None)
            try:
                if running:
                    with _workers(jobs, cluster) if not claim.timed else _workers(1, None) as run:
                        carried_out(claim, store, quick=quick, run=run, listen=_said)
            except GradcertError as error:  # data that cannot be had: the others do not need it
                if len(wanted) == 1:
                    raise
                click.echo(f"gradcert: {claim.number} was not run: {error}", err=True)
            found.append(concluded(claim, store, quick=quick))
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps([record_of(d) for d in found], indent=1))
    else:
        for d in found:
            written(d, console)
    if pages is not None:
        for d in found:
            (Path(pages) / f"{d.claim.name}.html").write_text(page(d), encoding="utf-8")
    words = {d.verdict.word if d.complete else "inconclusive" for d in found}
    sys.exit(1 if "not shown" in words else 3 if "inconclusive" in words else 0)


def _said(done: int, known: int, words: str) -> None:
    """Say on standard error what is done."""
    waiting.told(done, known, words, "runs")
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{done}/{known} {words}", err=True, nl=done == known)
    elif done % 10 == 0 or done == known:
        waiting.said()
        click.echo(f"{done}/{known} {words}", err=True)


def _workers(jobs: int, cluster: str | None) -> AbstractContextManager[Map]:
    """Return a context that gives a map: here, over processes, or over a cluster."""
    from gradcert.certify.runs import executors

    if cluster is not None:
        return executors.dask_cluster(cluster)
    return executors.processes(jobs)
