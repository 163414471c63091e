"""``gradcert verify``."""

from __future__ import annotations

import sys

import click

from gradcert.commands.common import got, limits, progress

EPILOG = """\b
Examples:
  gradcert certify examples/numpy_ostl.py:gradients --certificate ostl.json
  gradcert verify ostl.json
  gradcert verify ostl.json --no-run

\b
Verified: the bytes are as they were written, the identity fits what was
asked, and every figure comes out again. Run it where the subject can be
found under the name that the certificate gives.
Exit status: 0 verified; 1 broken; 2 usage; 3 undecided; 4 internal error."""


@click.command("verify", epilog=EPILOG)
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--run/--no-run", default=True, show_default=True, help="Run the checks again.")
@click.option("--jobs", metavar="N", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="Write the outcome as JSON.")
@limits
def command(file: str, run: bool, jobs: int, as_json: bool, timeout: float, memory: int, python: str | None) -> None:
    """Verify a certificate: its bytes, its identity, and that it comes out again."""
    import json

    from rich.console import Console

    from gradcert.certify.campaign import verify
    from gradcert.certify.certificates import shown
    from gradcert.certify.subjects import Limits

    data = got(file)
    with progress(Console(stderr=True)) as bar:
        found = verify(
            data, python=python, limits=Limits(call=timeout, memory=memory), jobs=jobs, run=run, progress=bar
        )
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2, sort_keys=True))
    else:
        click.echo(f"{found.outcome.upper()}  {file}")
        for reason in found.reasons:
            click.echo(f"  {reason}")
        for entry in found.differences[:10]:
            click.echo(f"    {entry.where}: was {shown(entry.was)}, is {shown(entry.now)}")
        if found.verdict:
            click.echo(f"  verdict: {', now '.join(dict.fromkeys(found.verdict))}")
    sys.exit(found.exit_code)
