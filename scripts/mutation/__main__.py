"""``python -m scripts.mutation``: see ``make mutation``."""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from cosmic_ray.commands import init
from cosmic_ray.config import load_config
from cosmic_ray.modules import filter_paths, find_modules
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

from scripts import package_tree
from scripts.mutation.in_memory import Mutants, with_everything
from scripts.mutation.isolated import TREE, warm_up
from scripts.mutation.report import explanation, write
from scripts.mutation.run import Choice, run
from scripts.mutation.trace import SUITES, Traced, trace

CONFIG = Path(__file__).with_name("cosmic-ray.toml")


def is_product(path: str, line: int, column: int) -> bool:
    """Whether the star at a position is an operator between two operands: not ``*args``, ``{**d}``, ``f(a, *, b)``."""
    lines = Path(path).read_text().split("\n")
    before = "".join(lines[: line - 1]) + lines[line - 1][:column]
    return re.search(r"[\w)\]}'\"]\s*$", before) is not None


def excluded(item: Any, operators: re.Pattern[str]) -> bool:
    """Whether a mutant is left out: by its operator, or because a star is no operator."""
    (m,) = item.mutations
    if operators.match(m.operator_name):
        return True
    starred = m.operator_name.startswith(("core/ReplaceBinaryOperator_Mul", "core/ReplaceBinaryOperator_Pow"))
    return starred and not is_product(m.module_path, *m.start_pos)


def fill(db: Any, patterns: list[str]) -> None:
    """Put every mutant of the configured modules that match a pattern into a session."""
    config = load_config(str(CONFIG))
    operators = config.sub("filters", "operators-filter")["exclude-operators"]
    paths = filter_paths(find_modules([Path(p) for p in config["module-path"]]), config["excluded-modules"])
    init(sorted(p for p in paths if any(fnmatch.fnmatch(p.as_posix(), n) for n in patterns)), db, {})
    pattern = re.compile("|".join(f"(?:{e})" for e in operators))
    out = [item.job_id for item in db.pending_work_items if excluded(item, pattern)]
    db.set_multiple_results(out, WorkResult(output="Filtered operator", worker_outcome=WorkerOutcome.SKIPPED))
    print(f"{db.num_work_items - len(out)} mutants")


def in_order(items: list[Any], patterns: list[str], share: float) -> list[Any]:
    """A fixed sample of the mutants whose module matches a pattern, pattern by pattern, in a fixed random order."""
    kept = []
    for item in items:
        (m,) = item.mutations
        path = Path(m.module_path).as_posix()
        digest = hashlib.sha256(f"{path} {m.operator_name} {m.occurrence}".encode()).digest()
        first = next((i for i, p in enumerate(patterns) if fnmatch.fnmatch(path, p)), None)
        if first is not None and digest[0] < 256 * share:
            kept.append(((first, digest), item))
    return [item for _, item in sorted(kept, key=lambda pair: pair[0])]


def unexplained(db: Any) -> list[Any]:
    """The survivors of a session that `explained.toml` says nothing of."""
    out = []
    for item, result in db.completed_work_items:
        if result.test_outcome == TestOutcome.SURVIVED:
            _, before, after = result.diff.split("\n")
            if not explanation(item.mutations[0].module_path.as_posix(), before[2:], after[2:]):
                out.append(item)
    return out


def main() -> None:
    """Parse the command line, do one thing."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mutation", description=__doc__)
    parser.add_argument("what", choices=["init", "trace", "quick", "run", "again", "report"])
    parser.add_argument("names", nargs="*", help="patterns of modules; for trace, tests; for report, sessions")
    parser.add_argument("--session", default="build/mutation.sqlite")
    parser.add_argument("--traced", type=Path, default=Path("build/traced.json"))
    parser.add_argument("--budget", type=float, default=3.0, help="seconds of tests per mutant")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants, a fixed sample")
    parser.add_argument("--only", nargs="*", default=[], help="files of tests, in place of those that reach a mutant")
    options = parser.parse_args()
    if options.what == "report":
        left = write(Path("docs/mutation.md"), options.names or [options.session])
        sys.exit(f"{left} survivors are not explained" if left else 0)
    package_tree.build(TREE)
    warm_up()
    if options.what == "trace":
        trace(options.traced, options.names or SUITES)
        return
    with use_db(options.session) as db:
        if options.what == "init":
            commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
            Path(options.session).with_suffix(".commit").write_text(commit)
            fill(db, options.names or ["*"])
            return
        second = options.what == "again"
        items = unexplained(db) if second else list(db.pending_work_items)
        choice = Choice(Traced(options.traced), options.budget, options.only)
        wanted = in_order(items, options.names or ["*"], options.share)
        if options.what == "quick":
            with_everything(SUITES, lambda tests: run(db, wanted, choice, put=Mutants(tests).put))
        else:
            run(db, wanted, choice, prefix="then " if second else "")


if __name__ == "__main__":
    main()
