"""Text from outside made safe to show: what a terminal or a page would obey is written out instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

MOST = 2000  # characters of one piece of text
SLACK = 40  # and what says how many more there were, so that a text is cut once


def printable(text: object, *, most: int = MOST, lines: bool = False) -> str:
    r"""Return a text in which every character is one that shows.

    Control characters, terminal escapes, lone surrogates, bidirectional marks, U+2028 and what else has no look of its
    own are written as escapes.

    Parameters
    ----------
    most : characters that are kept; how many are left out is said.
    lines : keep line breaks.

    Examples
    --------
    >>> print(printable("a\x1b[2Jb\u202e"))
    a\x1b[2Jb\u202e
    >>> printable("a" * 100, most=4)
    'aaaa... (96 more characters)'
    """
    given = str(text)
    kept = given if len(given) <= most + SLACK else given[:most]
    if not kept.isprintable():
        kept = "".join(c if c.isprintable() or (lines and c == "\n") else _shown(c) for c in kept)
    return kept if len(given) <= most + SLACK else f"{kept}... ({len(given) - most} more characters)"


def _shown(character: str) -> str:
    return "    " if character == "\t" else character.encode("unicode_escape").decode("ascii")


def legible(value: Any, *, most: int = MOST) -> Any:
    r"""Return a record of any depth, with every text in it made printable.

    Examples
    --------
    >>> legible({"a": ["b\r", 1.0]})
    {'a': ['b\\r', 1.0]}
    """
    if isinstance(value, str):
        return value if value.isprintable() and len(value) <= most else printable(value, most=most)
    if isinstance(value, Mapping):
        return {legible(k, most=most): legible(v, most=most) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        if all(type(v) is float for v in value):
            return value
        return type(value)(legible(v, most=most) for v in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: legible(getattr(value, f.name), most=most) for f in fields(value)})
    return value
