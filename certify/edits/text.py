"""An edit of a tree as an edit of the text: the user's own lines, with as little of them changed as can be."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from typing import Any

from gradcert.certify.edits.edit import Edit

OPEN = ("(", ",", "[", "{", "+", "-", "*", "/", "@")  # at the end of a line that goes on


def hunk(edit: Edit) -> dict[str, Any] | None:
    """Return what an edit does to the text of its file; None where no text says exactly what the tree says.

    Returns
    -------
    ``path``; ``first``, ``last``: the lines that change, counted from 1, ``last`` less than ``first`` where lines are
    only added; ``lines``: what stands there instead; ``at``, ``to``: the lines that are to be shown; ``operator``.
    """
    old = edit.source.text
    with edit.made():
        wanted = ast.unparse(edit.source.tree)
    for new in _texts(edit, old):
        if _says(new, wanted):
            return _hunk(edit, old, new)
    return None


def applied(source: str, hunk: Mapping[str, Any]) -> str:
    r"""Return a text after a hunk.

    Examples
    --------
    >>> applied("a\nb\nc", {"first": 2, "last": 2, "lines": ["B", "b"]})
    'a\nB\nb\nc'
    """
    lines = source.split("\n")
    return "\n".join([*lines[: hunk["first"] - 1], *hunk["lines"], *lines[hunk["last"] :]])


def _says(text: str, wanted: str) -> bool:
    try:
        return ast.unparse(ast.parse(text)) == wanted
    except (SyntaxError, ValueError):
        return False


def _texts(edit: Edit, old: str) -> Iterator[str]:
    """Yield texts in which the edit may have been made, the one that changes least first."""
    if isinstance(edit.new, list) and edit.new and isinstance(edit.new[0], ast.stmt):
        yield _statements(edit, old)
        return
    held = getattr(edit.owner, edit.name)
    replaced = held if edit.index is None else held[edit.index]
    text = _quoted(ast.unparse(edit.new), edit.new, old)
    yield _spliced(old, replaced, text)
    yield _spliced(old, replaced, f"({text})")
    with edit.made():
        whole = _head(edit.statement)
    lines = old.split("\n")
    first, last = head_lines(edit.statement)
    indent = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip())]
    yield "\n".join([*lines[: first - 1], *(indent + line for line in whole), *lines[last:]])


def _quoted(text: str, new: ast.AST, old: str) -> str:
    """Return a text with the strings in it as the user wrote them."""
    for node in ast.walk(new):
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and hasattr(node, "end_lineno"):
            if isinstance(node, ast.JoinedStr) or isinstance(node.value, str):
                own = ast.get_source_segment(old, node)
                if own and "\n" not in own and own[:1] in "\"'fF":
                    text = text.replace(ast.unparse(node), own)
    return text


def _spliced(old: str, node: Any, text: str) -> str:
    """Return the text with another one in the place of a node."""
    lines = [line.encode() for line in old.split("\n")]
    first, last = node.lineno - 1, node.end_lineno - 1
    head, tail = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
    return b"\n".join([*lines[:first], head + text.encode() + tail, *lines[last + 1 :]]).decode()


def _head(statement: Any) -> list[str]:
    """Return the lines of a statement, of a compound one those of its head."""
    lines = ast.unparse(statement).split("\n")
    return lines[:1] if getattr(statement, "body", None) else lines


def head_lines(statement: Any) -> tuple[int, int]:
    """Return the first and the last line of a statement, of a compound one those of its head."""
    body = getattr(statement, "body", None)
    last = min(body[0].lineno - 1, statement.end_lineno) if body else statement.end_lineno
    return statement.lineno, max(statement.lineno, last)


def _statements(edit: Edit, old: str) -> str:
    """Return the text with a list of statements changed: those that were there keep their lines."""
    before = getattr(edit.owner, edit.name)
    lines = old.split("\n")
    start, end = before[0].lineno, before[-1].end_lineno
    indent = " " * before[0].col_offset
    out: list[str] = []
    for statement in edit.new:
        if any(statement is b for b in before):
            part = lines[statement.lineno - 1 : statement.end_lineno]
            out += _comments(lines, before, statement) + part
        elif getattr(statement, "end_lineno", None) is not None and hasattr(statement, "number"):  # out of a block
            shift = statement.col_offset - before[0].col_offset
            out += [line[shift:] for line in lines[statement.lineno - 1 : statement.end_lineno]]
        else:
            out += [_quoted(indent + line, statement, old) for line in ast.unparse(statement).split("\n")]
    return "\n".join([*lines[: start - 1], *out, *lines[end:]])


def _comments(lines: list[str], before: list[Any], statement: Any) -> list[str]:
    """Return the lines between a statement and the one that it followed: comments and empty ones."""
    number = next(i for i, b in enumerate(before) if b is statement)
    return lines[before[number - 1].end_lineno : statement.lineno - 1] if number else []


def _hunk(edit: Edit, old: str, new: str) -> dict[str, Any]:
    a, b = old.split("\n"), new.split("\n")
    first = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    tail = 0
    while tail < min(len(a), len(b)) - first and a[len(a) - 1 - tail] == b[len(b) - 1 - tail]:
        tail += 1
    last, end = len(a) - tail, len(b) - tail
    top, bottom = head_lines(edit.statement)
    if bottom > top or isinstance(edit.new, list):  # of a long statement the lines that change
        top, bottom = first + 1, last
    return {
        "path": edit.source.path,
        "first": first + 1,
        "last": last,
        "lines": b[first:end],
        "at": top,
        "to": bottom,
        "operator": edit.operator,
    }


def joined(lines: list[str]) -> str:
    """Return lines as one, without comments.

    Examples
    --------
    >>> joined(["    a = b  # as before", "", "    c = '#'"])
    "a = b; c = '#'"
    """
    out = ""
    for part in filter(None, (_uncommented(line).strip() for line in lines)):
        joint = "" if not out else " " if out.endswith(OPEN) else "; "
        out += joint + part
    return out


def _uncommented(line: str) -> str:
    try:
        for token in tokenize.generate_tokens(io.StringIO(line.strip()).readline):
            if token.type == tokenize.COMMENT:
                return line.strip()[: token.start[1]]
    except (tokenize.TokenError, IndentationError):  # a part of a statement
        pass
    return line
