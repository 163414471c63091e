"""``gradcert show``."""

from __future__ import annotations

import sys

import click

from gradcert.commands.common import FORMS, got, writable, writers, written

EPILOG = """\b
Examples:
  gradcert show certificate.json
  gradcert show certificate.json --html page.html --badge badge.svg
  gradcert show certificate.json --markdown -

\b
Either form of a certificate will do (--certificate or --json). Nothing is
run: whether it is true is found out by gradcert verify --run.
Exit status: 0 shown, or written; 1 not as it was written, and then no other
form of it is; 2 usage."""
ALL = 10_000  # characters


@click.command("show", epilog=EPILOG)
@click.argument("file", type=click.Path(dir_okay=False))
@writers
def command(file: str, github: bool, **files: str | None) -> None:
    """Show a certificate, or write it in another form: a page, JUnit XML, Markdown, a badge."""
    from rich.console import Console

    from gradcert.certify.certificates import from_dict, seal
    from gradcert.certify.report import terminal
    from gradcert.reference.errors import GradcertError
    from gradcert.reference.printable import printable

    writable(*(files[form] for form in FORMS), github=github)
    try:
        record = seal.read(got(file), file)
        certificate = from_dict(record)
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    if doubts := seal.doubts(record):
        if any(files.values()) or github:
            said = f"{file} is not as it was written ({'; '.join(doubts)}), and is not written in another form"
            click.echo(f"gradcert: {printable(said, most=ALL)}", err=True)
            sys.exit(1)
        click.echo(f"NOT AS IT WAS WRITTEN: {'; '.join(doubts)}\n")
        terminal.write(certificate, Console(highlight=False))
        sys.exit(1)
    if not written(certificate, github=github, **files):
        terminal.write(certificate, Console(highlight=False))
