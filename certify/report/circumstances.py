"""Circumstances in words: what was met, what was not, what the claim rules out, and the largest problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gradcert.certify.claims import AXES, TEXTS

MET, NOT = "met", "not met"


def lines(found: Mapping[str, Any]) -> list[str]:
    """Return what a terminal shows.

    Examples
    --------
    >>> levels = {"T": {"1": "met", "2": "not met"}, "leak": {"0": "no leak", "1": "no leak"}}
    >>> largest = {"T": 1, "B": 2, "inputs": 4e6, "targets": 1.5, "sizes": [[3, 4], [2, 1]]}
    >>> for line in lines({"levels": levels, "pairs": {"met": 0, "of": 4}, "largest": largest, "calls": 9}):
    ...     print(line)
    circumstances: 1 of 2 levels met, 0 of 4 pairs; not met: T 2; ruled out: leak 0, 1
    largest: T 1, B 2, inputs 4e+06, targets 1.5, 9 calls or more; sizes 3-4, 2-1
    """
    levels = [(axis, name, what) for axis, names in _in_order(found["levels"]) for name, what in names]
    met = sum(what == MET for _, _, what in levels)
    asked = sum(what in (MET, NOT) for _, _, what in levels)
    pairs, largest = found["pairs"], found["largest"]
    head = f"circumstances: {met} of {asked} levels met, {pairs['met']} of {pairs['of']} pairs"
    if missing := _grouped((a, n) for a, n, what in levels if what == NOT):
        head += f"; not met: {missing}"
    if out := _grouped((a, n) for a, n, what in levels if what not in (MET, NOT)):
        head += f"; ruled out: {out}"
    sizes = ", ".join("-".join(map(str, widths)) for widths in largest["sizes"])
    calls = f", {found['calls']} calls or more" if found["calls"] else ""
    numbers = "".join(f", {name} {largest[name]:.2g}" for name in ("inputs", "targets") if name in largest)
    size = f"largest: T {largest['T']}, B {largest['B']}{numbers}{calls}; sizes {sizes}"
    return [head, size, *(f"code, while cases were asked: {text}" for text in code(found.get("code", {})))]


def code(found: Mapping[str, Any]) -> list[str]:
    """Return what is said of the subject's own code, a sentence a file.

    Examples
    --------
    >>> file = {"file": "rule.py", "lines": [[41, 44]], "conditions": [[12, "never false"]], "functions": ["main"]}
    >>> code({"looked": True, "files": [{**file, "ran": 20, "of": 24}], "tried": 8})
    ['rule.py: lines 41-44 never ran; line 12 was never false; never called: main']
    >>> code({"looked": False, "why": "a program in another language"})
    ['which lines ran was not looked at: a program in another language']
    """
    if not found:
        return []
    if not found["looked"]:
        return [f"which lines ran was not looked at: {found['why']}"]
    out = []
    for file in found["files"]:
        parts = []
        if spans := [f"{a}-{b}" if b > a else f"{a}" for a, b in file["lines"]]:
            word = "lines" if len(spans) > 1 or "-" in spans[0] else "line"
            parts.append(f"{word} {', '.join(spans)} never ran")
        parts += [f"line {line} was {what}" for line, what in file["conditions"]]
        if file["functions"]:
            parts.append(f"never called: {', '.join(file['functions'])}")
        said = "; ".join(parts) or "every line of its functions ran, every condition both ways"
        out.append(f"{file['file']}: {said}")
    return out


def table(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a page's table: an axis, what it means, its levels as (name, whether met, why not)."""
    rows = []
    for axis, names in _in_order(found["levels"]):
        states = [(name, what == MET, "" if what == MET else what) for name, what in names]
        rows.append({"axis": axis, "text": TEXTS.get(axis, ""), "levels": states})
    return rows


def _in_order(levels: Mapping[str, Mapping[str, str]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return levels in the order of `AXES`, whatever a file has them in; what another version names comes last."""

    def place(names: Iterable[str], name: str) -> tuple[int, str]:
        return next(((k, "") for k, known in enumerate(names) if known == name), (len(AXES) + 99, name))

    axes = sorted(levels, key=lambda axis: place(AXES, axis))
    return [(a, sorted(levels[a].items(), key=lambda level: place(AXES.get(a, ()), level[0]))) for a in axes]


def _grouped(levels: Any) -> str:
    groups: dict[str, list[str]] = {}
    for axis, name in levels:
        groups.setdefault(axis, []).append(name)
    return "; ".join(f"{axis} {', '.join(names)}" for axis, names in groups.items())
