"""``python -m scripts.mutation.planted``: bugs put into every file of reference/, and what sees them (`make planted`).

Each bug of `planted.toml` is put in place in a copy of the working tree; the test that is named with it has to fail
there, and the step of a derivation that is named with it has to fail. Where ``test`` names files or several tests, the
first of them that fails is written into the list. The outcome is a section of docs/mutation.md.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = Path("scripts/mutation/planted.toml")
PAGE = Path("docs/mutation.md")
TITLE = "## Planted bugs"
SECONDS = 240.0


@dataclass(frozen=True)
class Bug:
    """One entry of the list; `derive` is a step, or empty; `killed`: test and step have been seen to fail."""

    file: str
    old: str
    new: str
    test: str
    derive: str = ""
    killed: bool = False


def bugs(root: Path = ROOT) -> list[Bug]:
    """Return the list."""
    return [Bug(**entry) for entry in tomllib.loads((root / LIST).read_text())["bug"]]


def computes(path: Path) -> bool:
    """Whether a file has more in it than a docstring, imports and ``__all__``: else there is nothing to break."""
    for node in ast.parse(path.read_text()).body:
        exports = isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["__all__"]
        if not (isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr)) or exports):
            return True
    return False


def files(root: Path = ROOT) -> list[str]:
    """Return the files of reference/ in which there has to be a bug."""
    return sorted(p.relative_to(root).as_posix() for p in (root / "reference").rglob("*.py") if computes(p))


@contextmanager
def planted(bug: Bug, root: Path) -> Iterator[None]:
    """Put a bug in place, and take it out again."""
    path = root / bug.file
    source = path.read_text()
    if source.count(bug.old) != 1:
        raise SystemExit(f"{bug.file}: {bug.old!r} occurs {source.count(bug.old)} times")
    path.write_text(source.replace(bug.old, bug.new))
    try:
        yield
    finally:
        path.write_text(source)


def copy(target: Path) -> None:
    """Copy what git knows or would add, uncommitted changes included."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)


def killer(bug: Bug) -> str:
    """Return the first test that fails, by its node id, or nothing; the tests run in a child of this process."""
    from scripts.mutation.isolated import Order, in_child, session

    def work() -> tuple[int, str]:
        order = Order([])
        code = session([bug.test] if "[" in bug.test else bug.test.split(), order, "-x")
        return code, order.failed

    code, said = in_child(work, seconds=SECONDS)
    return said if code else ""


def failing(steps: list[str], *, seconds: float = SECONDS) -> str:
    """Return the first step that fails and what it says, or nothing; the steps are verified in a child."""
    from scripts.mutation.isolated import in_child

    def work() -> tuple[int, str]:
        try:
            from gradcert.derivations.chapters import chapter
            from gradcert.derivations.checker import verify

            known = {s.id: s for name in {n.split(".")[0] for n in steps} for s in chapter(name).steps}
        except Exception as error:
            return 1, f"{steps[0]} cannot be built: {type(error).__name__}"
        for name in steps:
            if name not in known:
                return 1, f"{name} is missing"
            verdict = verify(known[name])
            if verdict.status == "failed":
                return 1, f"{name}: {verdict.failed[0]}"
        return 0, ""

    code, said = in_child(work, seconds=seconds)
    return said if code else ""


def here(pattern: str, shown: Path) -> int:
    """Run the list in this copy; write what was found to `shown`, a list in the same format."""
    from scripts import package_tree
    from scripts.mutation.isolated import TREE, warm_up

    package_tree.build(TREE)
    warm_up()
    survived, text = 0, (ROOT / LIST).read_text()
    wanted = [bug for bug in bugs() if re.search(pattern, bug.file)]
    # a named test that fails without a bug would prove nothing; whole files are for finding a test in the first place
    for name in dict.fromkeys(bug.test for bug in wanted if "::" in bug.test and "[" in bug.test):
        if found := killer(Bug("", "", "", name)):
            raise SystemExit(f"{found} fails without a bug")
    if found := failing(list(dict.fromkeys(b.derive for b in wanted if b.derive)), seconds=10 * SECONDS):
        raise SystemExit(f"without a bug: {found}")
    for bug in wanted:
        with planted(bug, ROOT):
            test, step = killer(bug), failing([bug.derive]) if bug.derive else "-"
        good = bool(test) and bool(step)
        survived += not good
        verdict = "killed  " if good else "SURVIVED"
        print(f"{verdict} {bug.file}: {test or 'no test'}; {step[:100] or 'no step'}", flush=True)
        text = _noted(text, bug, test, good)
        shown.write_text(text)
    return survived


def _noted(text: str, bug: Bug, test: str, killed: bool) -> str:
    """Write into the list whether a bug was killed, and by which test, in the place of those that were tried."""
    entries = text.split("[[bug]]\n")
    for i, entry in enumerate(entries[1:], start=1):
        if Bug(**tomllib.loads(entry)) == bug:
            lines = [line for line in entry.rstrip("\n").split("\n") if not line.startswith("killed = ")]
            at = next(n for n, line in enumerate(lines) if line.startswith("test = "))
            if "::" in test:  # else nothing could be imported any more: every test fails, the named one too
                lines[at] = f"test = {json.dumps(test)}"
            entries[i] = "\n".join([*lines, f"killed = {str(killed).lower()}"]) + "\n\n"
    return "[[bug]]\n".join(entries).rstrip("\n") + "\n"


def section(root: Path = ROOT) -> str:
    """Return the section of the page: which file, what was changed, which test and which step saw it."""
    found = bugs(root)
    steps, killed = sum(bool(b.derive and b.killed) for b in found), sum(b.killed for b in found)
    lines = [
        TITLE,
        "",
        f"{len(found)} bugs, at least one in each of the {len(files(root))} files of `reference/` that hold more than",
        "imports. `make planted` puts each into a copy of the source and runs the test beside it; "
        f"{killed} of them have been",
        f"seen to be killed. {steps} of these fail a step of `gradcert derive --check` as well, which names the code.",
        f"The list is `{LIST}`; a test sees to it that it stays complete and in place.",
        "",
        "| file | line | bug | killed by | step that fails |",
        "|---|---|---|---|---|",
    ]
    for b in found:
        by = (_cell(b.test), _cell(b.derive)) if b.killed else ("not seen to be killed yet", _cell(b.derive))
        cells = [_cell(b.old), _cell(b.new) if b.new.strip() else "(deleted)", *by]
        lines.append(f"| `{b.file}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    short = " ".join(text.split()).replace("|", "\\|")
    return f"`{short}`" if short else ""


def with_section(page: str, root: Path = ROOT) -> str:
    """Return a page with the section in the place of the one that it has, or at its end."""
    before, _, after = page.partition(f"\n{TITLE}\n")
    rest = after.partition("\n## ")
    tail = f"\n## {rest[2]}" if rest[1] else ""
    return before.rstrip() + "\n\n" + section(root).rstrip() + "\n" + tail


def main() -> None:
    """Copy the tree, run the list there, take the list and the page back."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mutation.planted", description=__doc__)
    parser.add_argument("pattern", nargs="?", default="", help="regular expression: files to run (all)")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--page", action="store_true", help="write the page from the list, run nothing")
    options = parser.parse_args()
    if options.here:
        sys.exit(min(here(options.pattern, options.here), 100))
    survived = 0
    if not options.page:
        with tempfile.TemporaryDirectory() as folder:
            copy(Path(folder))
            shown = Path(folder) / "found.toml"
            command = [sys.executable, "-m", "scripts.mutation.planted", options.pattern, "--here", str(shown)]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            survived = subprocess.run(command, cwd=folder, env=environment).returncode
            if shown.exists():
                (ROOT / LIST).write_text(shown.read_text())
    (ROOT / PAGE).write_text(with_section((ROOT / PAGE).read_text()))
    sys.exit(f"{survived} planted bugs survive" if survived else 0)


if __name__ == "__main__":
    main()
