"""``gradcert replay``."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

import click

from gradcert.commands.common import limits, shown
from gradcert.commands.pages import AS_JSON

EPILOG = """\b
Examples:
  gradcert certify examples/wrong_ostl.py:gradients
  gradcert replay .gradcert/snu-0123456789.json
  gradcert replay --run .gradcert/snu-0123456789.json
  gradcert replay certificate.json mine.py:gradients
  gradcert replay .gradcert/watch-step-400.json model.py:Net

\b
gradcert certify shrinks a failure and stores it; the first form shows it and
what it would run, the second runs it again, the third has another subject
solve it. The reference is computed anew. For a step that gradcert.watch kept
no model is needed: what came back then is judged again; with the model's file
it runs again.
Exit status: 0 right now; 1 still wrong; 2 shown but not run, or usage;
4 internal error."""


@click.command("replay", epilog=EPILOG)
@click.argument("file", type=click.Path(dir_okay=False))
@click.argument("subject", required=False)
@click.option("--run", is_flag=True, help="Run what FILE names: its subject, and files of cells.")
@AS_JSON
@limits
def command(
    file: str, subject: str | None, run: bool, as_json: bool, timeout: float, memory: int, python: str | None
) -> None:
    """Run a stored counterexample again: one small problem, what comes back and what should."""
    from pathlib import Path

    from gradcert.certify.counterexample import read, replay
    from gradcert.certify.report import lines, text
    from gradcert.certify.subjects import Limits
    from gradcert.reference.errors import GradcertError
    from gradcert.reference.printable import printable
    from gradcert.watching.kept.stored import kept

    try:
        step = kept(Path(file))
        if step is not None:
            watched(step, file, subject, as_json=as_json)
        stored = read(Path(file))
        names = (*([stored.subject] if subject is None else []), *stored.files)
        if names and not run:
            if as_json:
                click.echo(json.dumps({"wrong": None, "counterexample": stored.record}, indent=1))
                sys.exit(2)
            if "arrays" in stored.record:
                click.echo("as it was stored:")
                click.echo("\n".join(f"  {printable(line)}" for line in lines(stored.record)))
            click.echo(f"nothing was run; with --run, {printable(file)} runs:")
            for name in names:
                click.echo(f"  {printable(name)}")
            sys.exit(2)
        shown(names)
        found = replay(Path(file), run=run, subject=subject, python=python, limits=Limits(call=timeout, memory=memory))
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        told = [{"check": f.check, "reason": f.reason, "cause": f.cause, "where": f.where} for f in found.findings]
        click.echo(json.dumps({"wrong": bool(told), "findings": told, "counterexample": found.record}, indent=1))
        sys.exit(1 if told else 0)
    click.echo("STILL WRONG" if found.findings else "RIGHT")
    if "arrays" in found.record:
        click.echo("\n".join(f"  {line}" for line in lines(found.record)))
    for finding in found.findings:
        click.echo(f"{finding.check}: {text(finding)}")
    sys.exit(1 if found.findings else 0)


def watched(record: dict[str, Any], file: str, model: str | None, *, as_json: bool) -> NoReturn:
    """Judge a step that `gradcert.watch` kept, and leave; errors as `command` expects them."""
    from gradcert.watching.kept.again import judged, said
    from gradcert.watching.kept.stored import stored_from

    stored = stored_from(record, file)
    notes: tuple[str, ...] = ()
    if model is None:
        found = judged(stored)
    else:
        from gradcert.commands.modules import module_named
        from gradcert.watching.kept.rerun import rerun

        shown([model])
        found, notes = rerun(stored, module_named(model))
    wrong = found.verdict != "right"
    if as_json:
        click.echo(json.dumps({"wrong": wrong, "model": model, "notes": notes, "judgement": found.to_dict()}, indent=1))
    else:
        click.echo("\n".join(["STILL WRONG" if wrong else "RIGHT", *said(stored, found), *notes]))
        if model is None:
            click.echo("nothing of yours was run; to run the model again: gradcert replay FILE FILE.py:Model")
    sys.exit(1 if wrong else 0)
