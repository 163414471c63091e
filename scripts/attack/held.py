"""The attacks of `held.toml`, one by one: the tests that try them are run again, and counted."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

LISTED = Path(__file__).with_name("held.toml")


def kinds() -> list[dict[str, Any]]:
    """Return the list: name of a kind, and what was tried, each with the tests that try it."""
    found: list[dict[str, Any]] = tomllib.loads(LISTED.read_text())["kind"]
    return found


def wanted() -> list[str]:
    """Return what is to be run, each once."""
    return list(dict.fromkeys(f"tests/{t}" for kind in kinds() for tried in kind["tried"] for t in tried["tests"]))


def outcomes(report: Path) -> dict[str, Counter[str]]:
    """Count, for every test function of a report of pytest (JUnit's XML), what became of it."""
    found: dict[str, Counter[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.get("classname", "").replace(".", "/") + ".py::" + case.get("name", "").partition("[")[0]
        bad = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        found.setdefault(name, Counter())[bad[0] if bad else "held"] += 1
    return found


def row(what: str, tests: Iterable[str], found: Mapping[str, Counter[str]]) -> str:
    """Return a row: what was tried, by how many tests, how many held, how many could not be run here.

    Raises
    ------
    SystemExit : where a test that is listed did not report.

    Examples
    --------
    >>> found = {"tests/a.py::test_b": Counter(held=3), "tests/a.py::test_c": Counter(held=1, skipped=1)}
    >>> row("names", ["a.py"], found), row("one", ["a.py::test_b"], found)
    ('| names | 5 | 4 | 1 |', '| one | 3 | 3 | 0 |')
    """
    total = Counter[str]()
    for test in tests:
        mine = [count for name, count in found.items() if name == f"tests/{test}" or name.startswith(f"tests/{test}::")]
        if not mine:
            sys.exit(f"scripts/attack/held.toml names {test}, which did not run")
        for count in mine:
            total += count
    return f"| {what} | {total.total()} | {total['held']} | {total['skipped']} |"


def rows(jobs: int) -> list[str]:
    """Run the tests, return the tables, kind by kind."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--long=also",
            f"--numprocesses={jobs}",
            f"--junitxml={report}",
        ]
        subprocess.run([*command, *wanted()], stdout=sys.stderr, check=False)
        found = outcomes(report)
    return table(lambda tried: row(tried["what"], tried["tests"], found))


def table(of: Callable[[Mapping[str, Any]], str]) -> list[str]:
    """Return the tables, kind by kind, of a row for each entry of the list."""
    lines = []
    for kind in kinds():
        lines += [f"### {kind['name']}", "", "| tried | tests | held | not run here |", "|---|---|---|---|"]
        lines += [*map(of, kind["tried"]), ""]
    return lines
