"""The line about a repair in pieces, what is code and what is not: every form marks code in its own way."""

from __future__ import annotations

from gradcert.certify.certificates import Certificate
from gradcert.certify.repair import told


def pieces(certificate: Certificate) -> list[tuple[str, bool]]:
    """Return the pieces of the sentence about a repair, and whether each is code; none where nobody asked for one.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> edit = {"file": "a.py", "line": 2, "before": "x = `1`", "after": ""}
    >>> pieces(SimpleNamespace(repair={"edits": [edit]}, claim={"rule": "ostl"}))
    [('a.py:2', True), ('x = `1`', True), ('->', False), ('(nothing)', False), ('makes it ostl', False)]
    """
    if not certificate.repair or not certificate.repair.get("edits"):
        return [(line, False)] if (line := told(certificate)) else []
    edits, out = certificate.repair["edits"], list[tuple[str, bool]]()
    for edit in edits:
        out += [("and", False)] if out else []
        out.append((f"{edit['file']}:{edit['line']}", True))
        out += [_code(edit["before"]), ("->", False), _code(edit["after"])]
    return [*out, (f"{'makes' if len(edits) == 1 else 'make'} it {certificate.claim['rule']}", False)]


def _code(text: str) -> tuple[str, bool]:
    return (text, True) if text else ("(nothing)", False)
