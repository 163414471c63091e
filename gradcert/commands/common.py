"""What several commands share: options, a progress bar, reading and writing files."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from gradcert.certify.certificates import Certificate

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
FILE = click.Path(dir_okay=False, allow_dash=True)


def writers(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which files a certificate is written to."""
    for name, variable, text in reversed(
        (
            ("--certificate", "sealed", "Write canonical JSON that gradcert verify takes; - for standard output."),
            ("--json", "path", "Write indented JSON; - for standard output."),
            ("--junit", "junit", "Write JUnit XML, for continuous integration."),
            ("--html", "html", "Write a report for people: one file, no network."),
            ("--markdown", "markdown", "Write a summary, for a step of continuous integration."),
            ("--badge", "badge", "Write a badge: an SVG that names rule and verdict."),
        )
    ):
        command = click.option(name, variable, metavar="FILE", type=FILE, help=text)(command)
    github = click.option("--github", is_flag=True, help="Annotate the subject's line, add to the step's summary.")
    return github(command)


class Seconds(click.FloatRange):
    """A number of seconds: no infinity, and a number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return found


def limits(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what a subject may use."""
    for option in reversed(
        (
            click.option(
                "--timeout",
                type=Seconds(0, min_open=True),
                default=30.0,
                show_default=True,
                help="Seconds for one problem.",
            ),
            click.option(
                "--memory",
                type=click.IntRange(64),
                default=8192,
                show_default=True,
                help="MiB that the subject may use.",
            ),
            click.option(
                "--python",
                metavar="PATH",
                type=click.Path(exists=True, dir_okay=False),
                help="Interpreter for the subject.",
            ),
        )
    ):
        command = option(command)
    return command


def written(
    certificate: Certificate, shown: Certificate | None = None, /, *, github: bool = False, **files: str | None
) -> bool:
    """Write a certificate to the files that were asked for; return whether standard output was one of them.

    A file that cannot be written does not hide the verdict: it is shown, and the status is the verdict's, or 2.

    Parameters
    ----------
    shown : what reports show, where that is not all of the certificate.
    github : whether to annotate, and to add to the summary of the step (`for_github`).
    files : those of `FORMS`.
    """
    told = shown or certificate
    wanted = [(files.get(form), partial(content, certificate if form in RECORDS else told, form)) for form in FORMS]
    names = [name for name, _ in wanted if name is not None]
    if names.count("-") > 1:
        raise click.UsageError("standard output holds one report")
    failed = []
    for name, made in wanted:
        if name is not None:
            try:
                put(name, made())
            except click.UsageError as error:
                failed.append(str(error))
    if failed:
        from rich.console import Console

        from gradcert.certify.report import terminal

        terminal.write(told, Console(highlight=False, stderr="-" in names))
        for text in failed:
            click.echo(f"gradcert: {text}", err=True)
    if github:
        for_github(told, err="-" in names)
    if failed:
        sys.exit(certificate.exit_code or click.UsageError.exit_code)
    return "-" in names


def subject_of(words: tuple[str, ...]) -> str | tuple[str, ...]:
    """Return a subject as it is judged: a name, or a program with its arguments."""
    program = shutil.which(words[0]) is not None
    if len(words) > 1 and ":" in words[0] and not program:
        raise click.UsageError(f"unexpected argument {words[1]!r}: {words[0]!r} is no program; one stands behind --")
    return words if len(words) > 1 or program else words[0]


def writable(*names: str | None, github: bool = False) -> None:
    """Refuse files that cannot be written, before any work is done for them.

    Parameters
    ----------
    github : whether the summary of a step, which ``GITHUB_STEP_SUMMARY`` names, is one of them.
    """
    from gradcert.outputs import refusal

    said = [*names, os.environ.get("GITHUB_STEP_SUMMARY") if github else None]
    if said.count("-") > 1:
        raise click.UsageError("standard output holds one report")
    for name in said:
        if name is not None and name != "-" and (why := refusal(name)):
            raise click.UsageError(f"{name} cannot be written: {why}")


def folder_for(name: str | None) -> None:
    """Make a folder that pages are written into, or refuse it, before any work is done for them."""
    from gradcert.outputs import refusal

    if name is None:
        return
    try:
        Path(name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"{name} cannot be written: {error.strerror}") from None
    if why := refusal(Path(name) / ".gradcert"):
        raise click.UsageError(f"{name} cannot be written: {why}")


FORMS = ("sealed", "path", "junit", "html", "markdown", "badge")
RECORDS = ("sealed", "path")  # what is read back


def content(certificate: Certificate, form: str) -> bytes:
    """Return a certificate in one of `FORMS`; what writes it is loaded for this alone."""
    if form == "sealed":
        from gradcert.certify.certificates import seal

        return seal.write(certificate)
    if form == "path":
        from gradcert.certify.certificates import json as indented

        return (indented.write(certificate) + "\n").encode()
    from gradcert.certify import report

    made = getattr(report, form).write(certificate)
    return made if isinstance(made, bytes) else made.encode()


def for_github(certificate: Certificate, *, err: bool) -> None:
    """Annotate the subject's line, and add to the file that ``GITHUB_STEP_SUMMARY`` names.

    Parameters
    ----------
    err : whether on standard error, where standard output holds a report: runners read both.
    """
    from gradcert.certify.report import annotate, markdown

    for line in annotate.write(certificate, Path.cwd(), annotate.workspace(Path.cwd())):
        click.echo(line, err=err)
    if name := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(name, "a", encoding="utf-8") as file:
            file.write(markdown.write(certificate))


def put(name: str, data: bytes) -> None:
    """Write bytes to a file, or to standard output for ``-``."""
    try:
        with click.open_file(name, "wb") as file:
            file.write(data)
            file.flush()
    except OSError as error:
        raise click.UsageError(f"{name} cannot be written: {error.strerror}") from None


def got(name: str) -> bytes:
    """Read the bytes of a file."""
    from gradcert.reference.errors import GradcertError
    from gradcert.reference.outside import read

    try:
        return read(Path(name), "a file that gradcert wrote")
    except GradcertError as error:
        raise click.UsageError(str(error)) from None


def shown(names: Iterable[str]) -> None:
    """Say on standard error what is about to be run because a file names it."""
    from gradcert.reference.printable import printable

    for name in names:
        click.echo(f"runs {printable(name)}", err=True)


@contextmanager
def progress(console: Console, unit: str = "problems") -> Iterator[Callable[[int, int, str], None]]:
    """Give a function that is told how far the work is: done, of how many, what.

    It is a progress bar on standard error, if that is a terminal, and never with ``TTY_INTERACTIVE=0``; else a line now
    and then (`gradcert.waiting`).

    Parameters
    ----------
    unit : what is counted.
    """
    from gradcert import waiting
    from gradcert.reference.printable import printable

    if not console.is_interactive:
        yield lambda done, total, what: waiting.told(done, total, printable(what), unit)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total or None, description=what)


SUCH = {
    "--options": "strict=true or surrogate=atan",
    "--activity": "rate:target=0.2,strength=0.1",
    "--local": "cross_entropy:strength=0.5",
    "--layers": "lif:recurrent=true",
    "--settings": "parts=4",
    "--within": "error=0.2",
}


def ruled_out(pairs: tuple[str, ...]) -> dict[str, list[str]] | None:
    """Read AXIS=LEVEL, an axis as often as it has levels."""
    from gradcert.reference.errors import GradcertError

    out: dict[str, list[str]] = {}
    for pair in pairs:
        axis, equals, level = pair.partition("=")
        if not equals:
            raise GradcertError(f"--without {pair}", allowed="AXIS=LEVEL, such as targets=soft")
        out.setdefault(axis, []).append(level)
    return out or None


def named(pairs: tuple[str, ...], option: str = "--options") -> dict[str, Any] | None:
    """Read NAME=VALUE; a value that is no JSON is a word."""
    from gradcert.reference.errors import GradcertError
    from gradcert.reference.outside import parse

    out: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise GradcertError(
                f"{option} {pair}", allowed=f"NAME=VALUE, such as {SUCH.get(option, SUCH['--options'])}"
            )
        if name in out:
            raise GradcertError(f"{option} {name} twice", allowed="once; alternatives are a JSON list")
        try:
            out[name] = parse(value, name)
        except GradcertError:
            if value[:1] in '[{"':  # meant as JSON, and none
                raise
            out[name] = value
    return out or None
