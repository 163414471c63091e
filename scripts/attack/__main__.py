"""``python -m scripts.attack`` (``make attack``): attack the judge from every side and write `docs/soundness.md`."""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

from gradcert.certify.claims import Claim
from gradcert.certify.problems import pairs, plan, ruled_out, summary
from gradcert.certify.runs import Task, case_of
from scripts.attack import fuzz, held, underflow
from scripts.attack.seeds import accepted, sources

PAGE = Path("docs/soundness.md")
CLAIMS = ("lif", "snu", "rnn", "gru")  # whose circumstances are counted


def fuzzed(inputs: int, kept: Path, commit: str, again: list[str]) -> list[str]:
    """Fuzz every kind of file and message that `kept` has no row of, or that is asked for again; return rows."""
    file = kept / "fuzz.json"
    rows: dict[str, list[Any]] = json.loads(file.read_text()) if file.exists() else {}
    rows = {kind: row for kind, row in rows.items() if row[0] >= inputs and kind not in again}
    with tempfile.TemporaryDirectory() as folder:
        ground = fuzz.prepared(Path(folder))
        for kind in fuzz.READERS:
            if kind in rows:
                continue
            found = fuzz.fuzz(ground, kind, inputs)
            rows[kind] = [found.inputs, found.read, found.refused, len(found.faults), commit]
            for line in list(dict.fromkeys(found.faults))[:3]:
                print(f"{kind}: {line}", flush=True)
            file.write_text(json.dumps(rows))
    return [f"| {kind} | {' | '.join(map(str, rows[kind]))} |" for kind in fuzz.READERS]


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


def main() -> None:
    """Run everything and write the page."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=100, help="of the default profile")
    options.add_argument(
        "--thorough", type=int, help="seeds of the thorough profile; a tenth of the others unless given"
    )
    options.add_argument("--inputs", type=int, default=1000, help="of every kind of file and message")
    options.add_argument("--jobs", type=int, default=1, help="processes that judge seeds")
    options.add_argument(
        "--kept", type=Path, help="a folder of results, of other code too: its rows say of which commit they are"
    )
    options.add_argument("--again", action="append", default=[], metavar="KIND", help="fuzz this kind anew; repeat")
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    kept = chosen.kept or Path("build/attack") / sources()
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True).stdout.strip()
    rounding: list[Any] = [
        (dtype, underflow.outside(100_000, dtype), underflow.outside(100_000, dtype, underflow.without_underflow))
        for dtype in underflow.EDGE
    ]
    thorough, left = met("thorough")
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
        *held.rows(chosen.jobs),
        "## Right implementations, in many ways to compute",
        "",
        "None may be refuted, make a run void, or leave it inconclusive. One claim per seed, rotating through cells,",
        "readouts, losses and dtypes; every case is answered in 13 general ways, by PyTorch where it fits, and by the",
        "gallery's own, of which those that run a program for every parameter answer short cases alone.",
        "",
        "| profile | seeds | cases | answers | refuted | void | inconclusive | commit |",
        "|---|---|---|---|---|---|---|---|",
        accepted("default", chosen.seeds, chosen.jobs, kept, commit),
        accepted("thorough", chosen.thorough or max(1, chosen.seeds // 10), chosen.jobs, kept, commit),
        "",
        "## Underflow",
        "",
        "100,000 random expressions at the edge of the range, against exact rational arithmetic; the budget before",
        "underflow was part of it fails the same test.",
        "",
        "| dtype | outside the budget | outside the budget without underflow |",
        "|---|---|---|",
        *(f"| {dtype} | {now} | {before} |" for dtype, now, before in rounding),
        "",
        "## Circumstances",
        "",
        "Levels of the axes in `certify/claims/circumstances.py`, and pairs of levels of two axes, that the cases of",
        "one run meet, of all that a case can. Repeated calls are an axis apart, the case of hundreds of steps is one",
        "by itself. A certificate lists what its run met.",
        "",
        "| profile | cell | levels | pairs | pairs with hundreds of steps |",
        "|---|---|---|---|---|",
        *met("default")[0],
        *thorough,
        "",
        f"Pairs that the thorough profile does not meet: {'; '.join(sorted(left)) or 'none'}.",
        "",
        "## Files and messages from outside",
        "",
        "Changed at random, by Hypothesis: no exit 4, no code run, no escape printed.",
        "",
        "| kind | inputs | read | refused | faults | commit |",
        "|---|---|---|---|---|---|",
        *fuzzed(chosen.inputs, kept, commit, chosen.again),
        "",
    ]
    PAGE.write_text("\n".join(lines))
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
