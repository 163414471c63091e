"""Circumstances in words: what was met, what was not, what the claim rules out, and the largest problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcert.certify.claims import TEXTS

MET, NOT = "met", "not met"


def lines(found: Mapping[str, Any]) -> list[str]:
    """Return what a terminal shows.

    Examples
    --------
    >>> levels = {"T": {"1": "met", "2": "not met"}, "leak": {"0": "no leak", "1": "no leak"}}
    >>> largest = {"T": 1, "B": 2, "sizes": [[3, 4], [2, 1]]}
    >>> for line in lines({"levels": levels, "pairs": {"met": 0, "of": 4}, "largest": largest, "calls": 9}):
    ...     print(line)
    circumstances: 1 of 2 levels met, 0 of 4 pairs; not met: T 2; ruled out: leak 0, 1
    largest: T 1, B 2, calls 9; sizes 3-4, 2-1
    """
    levels = [(axis, name, what) for axis, names in found["levels"].items() for name, what in names.items()]
    met = sum(what == MET for _, _, what in levels)
    asked = sum(what in (MET, NOT) for _, _, what in levels)
    pairs, largest = found["pairs"], found["largest"]
    head = f"circumstances: {met} of {asked} levels met, {pairs['met']} of {pairs['of']} pairs"
    if missing := _grouped((a, n) for a, n, what in levels if what == NOT):
        head += f"; not met: {missing}"
    if out := _grouped((a, n) for a, n, what in levels if what not in (MET, NOT)):
        head += f"; ruled out: {out}"
    sizes = ", ".join("-".join(map(str, widths)) for widths in largest["sizes"])
    return [head, f"largest: T {largest['T']}, B {largest['B']}, calls {found['calls']}; sizes {sizes}"]


def table(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a page's table: an axis, what it means, its levels as (name, state, why)."""
    rows = []
    for axis, names in found["levels"].items():
        states = [
            (n, "met" if w == MET else "not" if w == NOT else "out", "" if w == MET else w) for n, w in names.items()
        ]
        rows.append({"axis": axis, "text": TEXTS.get(axis, ""), "levels": states})
    return rows


def _grouped(levels: Any) -> str:
    groups: dict[str, list[str]] = {}
    for axis, name in levels:
        groups.setdefault(axis, []).append(name)
    return "; ".join(f"{axis} {', '.join(names)}" for axis, names in groups.items())
