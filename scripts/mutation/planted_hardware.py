"""``python -m scripts.mutation.planted_hardware``: try every planted bug of the hardware models on a copy.

Each is killed if the test that the list names fails with it and passes without. ``--page`` writes the list into
``docs/mutation.md``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scripts import package_tree

ROOT = Path(__file__).resolve().parents[2]
LISTED = Path(__file__).with_name("planted_hardware.toml")
PAGE = ROOT / "docs" / "mutation.md"
TESTS = "tests/hardware_models"
HEADING = "## Hardware models: planted bugs"
# gradcert from the copy and from no other checkout
RUN = (
    "import sys; sys.meta_path[:] = [f for f in sys.meta_path if '__editable__' not in getattr(f, '__module__', '')];"
    "sys.path.insert(0, sys.argv[1]); sys.dont_write_bytecode = True; import pytest;"
    "sys.exit(pytest.main(['-x', '-q', '-n', '0', '-p', 'no:cacheprovider', '--rootdir', sys.argv[1], sys.argv[2]]))"
)


@dataclass(frozen=True)
class Bug:
    """A bug: the file, what it is, the text before and after, and the test that kills it."""

    file: str
    what: str
    before: str
    after: str
    killed: str


def bugs() -> list[Bug]:
    """Return the list."""
    return [Bug(**entry) for entry in tomllib.loads(LISTED.read_text())["bug"]]


def fails(test: str, bug: Bug | None = None) -> bool | None:
    """Run one test on a copy of the checkout, with a bug or without; None where it was not run at all."""
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        package_tree.build(here)
        for name in ("gradcert/hardware_models", "tests"):  # copies in place of links: one is changed, both stay apart
            link = here / name
            source = link.resolve()
            link.unlink()
            shutil.copytree(source, link, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", here)
        if bug is not None:
            path = here / "gradcert" / bug.file
            path.write_text(path.read_text().replace(bug.before, bug.after))
        command = [sys.executable, "-c", RUN, str(here), f"{TESTS}/{test}"]
        code = subprocess.run(command, cwd=here, capture_output=True, check=False).returncode
    return {0: False, 1: True, 2: True}.get(code)


def write_page() -> None:
    """Replace the section of the page by the list."""
    rows = [f"| `{b.file}` | {b.what} | `{b.killed}` |" for b in sorted(bugs(), key=lambda b: b.file)]
    intro = (
        "One or more for every file of `hardware_models/description` and `hardware_models/proofs`\n"
        "(`scripts/mutation/planted_hardware.toml`), each killed by the test beside it, of `tests/hardware_models`;\n"
        "`python -m scripts.mutation.planted_hardware` tries them."
    )
    section = "\n".join([HEADING, "", intro, "", "| file | bug | killed by |", "|---|---|---|", *rows, ""])
    before, _, rest = PAGE.read_text().partition(HEADING)
    after = rest.partition("\n## ")[2]
    PAGE.write_text(f"{before.rstrip()}\n\n{section}" + (f"\n## {after}" if after else ""))


def main() -> None:
    """Try all bugs, or those whose file matches; exit 1 if one survives."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mutation.planted_hardware", description=__doc__)
    parser.add_argument("files", nargs="*", help="parts of file names; all, where none is given")
    parser.add_argument("--page", action="store_true", help="write the list into docs/mutation.md and stop")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if options.page:
        write_page()
        return
    chosen = [b for b in bugs() if not options.files or any(part in b.file for part in options.files)]
    with ThreadPoolExecutor(options.jobs) as pool:
        clean = dict(zip(names := sorted({b.killed for b in chosen}), pool.map(fails, names), strict=True))
        left = 0
        for bug, failed in zip(chosen, pool.map(lambda b: fails(b.killed, b), chosen), strict=True):
            killed = failed and clean[bug.killed] is False
            left += not killed
            print(f"{'killed' if killed else 'SURVIVED'}  {bug.file}: {bug.what}  [{bug.killed}]", flush=True)
    sys.exit(f"{left} bugs survive" if left else 0)


if __name__ == "__main__":
    main()
