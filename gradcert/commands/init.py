"""``gradcert init``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import click

from gradcert.commands.pages import AS_JSON

MOST = 8  # modules and functions that are no subjects, and are named; of notebooks too
NOTEBOOK = "notebooks are not read: put the module into a file .py, or call gradcert.certify in the notebook"
EPILOG = """\b
Examples:
  gradcert init
  gradcert init --json

\b
Source is read and not run. Functions of one argument called problem, classes
with start, step and gradients, and what is decorated with gradcert.claim are
subjects; for layers of PyTorch, snnTorch and SpikingJelly that the project
uses, subjects are written. No file that is there is changed, and beside tests
that call gradcert.subject_tests or gradcert.cases no others are written.
Exit status: 0; 2 usage."""


@click.command("init", epilog=EPILOG)
@click.argument("folder", default=".", type=click.Path(exists=True, file_okay=False))
@AS_JSON
def command(folder: str, as_json: bool) -> None:
    """Look at a project, and write claims, a test file and a workflow for it."""
    from gradcert.beginning import SUBJECTS, TESTS, WORKFLOW, begin, finding, outermost, reachable
    from gradcert.reference.printable import printable

    try:
        done = begin(Path(folder).resolve())
    except OSError as error:
        raise click.UsageError(f"{error.filename} cannot be written: {error.strerror}") from None
    project = done.project

    def name(file: Path) -> str:
        return file.relative_to(Path(folder).resolve()).as_posix()

    if as_json:
        seen = [{"subject": f.subject, "line": f.line, "claims": f.claims} for f in project.found]
        record: dict[str, object] = {
            "found": seen,
            "near": [asdict(near) for near in project.near],
            "libraries": project.libraries,
            "written": done.written,
            "kept": done.kept,
        }
        tests = [{"name": name, "subject": subject, "claim": claim} for name, subject, claim in done.tests]
        own_tests = [{"file": name(one.file), "line": one.line, "calls": one.calls} for one in project.tests]
        record |= {"tests": tests, "untold": done.untold, "guessed": done.guessed}
        record |= {"own_tests": own_tests, "left": done.left, "unrun": done.unrun}
        record |= {"notebooks": [name(notebook) for notebook in project.notebooks]}
        click.echo(json.dumps(record, indent=1))
        sys.exit(0)
    said = [_many(project.files, "Python file"), _many(len(project.own), "subject"), *project.libraries]
    click.echo(f"found    {', '.join(said)}")
    for found in project.own:
        if found.claims:
            claim = "claims itself"
        elif found.subject in done.guessed:
            claim = "a claim was guessed: {} on {}, from {}".format(*done.guessed[found.subject])
        else:
            claim = "your tests name it, or its module"
        click.echo(f"         {printable(found.subject)}, line {found.line}: {claim}")
    for near in project.near[:MOST]:
        what = "a module" if near.module else f"makes gradients, and takes {printable(near.takes)}"
        click.echo(f"         {printable(near.name)}, line {near.line}: {what}")
    for one in project.tests:
        calls = f"{_many(one.calls, 'call')} of gradcert.subject_tests or gradcert.cases"
        click.echo(f"         {printable(name(one.file))}, line {one.line}: tests, {calls}")
    for notebook in project.notebooks[:MOST]:
        click.echo(f"         {printable(name(notebook))}: {NOTEBOOK}")
    for file in done.written:
        click.echo(f"wrote    {file}")
    for file in done.kept:
        click.echo(f"kept     {file}: it is there, and was not changed")
    for file in done.left:
        click.echo(f"left     {file}: not written, as you have tests of your own")
    for line in done.untold:
        click.echo(f"lacks    {printable(line)}")
    if done.unrun:
        click.echo(f"lacks    {WORKFLOW}: a step that runs  {printable(done.unrun)}")
    if SUBJECTS in done.kept and not any(subject.startswith(SUBJECTS) for _, subject, _ in done.tests):
        click.echo(f"         {SUBJECTS}: no function of one argument called problem; what a loop makes is not seen")
    if WORKFLOW in done.written and not reachable():
        click.echo(f"edit     {WORKFLOW}: this gradcert came from this machine, where no runner finds it")
        click.echo(
            "         set your repository's variable GRADCERT_REPOSITORY to the one that it came from, OWNER/NAME"
        )
    module = outermost(project.near)
    first = "" if find_spec("pytest") else "pip install pytest; "
    click.echo(f"next     {first}{printable(done.run)}")
    if module is not None:
        there = "   # its test is a comment there" if module.name in done.sketched else ""
        click.echo(f"         {printable(finding(f'gradcert certify {module.name}', module.path))}{there}")
        click.echo("         gradcert.watch(net) in the loop that trains it, and watching.step(x, y):")
        click.echo('         the documentation\'s page "Faults of a training loop"')
    own = {found.subject: found.path for found in project.own}
    for _, subject, claim in [test for test in done.tests if test[1] in own][:1]:
        certify = finding(f"gradcert certify {subject}", own[subject])
        click.echo(f"         {printable(certify)}{f' --claim {claim}' if claim else ''}")
    if any(subject.startswith(SUBJECTS) for _, subject, _ in done.tests) and SUBJECTS in done.written:
        none = "" if own else "0 subjects found: what stands there is gradcert's own example; "
        then = ": until then its tests are skipped" if TESTS in done.written else f", then its tests into {TESTS}"
        click.echo(f"         {none}put your code into {SUBJECTS}{then}")
    if done.guessed:
        click.echo("         read the guessed claims first: tests/claims/")


def _many(number: int, what: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> _many(1, "subject"), _many(0, "subject")
    ('1 subject', '0 subjects')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"
