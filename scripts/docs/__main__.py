"""``python -m scripts.docs``: build the site into ``build/site``, and check its links.

Marks of proofs come from the verdicts that are known (``gradcert derive --check`` makes them); `--prove` makes the
rest.
Notebooks run when their text, or any of our code, has changed since the last build; the build fails where one raises.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.docs import cells, chapters, drawings, links, reference, rules, source, surrogates

if TYPE_CHECKING:
    from gradcert.derivations.kept import Verdict

ROOT = Path(__file__).resolve().parents[2]
BUILD, SITE = ROOT / "build" / "docs", ROOT / "build" / "site"


def written(verdicts: dict[str, list[Verdict]]) -> Path:
    """Write the text of the site; return its folder."""
    from gradcert.derivations.reading import figure_files
    from gradcert.derivations.reading.lesson import names

    pngs = drawings.BROWSER is not None
    text, extra = BUILD / "source", BUILD / "extra"
    for folder in (text, extra):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    source.copied(text, extra)
    source.notebooks(text, extra)
    place = text / "reference"
    reference.commands(place / "commands")
    drawn_cells = cells.cells(place / "cells", pngs=pngs)
    figures = figure_files.write(extra / "reference" / "cells", drawn_cells)
    curves = surrogates.surrogates(place / "surrogates", pngs=pngs)
    figures += figure_files.write(extra / "reference", curves)
    reference.losses(place / "losses")
    rules.rules(place / "rules", names())
    reference.schemas(place / "schemas")
    reference.symbols(place / "symbols")
    reference.api(place / "api")
    figures += chapters.write(text / "derivations", extra, verdicts, pngs=pngs)
    drawn = drawings.rasterised(figures)
    print(f"{len(figures)} figures as SVG, {len(drawn)} as PNG" + ("" if pngs else ": no Chromium to draw them"))
    return text


def forget() -> None:
    """Throw away what notebooks printed, where it was other code of ours that printed it: it may be true no more."""
    from gradcert.certify.certificates import of_files

    rooms = [path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name not in ("build", "tests")]
    code, mark = of_files((p for room in rooms for p in room.rglob("*.py")), root=ROOT), BUILD / "code"
    if not mark.is_file() or mark.read_text(encoding="utf-8") != code:
        for name in ("notebooks", "doctrees"):
            shutil.rmtree(BUILD / name, ignore_errors=True)
        BUILD.mkdir(parents=True, exist_ok=True)
        mark.write_text(code, encoding="utf-8")


def proved(verdict: Verdict | None, done: int, of: int) -> None:
    """Print which step was proved."""
    print(f"{done} of {of} proved" + (f": {verdict.step} {verdict.status}" if verdict else ""), flush=True)


def main() -> int:
    """Build; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.docs", description=__doc__.splitlines()[0])
    parser.add_argument("--prove", action="store_true", help="prove what no verdict is known of, first")
    options = parser.parse_args()
    from sphinx.cmd.build import main as sphinx

    from gradcert.derivations import check, checker

    start = time.perf_counter()
    verdicts = check(listen=proved) if options.prove else checker.held()
    forget()
    text = written(verdicts)
    print(f"{time.perf_counter() - start:.0f} s: the text is written")
    shutil.rmtree(SITE, ignore_errors=True)
    log = BUILD / "warnings.txt"
    arguments = ["-b", "html", "-q", "-c", str(Path(__file__).parent), "-d", str(BUILD / "doctrees"), "-w", str(log)]
    status = sphinx([*arguments, str(text), str(SITE)])
    said = log.read_text(encoding="utf-8") if log.is_file() else ""
    wrong = [line for line in said.splitlines() if line.strip()]
    wrong += links.broken(SITE) if status == 0 else ["sphinx failed"]
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    pages = sum(1 for _ in SITE.rglob("*.html"))
    print(f"{time.perf_counter() - start:.0f} s: {pages} pages in {SITE.relative_to(ROOT)}; {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
