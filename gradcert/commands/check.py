"""``gradcert check``."""

from __future__ import annotations

import sys

import click

from gradcert.commands.common import writable, writers, written

EPILOG = """\b
Examples:
  gradcert vectors --rule rtrl --cells rnn -o vectors
  node examples/rtrl.mjs < vectors/problems.jsonl > answers.jsonl
  gradcert check vectors answers.jsonl --html report.html

\b
An answer is a line {"id": ..., "gradients": {...}}, with "loss" and "outputs"
if there are any; "id" is the vector's. Lines without ids answer the vectors
in order. A vector without an answer leaves the verdict inconclusive.
Exit status: 0 certified; 1 refuted; 2 usage; 3 inconclusive; 4 our error."""


@click.command("check", epilog=EPILOG)
@click.argument("vectors", type=click.Path(file_okay=False))
@click.argument("answers", type=click.Path(dir_okay=False))
@click.option("--run", is_flag=True, help="Run the files of cells that VECTORS names.")
@writers
def command(vectors: str, answers: str, run: bool, github: bool, **files: str | None) -> None:
    """Judge a file of answers to golden vectors, with the judge that subjects meet."""
    from pathlib import Path

    from rich.console import Console

    from gradcert.certify.campaign import check
    from gradcert.certify.report import terminal
    from gradcert.reference.errors import GradcertError

    writable(*files.values(), github=github)
    try:
        certificate = check(Path(vectors), Path(answers), run=run)
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    if not written(certificate, github=github, **files):
        terminal.write(certificate, Console(highlight=False))
    sys.exit(certificate.exit_code)
