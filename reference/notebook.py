"""What a notebook shows of a record: a title and a table, in the notebook's own colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

EDGE = "border-left:4px solid {};padding:.2em .9em;margin:.3em 0;max-width:60em"


def card(title: str, facts: Iterable[tuple[str, str]] = (), *, colour: str = "#7a8699") -> str:
    """Return HTML with a title and facts, a row each; whatever is in them is text.

    Examples
    --------
    >>> card("<ostl>", [("keeps", "own STATE"), ("empty", "")])[-89:]
    '<td style="text-align:left;overflow-wrap:anywhere">own STATE</td></tr></table></div>'
    """
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left;vertical-align:top;opacity:.7">{escape(name)}</th>'
        f'<td style="text-align:left;overflow-wrap:anywhere">{escape(text)}</td></tr>'
        for name, text in facts
        if text
    )
    return f'<div style="{EDGE.format(colour)}"><strong>{escape(title)}</strong><table>{rows}</table></div>'


def grid(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return HTML with a title and a table with a line of heads.

    Examples
    --------
    >>> grid("two layers", ["cell"], [["snu"]]).count("<t")
    6
    """
    line = "".join(f'<th scope="col" style="text-align:left">{escape(head)}</th>' for head in heads)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escape(text)}</td>' for text in row) + "</tr>" for row in rows
    )
    return (
        f'<div style="{EDGE.format("#7a8699")}"><strong>{escape(title)}</strong>'
        f"<table><thead><tr>{line}</tr></thead><tbody>{body}</tbody></table></div>"
    )
