"""What a notebook shows of a record: a title and a table, in the notebook's own colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from html import escape
from typing import Any

EDGE = "border-left:4px solid {};padding:.2em .9em;margin:.3em 0;max-width:60em"


def card(title: str, facts: Iterable[tuple[str, str]] = (), *, colour: str = "#7a8699") -> str:
    """Return HTML with a title and facts, a row each; whatever is in them is text.

    Examples
    --------
    >>> shown = card("<ostl>", [("keeps", "own STATE"), ("empty", "")])
    >>> "&lt;ostl&gt;" in shown, "own STATE" in shown, "empty" in shown
    (True, True, False)
    """
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left;vertical-align:top;opacity:.7">{escape(name)}</th>'
        f'<td style="text-align:left;overflow-wrap:anywhere">{escape(text)}</td></tr>'
        for name, text in facts
        if text
    )
    return f'<div style="{EDGE.format(colour)}"><strong>{escape(title)}</strong><table>{rows}</table></div>'


def of_rule(rule: Any, facts: Iterable[tuple[str, str]]) -> str:
    """Return HTML of a rule: what is said of every one, behind facts of its own kind."""
    more = [("drops", rule.drops), ("exact", rule.exact)]
    more += [("time, memory", ", ".join(filter(None, (rule.time, rule.memory)))), ("source", rule.source)]
    return card(f"{rule.name}: {rule.title}", [*facts, *more])


def of_cell(cell: Any) -> str:
    """Return HTML of a cell: its nodes, edges through time and parameters, and the options that are not as usual."""
    own = "a cell of one's own, by its equations"
    said = own if hasattr(cell, "recipe") else " ".join((type(cell).__doc__ or "").strip().split("\n\n")[0].split())
    edges = [f"{link.edge.name} {link.source}' -> {link.target}" for link in cell.links if link.lag]
    weights = [f"{link.weight} of {link.source}{chr(39) * link.lag}" for link in cell.links if link.weight]
    options = [f"{f.name} {value}" for f in fields(cell) if repr(value := getattr(cell, f.name)) != repr(f.default)]
    facts = [("nodes", ", ".join(cell.nodes)), ("edges through time", ", ".join(edges))]
    facts += [("weights", ", ".join(weights)), ("trained, per unit", ", ".join(cell.trained))]
    return card(f"{cell.name}: {said}", [*facts, ("options", ", ".join(options))])


def grid(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return HTML with a title and a table with a line of heads.

    Examples
    --------
    >>> grid("two layers", ["cell"], [["snu"], ["lif"]]).count("<tr>")
    3
    """
    line = "".join(f'<th scope="col" style="text-align:left">{escape(head)}</th>' for head in heads)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escape(text)}</td>' for text in row) + "</tr>" for row in rows
    )
    return (
        f'<div style="{EDGE.format("#7a8699")}"><strong>{escape(title)}</strong>'
        f"<table><thead><tr>{line}</tr></thead><tbody>{body}</tbody></table></div>"
    )
