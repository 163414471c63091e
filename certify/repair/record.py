"""What is kept of a repair, as a record of a certificate, and the sentence that is the same everywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
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

    The text of a file is read here and changed as a text; nothing of it is parsed or run.
    """
    from gradcert.certify.edits.text import applied

    texts: Texts = {}
    edits = []
    try:
        for hunk in hunks:
            path = os.path.realpath(str(hunk["path"]))
            if not path.endswith(".py") or not os.path.isfile(path):  # a pipe or a device would never end
                return None
            if path not in texts:
                with open(path, encoding="utf-8") as file:
                    texts[path] = file.read()
            count = texts[path].count("\n") + 1
            lines, first, last = list(map(str, hunk["lines"])), int(hunk["first"]), int(hunk["last"])
            if not 1 <= first <= last + 1 <= count + 1 or int(hunk["at"]) < 1:
                return None
            texts[path] = applied(texts[path], {"first": first, "last": last, "lines": lines})
            shown = {name: str(hunk[name]) for name in ("before", "after", "operator")}
            edits.append({"file": os.path.basename(path), "line": int(hunk["at"]), **shown})
    except (OSError, KeyError, TypeError, ValueError, OverflowError):
        return None
    return Repair(tuple(edits), texts) if edits else None


def none(why: str) -> dict[str, Any]:
    """Return the record of a subject for which no repair was looked for.

    Examples
    --------
    >>> line(none("a program in another language"), "bptt")
    'no repair was looked for: a program in another language'
    """
    return {"looked": False, "why": why}


def sentence(edits: tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]], rule: str) -> str:
    """Return a repair in one sentence.

    Examples
    --------
    >>> edit = {"file": "rule.py", "line": 41, "before": "e = leak * e + x", "after": "e = leak * (1 - z) * e + x"}
    >>> sentence([edit], "ostl")
    '`rule.py:41`  `e = leak * e + x`  ->  `e = leak * (1 - z) * e + x`  makes it ostl'
    """
    parts = [f"`{e['file']}:{e['line']}`  {_code(e['before'])}  ->  {_code(e['after'])}" for e in edits]
    return f"{'  and  '.join(parts)}  {'makes' if len(parts) == 1 else 'make'} it {rule}"


def _code(text: str) -> str:
    return f"`{text}`" if text else "(nothing)"


def line(record: Mapping[str, Any], rule: str) -> str:
    """Return the one line that is shown of a record: the repair, or why there is none."""
    if record.get("edits"):
        return sentence(record["edits"], rule)
    if not record.get("looked"):
        return f"no repair was looked for: {record.get('why', 'nobody asked')}"
    files = ", ".join(record.get("files", ())) or "its source"
    return f"no repair found among {record['tried']} edits of {files} in {record['seconds']:.0f} s"


def told(certificate: Any) -> str:
    """Return the line of a certificate, or "" where nobody asked for a repair."""
    return line(certificate.repair, certificate.claim["rule"]) if certificate.repair else ""


def details(record: Mapping[str, Any]) -> list[str]:
    """Return what is known of a repair beyond its line."""
    if not record.get("edits"):
        return []
    done = record["certified"]
    fresh = f"{done['cases']} fresh cases (seed {done['seed']}, profile {done['profile']})"
    out = [f"certified with it: {done['again']} cases of this run, {fresh}; no file was changed"]
    if "cause" in record:
        agrees = "holds there too" if record["cause"] else "does not hold there: the line is what stands"
        out.append(f"the cause that is named {agrees}: without the edit, on {record['compared']} of these problems")
    return out
