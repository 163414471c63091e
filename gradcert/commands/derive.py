"""``gradcert derive``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from gradcert import waiting
from gradcert.commands.common import FILE, folder_for, progress, put, writable
from gradcert.commands.complete import of
from gradcert.commands.pages import wide

if TYPE_CHECKING:
    from gradcert.derivations.kept import Verdict

#: seconds between two lines of progress, where standard error is no terminal
EVERY = 5.0

EPILOG = """\b
Examples:
  gradcert derive                     the table of contents
  gradcert derive ostl --slow         one derivation, step by step
  gradcert derive --check             prove everything; 1 if a step fails
  gradcert derive --html build/site   a static site, no network needed

\b
Everything takes five to ten minutes of a processor, once: a proof is kept
until code that it may be about changes, and a run that is stopped goes on
where it was.

\b
Exit status: 0; 1 if a step fails; 2 usage; 4 internal error."""


def _known() -> list[str]:
    from gradcert.derivations import list_derivations

    return list(list_derivations())


@click.command("derive", epilog=EPILOG)
@click.argument("name", required=False, shell_complete=of(_known))
@click.option("--slow", is_flag=True, help="Wait for a key after every step.")
@click.option("--check", "checking", is_flag=True, help="Prove all steps (of NAME and what it rests on, if given).")
@click.option("--html", type=click.Path(file_okay=False), help="Write the static site into this folder.")
@click.option("--json", "path", metavar="FILE", type=FILE, help="Write titles, or with --check verdicts; - for stdout.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Processes.")
def command(name: str | None, slow: bool, checking: bool, html: str | None, path: str | None, jobs: int) -> None:
    """Read the derivations, and prove them about the engine's own code."""
    import json
    import sys
    from dataclasses import asdict
    from pathlib import Path

    from rich.console import Console

    from gradcert import derivations
    from gradcert.reference.errors import GradcertError

    writable(path)
    console = Console(width=wide(160), highlight=False, stderr=path == "-")
    record: dict[str, object] = {"derivations": derivations.list_derivations()}
    try:
        if html is not None:
            folder_for(html)
            pages = derivations.write_html(Path(html), jobs=jobs, listen=lambda text: click.echo(text, err=True))
            console.print(f"{len(pages)} pages; open {Path(html) / 'index.html'}")
        elif checking:
            from gradcert.derivations.reading.terminal import verdicts

            start = time.perf_counter()
            with _progress() as listen:
                found = derivations.check(None if name is None else [name], jobs=jobs, listen=listen)
            verdicts(found, console)
            record = {"verdicts": {chapter: [asdict(v) for v in steps] for chapter, steps in found.items()}}
            if path is not None:
                put(path, (json.dumps(record, indent=1) + "\n").encode())
            failed = sum(v.status == "failed" for steps in found.values() for v in steps)
            console.print(f"{time.perf_counter() - start:.1f} s; " + (f"{failed} failed" if failed else "all proved"))
            sys.exit(1 if failed else 0)
        elif path is not None:
            put(path, (json.dumps(record, indent=1) + "\n").encode())
        elif name is None:
            from gradcert.derivations.reading.terminal import contents

            contents(derivations.list_derivations(), console)
        elif not derivations.render_terminal(name, console=console, pause=click.pause if slow else None):
            sys.exit(1)
    except GradcertError as error:
        raise click.UsageError(str(error)) from None


@contextmanager
def _progress() -> Iterator[Callable[[Verdict | None, int, int], None]]:
    """Say on standard error how far the proofs are: a bar in a terminal, else a line every few seconds."""
    from rich.console import Console

    console = Console(stderr=True)
    with progress(console, "steps") as bar:
        start = last = time.perf_counter()

        def listen(verdict: Verdict | None, done: int, of: int) -> None:
            nonlocal last
            now = time.perf_counter()
            step = verdict.step if verdict else "starting"
            bar(done, of, step)
            if console.is_interactive:
                return
            if verdict is None:
                click.echo(
                    f"proving {of} steps; what is proved already is kept" if of else "all is proved already", err=True
                )
            elif now - last >= EVERY:
                last = now
                waiting.said()
                click.echo(f"{done} of {of} steps, {now - start:.0f} s: {step}", err=True)

        yield listen
