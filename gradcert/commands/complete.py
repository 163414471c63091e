"""Shell completion of what is named: rules, cells, circumstances, subjects; commands and options are click's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from gradcert.beginning import Project

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def of(known: Callable[[], Iterable[str]]) -> Completer:
    """Return a completer of names that are looked up when a shell asks."""

    def complete(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in known() if name.startswith(begun)]

    return complete


def names(table: str) -> Completer:
    """Return a completer of the names of a table of `gradcert.reference`."""

    def known() -> Iterable[str]:
        from gradcert import reference

        return list(getattr(reference, table))

    return of(known)


def levels() -> Iterable[str]:
    """Return circumstances that a claim may rule out, AXIS=LEVEL, those that a shell takes without quotes."""
    from gradcert.certify.claims import AXES

    return [f"{axis}={level}" for axis, levels in AXES.items() for level in levels if " " not in f"{axis}{level}"]


def subjects(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete a subject: those that `gradcert init` would find in this folder, its modules too, or a file."""
    from gradcert.beginning import look

    project = look(Path.cwd())
    return _or_file([*(one.subject for one in project.found), *_modules(project)], begun)


def modules(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete a module of this folder, or a file."""
    from gradcert.beginning import look

    return _or_file(_modules(look(Path.cwd())), begun)


def _modules(project: Project) -> list[str]:
    return [one.name for one in project.near if one.module]


def _or_file(known: Iterable[str], begun: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in known if name.startswith(begun)] or [CompletionItem(begun, type="file")]
