"""``python -m scripts.diagnosis``: see ``make diagnosis``."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gradcert.certify.certificates.identity import of_files
from scripts.diagnosis.measure import Outcome, measure
from scripts.diagnosis.subjects import LITERALS
from scripts.diagnosis.table import table

PAGE = Path("docs/diagnosis.md")


def main() -> None:
    """Measure, or go on where a file of outcomes ends, and write the page where everything was asked."""
    parser = argparse.ArgumentParser(prog="python -m scripts.diagnosis", description=__doc__)
    parser.add_argument("--each", type=int, default=150, help="mutants of every implementation")
    parser.add_argument("--only", default="", help="implementations whose name holds this word; no page is written")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a file of outcomes: what stands there is not measured again")
    parser.add_argument("--share", default="0/1", metavar="I/N", help="part I of N, counted from 0; no page is written")
    parser.add_argument("--jobs", type=int, default=1, help="parts that are measured side by side")
    parser.add_argument(
        "--cold", action="store_true", help="share nothing between mutants: times as a campaign has them"
    )
    parser.add_argument("--without-held", dest="held", action="store_false", help="leave out those that are held back")
    parser.add_argument("--profile", default="default", help="of the cases; no page is written for another")
    parser.add_argument("--repair", type=float, default=8.0, metavar="SECONDS", help="for a repair of each; 0 for none")
    parser.add_argument(
        "--every", type=int, default=8, metavar="N", help="of those whose cause is named, look at one in N for a repair"
    )
    given = parser.parse_args()
    if given.jobs > 1:
        given.out = given.out or Path("build/diagnosis.jsonl")
        given.out.parent.mkdir(parents=True, exist_ok=True)
        _side_by_side(given)
    under = _under(given)
    known = [outcome for outcome in _read(given.out) if outcome.under == under]
    part, parts = map(int, given.share.split("/"))
    literals = [x for x in LITERALS if given.only in x.name and (given.held or not x.held)]
    literals = literals if given.jobs == 1 else []  # all of it has been measured
    done = {(outcome.subject, outcome.digest) for outcome in known}
    for outcome in measure(
        literals,
        most=given.each,
        seed=given.seed,
        share=(part, parts),
        done=done,
        cold=given.cold,
        profile=given.profile,
        repair=given.repair,
        every=given.every,
    ):
        outcome = replace(outcome, under=under)
        known.append(outcome)
        if given.out is not None:
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(outcome.to_dict()) + "\n")
    page = table(known, each=given.each, seed=given.seed, repair=given.repair, every=given.every)
    print(page)
    if not given.only and given.held and parts == 1 and given.profile == "default":
        PAGE.write_text(page, encoding="utf-8")


def _side_by_side(given: argparse.Namespace) -> None:
    """Measure the parts in processes of their own, which append to one file, a line at a time."""
    options = [
        f"--{name}={getattr(given, name)}" for name in ("each", "only", "seed", "out", "profile", "repair", "every")
    ]
    options += [*(["--cold"] if given.cold else []), *([] if given.held else ["--without-held"])]
    shares = [f"--share={part}/{given.jobs}" for part in range(given.jobs)]
    command = [sys.executable, "-m", "scripts.diagnosis", *options]
    running = [subprocess.Popen([*command, share], stdout=subprocess.DEVNULL) for share in shares]
    if any([process.wait() for process in running]):
        raise SystemExit("a part has failed; what it measured is in the file")


def _under(given: argparse.Namespace) -> str:
    """Return what an outcome holds under: the sources that made it, and how it was asked for."""
    rooms = ("certify", "models", "properties", "reference", "scripts/diagnosis")
    sources = of_files((path for room in rooms for path in Path(room).rglob("*.py")), root=Path())[:12]
    return f"{sources} {given.profile} {given.repair:g} {given.every}{' cold' if given.cold else ''}"


def _read(path: Path | None) -> Iterator[Outcome]:
    for line in path.read_text(encoding="utf-8").splitlines() if path and path.exists() else ():
        try:
            found = json.loads(line)
        except json.JSONDecodeError:  # torn, when a run was ended while it wrote
            continue
        yield Outcome(**{**found, "keys": tuple(found["keys"])})


if __name__ == "__main__":
    main()
