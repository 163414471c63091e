"""`docs/soundness.md`: its words, and what it says that needs no attack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gradcert.certify.claims import Claim
from gradcert.certify.problems import pairs, plan, ruled_out, summary
from gradcert.certify.runs import Task, case_of
from scripts.attack import fuzz, held, underflow

FILES = "Files and messages from outside"
CLAIMS = ("lif", "snu", "rnn", "gru")  # whose circumstances are counted


def met(profile: str) -> tuple[list[str], set[str]]:
    """Return a row per cell: levels and pairs of levels that the cases of a profile meet, of all that can be; the rest.

    A case of hundreds of steps is one by itself, so that its pairs are counted apart.
    """
    rows, left = [], set()
    for cell in CLAIMS:
        claim = Claim(rule="bptt", cells=(cell,))
        cases = [case_of(Task(spec, claim, 0)) for spec in plan(claim, profile)]
        facts = [case.facts for case in cases if case is not None]
        found = summary(claim, facts, calls=0, again=False)["levels"]
        levels = [s for axis, names in found.items() if axis != "calls" for s in names.values() if "met" in s]
        possible, seen = pairs(facts, ruled_out(claim, cell))
        counts = []
        for long in (False, True):
            these = {p for p in possible if (("T", "hundreds") in p) == long}
            counts.append(f"{len(these & seen)} of {len(these)}")
        rows.append(f"| {profile} | {cell} | {levels.count('met')} of {len(levels)} | {' | '.join(counts)} |")
        rest = [p for p in possible - seen if ("T", "hundreds") not in p]
        left |= {" with ".join(f"{axis} {level}" for axis, level in pair) for pair in rest}
    return rows, left


def rounded() -> list[str]:
    """Return a row per dtype: how many expressions leave the budget, and the budget without underflow."""
    rows = []
    for dtype in underflow.EDGE:
        now = underflow.outside(100_000, dtype)
        before = underflow.outside(100_000, dtype, underflow.without_underflow)
        rows.append(f"| {dtype} | {now} | {before} |")
    return rows


def page(
    commit: str,
    tried: Sequence[str],
    right: Sequence[str],
    rounding: Sequence[str],
    circumstances: Sequence[str],
    left: Iterable[str],
    files: Sequence[str],
) -> str:
    """Return the page, of the rows of its tables and the pairs that no case meets."""
    lines = [
        "# Soundness",
        "",
        "What the judge was attacked with, and what held. Written by `make attack`; what a verdict may rest on, and",
        "against whom nothing is promised, is in [SECURITY.md](../SECURITY.md) and in ARCHITECTURE.md.",
        "",
        f"Commit {commit}, but for rows that name another: hours of work are not thrown away by a change elsewhere.",
        "",
        "## Attacks tried before, and tried again",
        "",
        "Every one that ever got through, and its kind, is a test; these are the tests, run for this page.",
        "",
        *tried,
        "## Right implementations, in many ways to compute",
        "",
        "None may be refuted, make a run void, or leave it inconclusive. One claim per seed, rotating through cells,",
        "readouts, losses and dtypes; every case is answered in 13 general ways, by PyTorch where it fits, and by the",
        "gallery's own, of which those that run a program for every parameter answer short cases alone.",
        "",
        "| profile | seeds | cases | answers | refuted | void | inconclusive | commit |",
        "|---|---|---|---|---|---|---|---|",
        *right,
        "",
        "## Underflow",
        "",
        "100,000 random expressions at the edge of the range, against exact rational arithmetic; the budget before",
        "underflow was part of it fails the same test.",
        "",
        "| dtype | outside the budget | outside the budget without underflow |",
        "|---|---|---|",
        *rounding,
        "",
        "## Circumstances",
        "",
        "Levels of the axes in `certify/claims/circumstances.py`, and pairs of levels of two axes, that the cases of",
        "one run meet, of all that a case can. Repeated calls are an axis apart, the case of hundreds of steps is one",
        "by itself. A certificate lists what its run met. These rows are of the code as it is now, and a test works",
        "them out anew (`python -m scripts.attack --page`).",
        "",
        "| profile | cell | levels | pairs | pairs with hundreds of steps |",
        "|---|---|---|---|---|",
        *circumstances,
        "",
        f"Pairs that the thorough profile does not meet: {'; '.join(sorted(left)) or 'none'}.",
        "",
        f"## {FILES}",
        "",
        "Changed at random, by Hypothesis: no exit 4, no code run, no escape printed.",
        "",
        "| kind | inputs | read | refused | faults | commit |",
        "|---|---|---|---|---|---|",
        *files,
        "",
    ]
    return "\n".join(lines)


def renewed(text: str) -> str:
    """Return a page with its words, its lists of what is tried and its circumstances as they are now.

    What was measured stays as it was; of what is tried since nothing is said but that.
    """
    sections = {part.partition("\n")[0]: part for part in re.split(r"(?m)^## ", text)}
    commit = re.search(r"(?m)^Commit (\w+),", text)
    if commit is None:
        raise SystemExit("docs/soundness.md names no commit")
    attacks, files = _rows(sections["Attacks tried before, and tried again"]), _rows(sections[FILES])
    thorough, left = met("thorough")
    return page(
        commit[1],
        held.table(lambda tried: attacks.get(tried["what"], f"| {tried['what']} | not run yet | | |")),
        list(_rows(sections["Right implementations, in many ways to compute"]).values()),
        list(_rows(sections["Underflow"]).values()),
        [*met("default")[0], *thorough],
        left,
        [files.get(kind, f"| {kind} | not run yet | | | | |") for kind in fuzz.READERS],
    )


def _rows(section: str) -> dict[str, str]:
    """Return the rows of the tables of a section, by their first cell; a table begins with two lines of its own."""
    lines = section.splitlines()
    heads = {i for i, line in enumerate(lines) if line.startswith("|---")}
    rows = [line for i, line in enumerate(lines) if line.startswith("| ") and i + 1 not in heads]
    return {row[2:].partition(" | ")[0]: row for row in rows}
