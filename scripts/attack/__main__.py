"""``python -m scripts.attack`` (``make attack``): attack the judge from every side and write `docs/soundness.md`."""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

from scripts.attack import fuzz, held
from scripts.attack.page import met, page, renewed, rounded
from scripts.attack.seeds import accepted, sources

PAGE = Path("docs/soundness.md")


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
    options.add_argument("--page", action="store_true", help="attack nothing: renew what the page says beside that")
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    if chosen.page:
        PAGE.write_text(renewed(PAGE.read_text()))
        return
    kept = chosen.kept or Path("build/attack") / sources()
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True).stdout.strip()
    thorough, left = met("thorough")
    text = page(
        commit,
        held.rows(chosen.jobs),
        [
            accepted("default", chosen.seeds, chosen.jobs, kept, commit),
            accepted("thorough", chosen.thorough or max(1, chosen.seeds // 10), chosen.jobs, kept, commit),
        ],
        rounded(),
        [*met("default")[0], *thorough],
        left,
        fuzzed(chosen.inputs, kept, commit, chosen.again),
    )
    PAGE.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
