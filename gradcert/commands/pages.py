"""How a listing, or a page on one name, is shown: as text for people, or as the same record in JSON."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

AS_JSON = click.option("--json", "as_json", is_flag=True, help="The same as JSON.")


def wide(usual: int) -> int | None:
    """Return the columns of what is printed: a terminal's or those of ``COLUMNS``, which rich knows; else the usual."""
    return None if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit() else usual


def shown(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a record: entries that are texts as facts, lists of mappings as tables, ``page`` as it is.

    Parameters
    ----------
    record : what there is to say, in order; ``name`` and ``title`` are the head.
    """
    if as_json:
        click.echo(json.dumps(record, indent=1, default=str))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(width=wide(200), highlight=False)
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="dim")
    facts.add_column()
    if "name" in record:
        console.print(f"[bold]{escape(str(record['name']))}[/bold]  {escape(str(record.get('title', '')))}")
    for key, value in record.items():
        if isinstance(value, Mapping):
            facts.add_row(key, "\n".join(f"{k} = {v}" for k, v in value.items()), style="")
        elif isinstance(value, str) and value and key not in ("name", "title", "page"):
            facts.add_row(key, escape(value))
    if facts.row_count:
        console.print(facts)
    for key, value in record.items():
        if isinstance(value, list) and value:
            console.print(f"\n[bold]{key}[/bold]")
            console.print(_table(value))
    if record.get("page"):
        console.print(f"\n{escape(str(record['page']).strip())}")


def _table(rows: Sequence[Mapping[str, Any]]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(text(row.get(column, ""))) for column in columns))
    return table


def text(value: Any) -> str:
    """Return a value in a table's field.

    Examples
    --------
    >>> text(["v", "z"]), text({"scale": 2.0}), text(None)
    ('v, z', 'scale=2.0', '')
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={v}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def rows_of(doc: str | None, *, number: int = 0) -> list[dict[str, str]]:
    """Return the rows of a simple table in a docstring: what is documented there is shown, and written once.

    Parameters
    ----------
    number : which of its tables.

    Examples
    --------
    >>> rows_of('''Of what.
    ...
    ... ====  ==========
    ... when  meaning
    ... ====  ==========
    ... sum   all steps,
    ...       together
    ... last  the last
    ... ====  ==========
    ... ''')
    [{'when': 'sum', 'meaning': 'all steps, together'}, {'when': 'last', 'meaning': 'the last'}]
    """
    lines = [line.strip("\n") for line in (doc or "").split("\n")]
    rules = [k for k, line in enumerate(lines) if re.fullmatch(r"\s*=+(\s+=+)+\s*", line)]
    if len(rules) < 3 * number + 3:
        return []
    top, under, end = rules[3 * number : 3 * number + 3]
    starts = [match.start() for match in re.finditer(r"=+", lines[top])]

    def fields(line: str) -> list[str]:
        return [line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]

    names, out = fields(lines[top + 1]), list[dict[str, str]]()
    for line in lines[under + 1 : end]:
        values = fields(line)
        if values[0]:
            out.append(dict(zip(names, values, strict=True)))
        elif out:
            out[-1] = {k: f"{old} {new}".strip() for (k, old), new in zip(out[-1].items(), values, strict=True)}
    return out


def chosen(name: str, known: Iterable[str], what: str) -> str:
    """Return a name that is known.

    Raises
    ------
    click.UsageError : for any other.
    """
    from gradcert.reference.suggest import nearest

    there = list(known)
    if name not in there:
        meant = f" (did you mean {found!r}?)" if (found := nearest(name, there)) else ""
        raise click.UsageError(f"the {what} {name!r} is unknown{meant}; there are {', '.join(there)}")
    return name
