"""The command line: a thin layer over the Python API. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import errno
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from gradcert import __version__, streams, waiting

COMMANDS = {
    "init": "write claims, tests and a workflow",
    "certify": "judge a subject against what it claims",
    "read": "say what a PyTorch module computes",
    "show": "show a certificate, on the terminal or as page, JUnit, Markdown, badge",
    "verify": "verify a certificate: its bytes, its identity, and that it comes out again",
    "diff": "explain what changed between two certificates",
    "replay": "run a stored counterexample again",
    "vectors": "write golden vectors, for what cannot be called from here",
    "check": "judge a file of answers to golden vectors",
    "atlas": "map a new rule among the known ones",
    "selftest": "judge the judge: wrong gradients have to be refuted, unusual ones accepted",
    "rules": "the rule table: edges kept x feedback; a page on each",
    "cells": "the cells: equations, edges, options and what libraries call them",
    "surrogates": "the pseudo-derivatives: formulas, scales, who uses them",
    "losses": "what a loss is made of: in what form, of what, reduced how",
    "derive": "read the derivations, and prove them about the engine's own code",
    "theorems": "theorems about every size, checked by Coq, and their tie to the engine",
    "claims": "what papers claim about learning, tested by training",
    "hardware": "on-chip learning in fixed point: descriptions, proofs, gradient ledger",
}

# commands/claims.py holds the options that say what an implementation claims
FILES = {"claims": "papers"}

# what stands on one line of --help: it has to fit a screen of 80 x 24; what is not named here gets a line of its own
TOGETHER = {
    ("show", "verify", "diff"): "a certificate: read, check, compare",
    ("vectors", "check"): "golden vectors; judge answers to them",
    ("rules", "cells", "surrogates", "losses"): "what a claim can name, a page on each",
    ("derive", "theorems", "hardware"): "proofs: by SymPy, by Coq, about chips",
    ("atlas", "selftest", "claims"): "map a rule; judge the judge; test papers",
}

EPILOG = """\b
Example:
  gradcert certify mypackage.learning:gradients --rule ostl --cells snu
Exit status: 0 certified, 1 refuted, 2 usage, 3 inconclusive, 4 our error.
All of them, JSON: the documentation's page "Commands". What next: gradcert"""


class Commands(click.Group):
    """Commands that are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"gradcert.commands.{FILES.get(name, name)}").command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Understand the names that options had before, and say what they are called."""
        if any(word.startswith(("--cell", "--depth", "--layer", "--option")) for word in args):
            from gradcert.certify.names import renamed_words

            args, said = renamed_words(args)
            for sentence in said:
                click.echo(f"note: {sentence}", err=True)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; say which one was meant by a name that is none."""
        from gradcert.reference.suggest import nearest

        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            found = nearest(name, COMMANDS)
            ctx.fail(f"No such command {name!r}." + (f" Did you mean {found!r}?" if found else ""))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        words = [*getattr(ctx, "_protected_args", ()), *ctx.args]
        try:
            with waiting.saying():
                return super().invoke(ctx)
        except click.NoSuchOption as error:
            if named := [word for word in words if word.startswith("-") and ".py" in word]:
                do = f"A file whose name begins with - is named ./{named[0]}"
                raise click.UsageError(f"{error.format_message()} {do}", ctx=error.ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands without importing them, related ones on one line."""
        lines: dict[tuple[str, ...], str] = {
            (name,): text for name, text in COMMANDS.items() if not any(name in group for group in TOGETHER)
        }
        rows = [(", ".join(names), text) for names, text in {**lines, **TOGETHER}.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows, col_max=36, col_spacing=1)


@click.command(
    cls=Commands,
    epilog=EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="gradcert")
@click.option("--json", "as_json", is_flag=True, hidden=True)  # the help has to fit a screen
@click.pass_context
def gradcert(ctx: click.Context, as_json: bool) -> None:
    """Say whether code computes the gradient that it says it computes."""
    if ctx.invoked_subcommand is None:
        from gradcert.beginning import commands, steps

        if as_json:
            todo = [{"command": line, "what": what} for line, what in commands(Path.cwd())]
            click.echo(json.dumps({"version": __version__, "next": todo}, indent=1))
            return
        for line in steps(Path.cwd()):
            click.echo(line)
    elif as_json:
        raise click.UsageError(f"--json stands behind the command: gradcert {ctx.invoked_subcommand} --json")


def told(said: str, error: Exception) -> None:
    """Tell programs and GitHub Actions, where the command line asks for it, that nothing was judged."""
    from gradcert import failing

    words = sys.argv[1:]
    found = next((gradcert.get_command(click.Context(gradcert), word) for word in words if word in COMMANDS), None)
    options = [one for one in (found.params if found else ()) if isinstance(one, click.Option)]
    failing.tell(words, said, error, next((one for one in options if "--json" in one.opts), None))


def main() -> None:
    """Run the command line; errors of ours end with status 4 and say so, an interrupt with 130, as shells have it."""
    streams.prepare()
    try:
        status = gradcert(prog_name="gradcert", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        told(error.format_message(), error)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort) as error:
        interrupted = isinstance(error, KeyboardInterrupt) or isinstance(error.__cause__, KeyboardInterrupt)
        click.echo("gradcert: interrupted" if interrupted else "gradcert: not done", err=True)
        sys.exit(130 if interrupted else 1)
    except Exception as error:  # the last resort: SystemExit passes by
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            click.echo("gradcert: what it writes to is full", err=True)
            sys.exit(2)
        from gradcert.reference.printable import printable

        click.echo(printable(traceback.format_exc(), most=20_000, lines=True), err=True)
        said = f"internal error ({type(error).__name__}); this is a defect of gradcert"
        click.echo(f"gradcert: {said}", err=True)
        try:
            told(said, error)
        finally:
            sys.exit(4)
    sys.exit(status if isinstance(status, int) else 0)
