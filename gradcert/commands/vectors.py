"""``gradcert vectors``."""

from __future__ import annotations

from typing import Any

import click

from gradcert.commands.claims import claim_options, parts
from gradcert.commands.common import progress
from gradcert.commands.pages import AS_JSON

EPILOG = """\b
Examples:
  gradcert vectors --rule ottt --cells lif -o vectors
  gradcert vectors --rule ostl --cells snu --depths 2 --dtype float32 -o v32

\b
The folder gets vectors.json (what the vectors are, what each flag means),
vectors.jsonl (a problem per line, with the expected gradients and the largest
admissible error of every entry) and problems.jsonl (the problems alone, for a
program to read). Judge answers with gradcert check.
Exit status: 0 written; 2 usage."""


@click.command("vectors", epilog=EPILOG)
@claim_options
@click.option("--profile", type=click.Choice(["quick", "default", "thorough"]), default="default", show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**53 - 1), default=0, show_default=True, help="Decides every vector.")
@click.option("--jobs", metavar="N", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@AS_JSON
@click.option("-o", "--output", metavar="FOLDER", type=click.Path(file_okay=False), required=True)
def command(
    profile: str,
    seed: int,
    jobs: int,
    as_json: bool,
    output: str,
    **claimed: Any,
) -> None:
    """Write golden vectors, for implementations that cannot be called from here."""
    from pathlib import Path

    from rich.console import Console

    from gradcert.certify.campaign import vectors
    from gradcert.certify.claims import Claim, made, whole
    from gradcert.commands.common import folder_for
    from gradcert.reference.errors import GradcertError

    try:
        given = parts(claimed)
        claim = made(whole(given.get("claim"), run=True), given)
        if not isinstance(claim, Claim):
            raise click.UsageError("vectors need --rule and --cells, or --claim FILE")
        folder_for(output)
        with progress(Console(stderr=True)) as bar:
            number = vectors.write(Path(output), claim, profile=profile, seed=seed, jobs=jobs, progress=bar)
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo((Path(output) / "vectors.json").read_text(encoding="utf-8"), nl=False)
        return
    click.echo(f"{number} vectors of {claim} in {output}/vectors.jsonl")
