"""``gradcert vectors``."""

from __future__ import annotations

from typing import Any

import click

from gradcert.commands.common import named

EPILOG = """\b
Examples:
  gradcert vectors --rule ottt --cells lif -o vectors
  gradcert vectors --rule ostl --cells snu --depths 2 --dtype float32 -o vectors

\b
The folder gets vectors.json (what the vectors are, what each flag means),
vectors.jsonl (a problem per line, with the expected gradients and the largest
admissible error of every entry) and problems.jsonl (the problems alone, for a
program to read). Judge answers with gradcert check.
Exit status: 0 written; 2 usage."""


@click.command("vectors", epilog=EPILOG)
@click.option("--rule", metavar="NAME", required=True, help="Rule of the vectors; see gradcert rules.")
@click.option("--cells", metavar="NAME", multiple=True, required=True, help="Cell; repeat for several.")
@click.option("--depths", metavar="N", type=click.IntRange(1, 8), multiple=True, help="Layers; repeat.")
@click.option("--dtype", type=click.Choice(["float64", "float32"]), default="float64", show_default=True)
@click.option("--options", metavar="NAME=VALUE", multiple=True, help="Convention of the cell; JSON values.")
@click.option("--profile", type=click.Choice(["quick", "default", "thorough"]), default="default", show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**53 - 1), default=0, show_default=True, help="Decides every vector.")
@click.option("--jobs", metavar="N", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("-o", "--output", metavar="FOLDER", type=click.Path(file_okay=False), required=True)
def command(
    rule: str,
    cells: tuple[str, ...],
    depths: tuple[int, ...],
    dtype: str,
    options: tuple[str, ...],
    profile: str,
    seed: int,
    jobs: int,
    output: str,
) -> None:
    """Write golden vectors, for implementations that cannot be called from here."""
    from pathlib import Path

    from gradcert.certify.campaign import vectors
    from gradcert.certify.claims import Claim
    from gradcert.reference.errors import GradcertError

    try:
        chosen: dict[str, Any] = {"depths": depths} if depths else {}
        claim = Claim(rule=rule, cells=cells, dtype=dtype, options=named(options) or {}, **chosen)
        number = vectors.write(Path(output), claim, profile=profile, seed=seed, jobs=jobs)
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"{number} vectors of {claim} in {output}/vectors.jsonl")
