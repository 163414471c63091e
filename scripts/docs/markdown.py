"""What the pages that are made from the code are written with: tables, contents, HTML in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return records as a table; their names are its head."""
    rows = list(rows)
    if not rows:
        return ""
    names = list(rows[0])
    head = f"| {' | '.join(names)} |\n|{'---|' * len(names)}\n"
    return head + "".join(f"| {' | '.join(cell(row[n]) for n in names)} |\n" for row in rows) + "\n"


def cell(value: Any) -> str:
    """Return a value as the text of a table's cell: code where it has signs; a formula stays one."""
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    if isinstance(value, Mapping):
        value = ", ".join(f"{k} = {v}" for k, v in value.items())
    text = str(value).replace("|", "\\|").replace("\n", " ")
    if re.search(r"\$[^$]+\$|^<a |^`|^\[\w+\]\([^)]*\)(?: as .*)?$", text):  # is Markdown
        return text
    code = re.search(r"[_*^<>\[\]{}$]|(?<![a-z])'|'(?![a-z])", text)
    return f"`{text}`" if code and "`" not in text else text


def toctree(names: Iterable[str]) -> str:
    """Return a table of contents."""
    return "```{toctree}\n:maxdepth: 1\n\n" + "\n".join(names) + "\n```\n"


def raw(html: str) -> str:
    """Return HTML as a block of Markdown."""
    return f"``````{{raw}} html\n{html}\n``````\n"


def write(path: Path, text: str) -> None:
    """Write a page."""
    path = path if path.suffix in (".md", ".rst") else path.with_name(f"{path.name}.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
