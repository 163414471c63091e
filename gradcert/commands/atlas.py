"""``gradcert atlas``."""

from __future__ import annotations

import click

from gradcert.commands.common import FILE, limits, named, progress, put, subject_of, writable
from gradcert.commands.complete import names, subjects

EPILOG = """\b
Examples:
  gradcert atlas examples/numpy_ostl.py:gradients
  gradcert atlas mine.py:gradients --cells lif --html atlas.html
  gradcert atlas mine.py:f --cells lif --json atlas.json --png atlas.png

\b
Nothing is judged: the map shows where a rule lies among known ones, over
depth, length, leak and recurrence strength; with the cell, the conventions
and the loss of its claim, where it has one.
Exit status: 0 drawn; 2 usage, or a subject that gives no gradient."""


@click.command("atlas", epilog=EPILOG)
@click.argument(
    "subject",
    metavar="FILE.py:ATTRIBUTE | MODULE:ATTRIBUTE | -- COMMAND...",
    nargs=-1,
    required=True,
    shell_complete=subjects,
)
@click.option(
    "--cells", metavar="NAME", shell_complete=names("CELLS"), help="Cell of every layer; by default the claim's first."
)
@click.option("--options", metavar="NAME=VALUE", multiple=True, help="Convention of the cell; JSON values.")
@click.option("--draws", metavar="N", type=click.IntRange(1), default=3, show_default=True, help="Problems per point.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the first problem.")
@click.option("--json", "path", metavar="FILE", type=FILE, help="Write every figure; - for standard output.")
@click.option("--html", metavar="FILE", type=FILE, help="Write a page with plots and tables (extra: plots).")
@click.option("--png", metavar="FILE", type=FILE, help="Write the plots (extra: plots).")
@click.option("--run", is_flag=True, help="Run files of cells that the subject's claim names, in this process.")
@limits
def command(
    subject: tuple[str, ...],
    cells: str | None,
    options: tuple[str, ...],
    draws: int,
    seed: int,
    path: str | None,
    html: str | None,
    png: str | None,
    run: bool,
    timeout: float,
    memory: int,
    python: str | None,
) -> None:
    """Map a learning rule among the known ones: cosine, relative error, ratio of norms, and what it misses of BPTT."""
    import json

    from rich.console import Console

    from gradcert.certify.figures import atlas
    from gradcert.certify.report import atlas as report
    from gradcert.certify.subjects import Limits
    from gradcert.reference.errors import GradcertError

    writable(path, html, png)
    try:
        with progress(Console(stderr=True), "axes") as bar:
            record = atlas(
                subject_of(subject),
                cells=cells,
                options=named(options),
                draws=draws,
                seed=seed,
                python=python,
                limits=Limits(call=timeout, memory=memory),
                progress=bar,
                run_cells=run,
            )
        if path is not None:
            put(path, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())
        if html is not None:
            put(html, report.html(record).encode())
        if png is not None:
            put(png, report.plot(record, "png"))
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    if "-" not in (path, html, png):
        report.write(record, Console(highlight=False))
