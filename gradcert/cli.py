"""The command line: a thin layer over the Python API. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import importlib
import os
import sys
import traceback

import click

from gradcert import __version__

COMMANDS = {
    "certify": "judge a subject against what it claims",
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
    "claims": "the claims that papers make about learning, tested by training on the engine",
    "hardware": "on-chip learning in fixed point: descriptions, proofs, gradient ledger",
}

# commands/claims.py holds the options that say what an implementation claims
FILES = {"claims": "papers"}

EPILOG = """\b
Examples:
  gradcert certify examples/numpy_ostl.py:gradients
  gradcert certify mypackage.learning:gradients --rule ostl --cells snu --depths 2
  gradcert rules

\b
Exit status: 0 certified; 1 refuted; 2 usage; 3 inconclusive; 4 internal error;
130 interrupted."""


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gradcert")
def gradcert() -> None:
    """Conformance checks and certificates for online-learning gradients of recurrent and spiking networks.

    A subject is any callable that computes gradients; what it claims is checked on generated cases, within an error
    budget that is derived for every entry, and a claim that fails is diagnosed.
    """


def main() -> None:
    """Run the command line; errors of ours end with status 4 and say so, an interrupt with 130, as shells have it."""
    try:
        status = gradcert(prog_name="gradcert", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort) as error:
        interrupted = isinstance(error, KeyboardInterrupt) or isinstance(error.__cause__, KeyboardInterrupt)
        click.echo("gradcert: interrupted" if interrupted else "gradcert: not done", err=True)
        sys.exit(130 if interrupted else 1)
    except BrokenPipeError:  # whoever read the output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except Exception as error:  # the last resort: SystemExit passes by
        from gradcert.reference.printable import printable

        click.echo(printable(traceback.format_exc(), most=20_000, lines=True), err=True)
        click.echo(f"gradcert: internal error ({type(error).__name__}); this is a defect of gradcert", err=True)
        sys.exit(4)
    sys.exit(status if isinstance(status, int) else 0)
