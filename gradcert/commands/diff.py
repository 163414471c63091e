"""``gradcert diff``."""

from __future__ import annotations

import sys

import click

from gradcert.commands.common import got

EPILOG = """\b
Examples:
  gradcert diff before.json after.json
  gradcert diff before.json after.json --json

\b
Either form of a certificate will do (--certificate or --json).
Exit status: 0 the same, but for timing and whether answers were read from
a journal; 1 different, or one of them is not as it was written; 2 usage."""
MOST = 40
ALL = 10_000  # characters


@click.command("diff", epilog=EPILOG)
@click.argument("before", type=click.Path(dir_okay=False))
@click.argument("after", type=click.Path(dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Write every difference as JSON.")
def command(before: str, after: str, as_json: bool) -> None:
    """Explain what changed between two certificates: what was asked, and what came out."""
    import json

    from gradcert.certify.certificates import differences, seal, shown, summary
    from gradcert.reference.errors import GradcertError
    from gradcert.reference.printable import printable

    try:
        a, b = (seal.read(got(name), name) for name in (before, after))
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    changed_files = False  # of which nothing may follow, not even that they are the same
    for name, record in ((before, a), (after, b)):
        if doubts := seal.doubts(record):
            changed_files = True
            click.echo(
                f"note: {printable(name)} is not as it was written: {printable('; '.join(doubts), most=ALL)}", err=True
            )
    found = differences(a, b)
    if as_json:
        entries = [{"where": d.where, "was": d.was, "now": d.now, "asked": d.asked} for d in found]
        record = {"verdict": [a["verdict"], b["verdict"]], "summary": summary(a, b), "differences": entries}
        click.echo(json.dumps(record, indent=2, sort_keys=True))
    else:
        changed = a["verdict"] if not found else f"{a['verdict']}, now {b['verdict']}"
        if found and a["verdict"] == b["verdict"]:
            changed = f"both {a['verdict']}"
        click.echo(f"{'the same' if not found else 'different'}: {changed}")
        for line in summary(a, b):
            click.echo(f"  {line}")
        for title, group in (
            ("asked", [d for d in found if d.asked]),
            ("came out", [d for d in found if not d.asked]),
        ):
            if group:
                click.echo(f"{title}:")
            for entry in group[:MOST]:
                click.echo(f"  {entry.where}: {shown(entry.was)} -> {shown(entry.now)}")
            if len(group) > MOST:
                click.echo(f"  and {len(group) - MOST} more: --json shows all")
    sys.exit(1 if found or changed_files else 0)
