"""What is kept of a repair, as a record of a certificate, and the sentence that is the same everywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Texts = dict[str, str]  # path -> content


@dataclass(frozen=True)
class Repair:
    """Edits after which a subject is right.

    Attributes
    ----------
    edits : ``file``, ``line``, ``before``, ``after``, ``operator`` of each.
    texts : what the files would hold.
    """

    edits: tuple[Mapping[str, Any], ...]
    texts: Mapping[str, str]


def repair(hunks: list[Mapping[str, Any]]) -> Repair | None:
    """Return the repair that hunks describe, or None for what describes none: they come from a stranger's process.

    The text of a file is read here and changed as a text, and what is shown of an edit is read in both; nothing of it
    is parsed or run. Lines are counted as in the file; edits that meet in a line are shown as one.
    """
    from gradcert.certify.edits.sources import shown as named
    from gradcert.certify.edits.text import applied, joined

    old: Texts = {}
    new: Texts = {}
    shown: list[_Shown] = []
    try:
        for hunk in hunks:
            path = os.path.realpath(str(hunk["path"]))
            if not path.endswith(".py") or not os.path.isfile(path):  # a pipe or a device would never end
                return None
            if path not in old:
                with open(path, encoding="utf-8") as file:
                    old[path] = new[path] = file.read()
            count = new[path].count("\n") + 1
            lines, first, last = list(map(str, hunk["lines"])), int(hunk["first"]), int(hunk["last"])
            at, to = int(hunk["at"]), int(hunk["to"])
            if not 1 <= at <= first <= last + 1 <= to + 1 <= count + 1:
                return None
            new[path] = applied(new[path], {"first": first, "last": last, "lines": lines})
            more = len(lines) - (last - first + 1)
            shown = _with(shown, _Shown(path, at, to, more, str(hunk["operator"])))
        edits = []
        for one in shown:
            moved = sum(s.more for s in shown if s.path == one.path and s.at < one.at)
            before = old[one.path].split("\n")[one.at - 1 : one.to]
            after = new[one.path].split("\n")[one.at - 1 + moved : one.to + moved + one.more]
            said = {"before": joined(before), "after": joined(after), "operator": one.operator}
            edits.append({"file": named(one.path), "line": one.at, **said})
    except (OSError, KeyError, TypeError, ValueError, OverflowError, IndentationError):
        return None
    return Repair(tuple(edits), new) if edits else None


@dataclass(frozen=True)
class _Shown:
    """Lines of a file, counted as in the file, that are shown of an edit; and how many more they become."""

    path: str
    at: int
    to: int
    more: int
    operator: str


def _with(shown: list[_Shown], one: _Shown) -> list[_Shown]:
    """Add an edit of the text after the others: its lines are counted as they were before, what meets becomes one."""
    at, to = (_before(shown, one.path, line) for line in (one.at, one.to))
    one = replace(one, at=at, to=max(to, at - 1))
    out = []
    for other in shown:
        if other.path == one.path and other.at <= max(one.to, one.at) and one.at <= max(other.to, other.at):
            operator = " and ".join(dict.fromkeys((other.operator, one.operator)))
            both = min(other.at, one.at), max(other.to, one.to), other.more + one.more
            one = _Shown(one.path, *both, operator)
        else:
            out.append(other)
    return [*out, one]


def _before(shown: list[_Shown], path: str, line: int) -> int:
    """Return the number that a line of an edited text has in the file; within an edit, that of its nearest line."""
    moved = 0
    for other in sorted((s for s in shown if s.path == path), key=lambda s: s.at):
        start = other.at + moved
        if line < start:
            break
        if line <= other.to + moved + other.more:
            return min(other.at + line - start, max(other.to, other.at))
        moved += other.more
    return line - moved


def none(why: str) -> dict[str, Any]:
    """Return the record of a subject for which no repair was looked for.

    Examples
    --------
    >>> line(none("a program in another language"), "bptt")
    'no repair was looked for: a program in another language'
    """
    return {"looked": False, "why": why}


def sentence(edits: Sequence[Mapping[str, Any]], rule: str) -> str:
    """Return a repair in one sentence.

    Examples
    --------
    >>> edit = {"file": "rule.py", "line": 41, "before": "e = leak * e + x", "after": "e = leak * (1 - z) * e + x"}
    >>> sentence([edit], "ostl")
    '`rule.py:41`  `e = leak * e + x`  ->  `e = leak * (1 - z) * e + x`  makes it ostl'
    """
    return "  ".join(f"`{text}`" if is_code else text for text, is_code in _pieces(edits, rule))


def _pieces(edits: Sequence[Mapping[str, Any]], rule: str) -> list[tuple[str, bool]]:
    out: list[tuple[str, bool]] = []
    for edit in edits:
        out += [("and", False)] if out else []
        out.append((f"{edit['file']}:{edit['line']}", True))
        out += [_code(edit["before"]), ("->", False), _code(edit["after"])]
    return [*out, (f"{'makes' if len(edits) == 1 else 'make'} it {rule}", False)]


def _code(text: str) -> tuple[str, bool]:
    return (text, True) if text else ("(nothing)", False)


def pieces(certificate: Any) -> list[tuple[str, bool]]:
    """Return the line of a certificate in pieces, and whether each is code; none where nobody asked for a repair.

    Every form of a report marks code in its own way.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> edit = {"file": "a.py", "line": 2, "before": "x = `1`", "after": ""}
    >>> pieces(SimpleNamespace(repair={"edits": [edit]}, claim={"rule": "ostl"}))
    [('a.py:2', True), ('x = `1`', True), ('->', False), ('(nothing)', False), ('makes it ostl', False)]
    """
    if certificate.repair and (edits := certificate.repair.get("edits")):
        return _pieces(edits, certificate.claim["rule"])
    return [(found, False)] if (found := told(certificate)) else []


def line(record: Mapping[str, Any], rule: str) -> str:
    """Return the one line that is shown of a record: the repair, or why there is none."""
    if record.get("edits"):
        return sentence(record["edits"], rule)
    if not record.get("looked"):
        return f"no repair was looked for: {record.get('why', 'nobody asked')}"
    if record.get("ended"):
        return f"no repair found: the search ended early, {record['ended']}"
    files = ", ".join(record.get("files", ())) or "its source"
    spent = record.get("processor")  # what the time that is given is of; candidates on several cores pass it faster
    took = f"{spent:.0f} s of processor time" if spent else f"{record['seconds']:.0f} s"
    return f"no repair found among {record['tried']} edits of {files} in {took}"


def told(certificate: Any) -> str:
    """Return the line of a certificate, or "" where nobody asked for a repair."""
    return line(certificate.repair, certificate.claim["rule"]) if certificate.repair else ""


def details(record: Mapping[str, Any], claim: Mapping[str, Any] | None = None) -> list[str]:
    """Return what is known of a repair beyond its line, and of what depths it is known, where a claim names depths."""
    if not record.get("edits"):
        return []
    done = record["certified"]
    counts = ((done["again"], "case"), (done["cases"], "fresh case"))
    again, fresh = (f"{number} {what}{'' if number == 1 else 's'}" for number, what in counts)
    seeded = f"(seed {done['seed']}, profile {done['profile']})"
    out = [f"certified with it: {again} of this run, {fresh} {seeded}{_depths(claim)}; no file was changed"]
    changed = sorted({edit["file"] for edit in record["edits"]})  # a file may hold the helper of several subjects
    out.append(f"what else uses {', '.join(changed)} was not tried with it")
    if "cause" in record:
        agrees = "holds there too" if record["cause"] else "does not hold there: the line is what stands"
        out.append(f"the cause that is named {agrees}: without the edit, on {record['compared']} of these problems")
    return out


def _depths(claim: Mapping[str, Any] | None) -> str:
    """Return the depths that a claim has, in words; a network that is given as a whole has its own.

    Examples
    --------
    >>> _depths({"depths": [1, 2, 4]}), _depths({"depths": [1], "network": {"populations": []}})
    (', at depth 1, 2 and 4', '')
    """
    if not claim or claim.get("network") or claim.get("layers") or not claim.get("depths"):
        return ""
    *most, last = map(str, claim["depths"])
    return f", at depth {', '.join(most)}{' and ' if most else ''}{last}"
