"""What a certificate says about circumstances: levels met, not met and ruled out; pairs; the largest problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from gradcert.certify.claims import AXES, Claim
from gradcert.certify.problems.cases.circumstances.rows import IMPOSSIBLE
from gradcert.certify.problems.cases.circumstances.ruled import UNCLAIMED, ruled_out

MANY = 150  # calls of one process
Level = tuple[str, str]


def summary(
    claim: Claim, cases: Iterable[Mapping[str, Any]], *, calls: int, again: bool, outside: Iterable[Level] = ()
) -> dict[str, Any]:
    """Return the record of a certificate.

    Parameters
    ----------
    cases : the facts of every case that was judged.
    calls : that one process has answered at least.
    again : whether a problem was asked again, others in between.
    outside : levels that no case of this run could meet (memory, for a program in another language).

    Returns
    -------
    ``{"levels": {axis: {level: "met", "not met", or why it is ruled out}}, "pairs": {"met", "of"},
    "largest": {"T", "B", "inputs", "targets", "sizes"}, "calls"}``. A level is ruled out if it is for every cell of the
    claim.
    """
    facts = [f for f in cases if "met" in f]
    met = {_level(text) for f in facts for text in f["met"]}
    met |= {("calls", "first")} if facts else set()
    met |= {("calls", "again")} if again else set()
    met |= {("calls", "many")} if calls > MANY else set()
    met -= set(outside)
    rules = [ruled_out(claim, cell) for cell in claim.stacks]
    out = {level: why for level, why in rules[0].items() if all(level in other for other in rules)}
    out |= {level: "arrays of another language" for level in outside}
    levels = {
        axis: {name: "met" if (axis, name) in met else out.get((axis, name), "not met") for name in names}
        for axis, names in AXES.items()
        if any(out.get((axis, name)) != UNCLAIMED for name in names)
    }
    possible, seen = pairs(facts, out)
    widths = sorted({tuple(f["sizes"]) for f in facts})
    return {
        "levels": levels,
        "pairs": {"met": len(seen), "of": len(possible)},
        "largest": {
            "T": max((f["T"] for f in facts), default=0),
            "B": max((f["B"] for f in facts), default=0),
            **{name: max(f[name] for f in facts) for name in ("inputs", "targets") if facts and name in facts[0]},
            "sizes": [list(w) for w in widths],
        },
        "calls": calls,
    }


def _level(text: str) -> Level:
    axis, _, level = text.partition(": ")
    return axis, level


def pairs(
    facts: Iterable[Mapping[str, Any]], out: Iterable[Level]
) -> tuple[set[tuple[Level, Level]], set[tuple[Level, Level]]]:
    """Return the pairs of levels, of two axes, that a case can meet where some levels are ruled out; those met."""
    open_levels = sorted({(a, v) for a, names in AXES.items() if a != "calls" for v in names} - set(out))
    possible = {(a, b) for a, b in combinations(open_levels, 2) if a[0] != b[0]}
    for (one, these), (other, those) in (some for some in IMPOSSIBLE if len(some) == 2):
        for a in these:
            for b in those:
                possible -= {((one, a), (other, b)), ((other, b), (one, a))}
    met = {pair for f in facts for pair in combinations(sorted(_level(text) for text in f["met"]), 2)}
    return possible, possible & met
