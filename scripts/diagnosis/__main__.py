"""``python -m scripts.diagnosis [--each N] [--only WORD] [--out FILE.jsonl]``: see ``make diagnosis``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from scripts.diagnosis.measure import Outcome, measure
from scripts.diagnosis.subjects import LITERALS
from scripts.diagnosis.table import table

PAGE = Path("docs/diagnosis.md")


def main() -> None:
    """Measure, and write the page; with ``--out`` keep the outcomes, and write no page where ``--only`` is given."""
    parser = argparse.ArgumentParser(prog="python -m scripts.diagnosis", description=__doc__)
    parser.add_argument("--each", type=int, default=40, help="mutants of every implementation")
    parser.add_argument("--only", default="", help="implementations whose name holds this word")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--repair", type=float, default=20.0, metavar="SECONDS", help="for a repair of each; 0 for none"
    )
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    outcomes: list[Outcome] = []
    literals = [x for x in LITERALS if given.only in x.name]
    for outcome in measure(literals, most=given.each, seed=given.seed, repair=given.repair):
        outcomes.append(outcome)
        if given.out is not None:
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(outcome.to_dict()) + "\n")
    page = table(outcomes, each=given.each, seed=given.seed)
    print(page)
    if not given.only:
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
