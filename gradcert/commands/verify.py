"""``gradcert verify``."""

from __future__ import annotations

import sys

import click

from gradcert.commands.common import got, limits, progress
from gradcert.commands.common import shown as told

INTACT = "intact"

EPILOG = """\b
Examples:
  gradcert certify examples/numpy_ostl.py:gradients --certificate ostl.json
  gradcert verify ostl.json
  gradcert verify ostl.json --run
  gradcert verify ostl.json --no-run

\b
A certificate names the subject to run, which is code: without --run only the
file is looked at, and what --run would run is shown. Verified: the seal fits
the bytes, the identity fits what was asked, and every figure but date and
seconds comes out again. The seal is no signature: a figure that was changed
and sealed anew is found where the rest of the file contradicts it (controls,
counts, budgets, the reason, circumstances); else only --run finds it. Run it
where the subject can be found under the name that the certificate gives.
Exit status: 0 verified, or intact with --no-run; 1 broken; 2 usage;
3 undecided, or intact with neither option; 4 internal error."""


@click.command("verify", epilog=EPILOG)
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--run/--no-run", default=None, help="Run the checks again, and with them the subject that FILE names.")
@click.option("--jobs", metavar="N", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="Write the outcome as JSON.")
@limits
def command(
    file: str, run: bool | None, jobs: int, as_json: bool, timeout: float, memory: int, python: str | None
) -> None:
    """Verify a certificate: its bytes, its identity, and with --run that it comes out again."""
    import json

    from rich.console import Console

    from gradcert.certify.campaign import runs, verify
    from gradcert.certify.certificates import shown
    from gradcert.certify.subjects import Limits
    from gradcert.reference.printable import legible, printable

    data = got(file)
    found = verify(data)
    if run and found.outcome == INTACT:
        told(runs(data))
        with progress(Console(stderr=True)) as bar:
            found = verify(
                data, run=True, python=python, limits=Limits(call=timeout, memory=memory), jobs=jobs, progress=bar
            )
    if as_json:
        click.echo(json.dumps(legible(found.to_dict()), indent=2, sort_keys=True))
    else:
        click.echo(f"{found.outcome.upper()}  {printable(file)}")
        for reason in found.reasons:
            click.echo(f"  {printable(reason)}")
        if run is None and found.outcome == INTACT:
            click.echo("  with --run it would run:")
            for name in runs(data):
                click.echo(f"    {printable(name)}")
        for entry in found.differences[:10]:
            click.echo(f"    {entry.where}: was {shown(entry.was)}, is {shown(entry.now)}")
        if found.verdict:
            click.echo(f"  verdict: {', now '.join(dict.fromkeys(found.verdict))}")
    sys.exit(3 if run is None and found.outcome == INTACT else found.exit_code)
