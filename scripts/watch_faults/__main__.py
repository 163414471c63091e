"""``python -m scripts.watch_faults``: trainings with and without faults, watched; then ``docs/watch.md``.

What is in the record already is not run again, so that a run that was interrupted goes on. ``--seeds 0 --again 0``
writes the page alone.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from scripts.watch_faults.faults import CLAIMS, EVERY, FAULTS, SINCE, Found, watched
from scripts.watch_faults.page import PICTURE, page, picture

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "docs" / "results" / "watch_faults.jsonl"
Asked = tuple[str, str, int, int, int]  # fault, loop, seed, since, steps


def asked(seeds: int, steps: int, again: int) -> list[Asked]:
    """Return the trainings: every fault `again` times, from a step on that is drawn; right twins of `seeds` seeds."""
    out: list[Asked] = []
    for seed in range(again):
        for name, fault in FAULTS.items():
            since = SINCE + random.Random(f"{name} {seed}").randrange(EVERY)
            out.append((name, fault.loop, seed, since, SINCE + 2 * EVERY + 1))
    return [*out, *(("", loop, seed, steps, steps) for seed in range(seeds) for loop in CLAIMS)]


def read(file: Path) -> list[Found]:
    """Return the trainings of a record."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [Found(**json.loads(line)) for line in lines]


def main() -> None:
    """Run what is not in the record, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m scripts.watch_faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="right twins of each loop")
    parser.add_argument("--steps", type=int, default=1000, help="steps of a right twin")
    parser.add_argument("--again", type=int, default=3, help="trainings with each fault")
    parser.add_argument("--record", type=Path, default=RECORD, help="JSON lines")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "watch.md", help="the page; its picture beside it")
    given = parser.parse_args()
    done = {(f.fault, f.loop, f.seed, f.since, f.steps) for f in read(given.record)}
    for key in asked(given.seeds, given.steps, given.again):
        if key in done:
            continue
        fault, loop, seed, since, steps = key
        found = watched(fault, loop, seed, steps=steps, since=since)
        with given.record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found.to_dict()) + "\n")
        what = f"at {found.at}: {found.sentence}" if fault else f"{found.alarms} alarms, worst {found.worst:.2g}"
        print(
            f"{fault or 'right twin'}, {loop}, seed {seed}, since {since}: {what} ({found.seconds:.1f} s)", flush=True
        )
    whole = read(given.record)
    given.page.write_text(page(whole), encoding="utf-8")
    given.page.with_name(PICTURE).write_text(picture(whole), encoding="utf-8")


if __name__ == "__main__":
    main()
