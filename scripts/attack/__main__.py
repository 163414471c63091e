"""``python -m scripts.attack`` (``make attack``): attack the judge from every side and write `docs/soundness.md`."""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from gradcert.certify.claims import AXES, Claim
from gradcert.certify.problems import circumstance_specs, make_case
from scripts.attack import accept, fuzz, underflow

PAGE = Path("docs/soundness.md")
CLAIMS = ("lif", "snu", "rnn", "gru")  # whose circumstances are counted


def accepted(profile: str, seeds: int) -> str:
    """Judge right implementations; return a row of the table."""
    total: Counter[str] = Counter()
    every = accept.claims()
    for seed in range(seeds):
        claim, own = every[seed % len(every)]
        counts, wrong = accept.judged(claim, own, profile, seed)
        total += counts
        for line in wrong:
            print(f"{profile}, seed {seed}: {claim}: {line}", flush=True)
    names = ("cases", "answers", "refuted", "void", "inconclusive")
    return f"| {profile} | {seeds} | {' | '.join(str(total[name]) for name in names)} |"


def fuzzed(inputs: int) -> list[str]:
    """Fuzz every kind of file and message; return rows."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        ground = fuzz.prepared(Path(folder))
        for kind in fuzz.READERS:
            found = fuzz.fuzz(ground, kind, inputs)
            rows.append(f"| {kind} | {found.inputs} | {found.read} | {found.refused} | {len(found.faults)} |")
            for line in list(dict.fromkeys(found.faults))[:3]:
                print(f"{kind}: {line}", flush=True)
    return rows


def met() -> list[str]:
    """Return, for some cells, how many levels the default profile's circumstance cases are drawn for, and meet."""
    rows = []
    for cell in CLAIMS:
        claim = Claim(rule="bptt", cells=(cell,))
        seen: set[str] = set()
        asked: set[tuple[str, str]] = set()
        for spec in circumstance_specs(claim, cell, 1):
            if spec.family == "circumstance" and (case := make_case(spec, claim, seed=0)) is not None:
                asked |= {pair for pair in spec.levels if pair[0] in AXES}
                seen |= set(case.facts["met"])
        rows.append(f"| {cell} | {len(asked)} | {sum(f'{axis}: {level}' in seen for axis, level in asked)} |")
    return rows


def main() -> None:
    """Run everything and write the page."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=100, help="of the default profile; a tenth for thorough")
    options.add_argument("--inputs", type=int, default=1000, help="of every kind of file and message")
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    rounding: list[Any] = [
        (dtype, underflow.outside(100_000, dtype), underflow.outside(100_000, dtype, underflow.without_underflow))
        for dtype in underflow.EDGE
    ]
    lines = [
        "# Soundness",
        "",
        "What the judge was attacked with, and what held. Written by `make attack`; what a verdict may rest on, and",
        "against whom nothing is promised, is in [SECURITY.md](../SECURITY.md) and in ARCHITECTURE.md.",
        "",
        "## Right implementations, in many ways to compute",
        "",
        "None may be refuted, make a run void, or leave it inconclusive. One claim per seed, rotating through cells,",
        "readouts, losses and dtypes; every case is answered in 13 general ways, by PyTorch where it fits, and by the",
        "gallery's own.",
        "",
        "| profile | seeds | cases | answers | refuted | void | inconclusive |",
        "|---|---|---|---|---|---|---|",
        accepted("default", chosen.seeds),
        accepted("thorough", max(1, chosen.seeds // 10)),
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
        "## Circumstances of the default profile",
        "",
        "Levels of the axes in `certify/claims/circumstances.py` that circumstance cases are drawn for, and that their",
        "problems show. Other cases, repeated calls and the long case meet more; a certificate lists what its run met.",
        "",
        "| cell | levels drawn for | shown |",
        "|---|---|---|",
        *met(),
        "",
        "## Files and messages from outside",
        "",
        "Changed at random, by Hypothesis: no exit 4, no code run, no escape printed.",
        "",
        "| kind | inputs | read | refused | faults |",
        "|---|---|---|---|---|",
        *fuzzed(chosen.inputs),
        "",
    ]
    PAGE.write_text("\n".join(lines))
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
