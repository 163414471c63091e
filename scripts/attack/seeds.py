"""Right implementations before the judge, seed after seed, in several processes; a run goes on where it was stopped."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from gradcert.certify.certificates.identity import of_files
from gradcert.certify.claims import Claim
from scripts.attack import accept


@cache
def claims() -> list[tuple[Claim, dict[str, Any]]]:
    """Return the claims that seeds take in turns."""
    return accept.claims()


def sources() -> str:
    """Return a digest of the code that is attacked: results of another are not taken over."""
    rooms = ("certify", "models", "properties", "reference", "scripts/attack")
    return of_files((path for room in rooms for path in Path(room).rglob("*.py")), root=Path())[:12]


def one(profile: str, seed: int) -> tuple[int, tuple[dict[str, int], list[str]]]:
    """Judge the right implementations of one seed; return it, counts, and what went wrong."""
    warnings.simplefilter("ignore")
    claim, own = claims()[seed % len(claims())]
    counts, wrong = accept.judged(claim, own, profile, seed)
    return seed, (dict(counts), [f"{profile}, seed {seed}: {claim}: {line}" for line in wrong])


def accepted(profile: str, seeds: int, jobs: int, folder: Path, commit: str) -> str:
    """Judge right implementations; return a row of the table. What a folder holds of an earlier run is not done again.

    The row names the commit that the folder is of, and this one too where seeds were left to do.
    """
    kept, of = folder / f"{profile}.jsonl", folder / "commit"
    folder.mkdir(parents=True, exist_ok=True)
    if not of.exists():
        of.write_text(commit)
    done: dict[int, tuple[dict[str, int], list[str]]] = {}
    if kept.exists():
        done = {seed: (counts, wrong) for seed, counts, wrong in map(json.loads, kept.read_text().splitlines())}
    left = [seed for seed in range(seeds) if seed not in done]
    with kept.open("a") as lines, get_context("spawn").Pool(jobs, maxtasksperchild=50) as pool:
        for seed, found in pool.imap_unordered(partial(one, profile), left):
            done[seed] = found
            print(json.dumps([seed, *found]), file=lines, flush=True)
            for line in found[1]:
                print(line, flush=True)
    total: Counter[str] = sum((Counter(done[seed][0]) for seed in range(seeds)), Counter())
    known = of.read_text()
    known = known if not left or known == commit else f"{known}, {commit}"
    names = ("cases", "answers", "refuted", "void", "inconclusive")
    return f"| {profile} | {seeds} | {' | '.join(str(total[name]) for name in names)} | {known} |"
