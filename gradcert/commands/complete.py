"""Shell completion of what is named: rules, cells, subjects; commands and options are click's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def names(table: str) -> Completer:
    """Return a completer of the names of a table of `gradcert.reference`, which is imported when a shell asks."""

    def complete(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
        from gradcert import reference

        return [CompletionItem(name) for name in getattr(reference, table) if name.startswith(begun)]

    return complete


def subjects(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete a subject: those that `gradcert init` would find in this folder, or a file."""
    from gradcert.beginning import look

    found = [CompletionItem(one.subject) for one in look(Path.cwd()).found if one.subject.startswith(begun)]
    return found or [CompletionItem(begun, type="file")]
