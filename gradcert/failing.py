"""What a command that judged nothing says beside its sentence on standard error: to programs, and to GitHub Actions."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

import click


def tell(words: Sequence[str], said: str, error: BaseException, option: click.Option | None) -> None:
    """Say an error as JSON where that was asked for on standard output, and as an annotation with ``--github``.

    Parameters
    ----------
    words : the command line.
    said : the sentence.
    error : what was raised; the parts are those of the error of gradcert's that it comes from.
    option : the command's ``--json``, None for a command that there is not.
    """
    words = words[: words.index("--")] if "--" in words else words
    as_json = asked(words, option)
    if as_json:
        click.echo(json.dumps({"error": record(said, error)}, indent=1))
    if "--github" in words:
        annotate(words, said, err=as_json)


def asked(words: Sequence[str], option: click.Option | None) -> bool:
    """Return whether standard output was to be JSON.

    Examples
    --------
    >>> flag, file = click.Option(["--json"], is_flag=True), click.Option(["--json"])
    >>> asked(["rules", "--json"], flag), asked(["show", "a", "--json", "b"], file), asked(["show", "--json=-"], file)
    (True, False, True)
    """
    if option is None or option.is_flag:
        return "--json" in words
    return "--json=-" in words or ("--json", "-") in pairwise(words)


def record(said: str, error: BaseException) -> dict[str, str | None]:
    """Return what was given, what is allowed and what to do."""
    from gradcert.reference.errors import GradcertError

    for one in (error, error.__context__):
        if isinstance(one, GradcertError) and said == str(one):
            return {"given": one.given, "allowed": one.allowed, "do": one.do}
    return {"given": said, "allowed": None, "do": None}


def annotate(words: Sequence[str], said: str, *, err: bool) -> None:
    """Write a workflow command, and add to the file that ``GITHUB_STEP_SUMMARY`` names.

    Parameters
    ----------
    err : whether on standard error: runners read both.
    """
    from gradcert.certify.report import annotate as annotations
    from gradcert.certify.report import markdown

    line = shlex.join(["gradcert", *words])
    click.echo(annotations.command("error", None, "gradcert: nothing was judged", f"{said}\n{line}"), err=err)
    if name := os.environ.get("GITHUB_STEP_SUMMARY"):
        with suppress(OSError), open(name, "a", encoding="utf-8") as file:  # which may be what the error is about
            section = ["### ⛔ nothing was judged", "", markdown.code(line), "", markdown.escaped(said)]
            file.write("\n".join([*section, "", ""]))
