"""Which tests run which line of ``reference/``, and how long each test takes."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import coverage

from scripts.mutation.isolated import ROOT, of_reference, session

SUITES = ("tests/reference", "tests/test_docstrings.py")


class Stopwatch:
    """Tell coverage which test is running; time it."""

    def __init__(self, cover: coverage.Coverage) -> None:
        self.cover = cover
        self.seconds: dict[str, float] = {}
        self.start = 0.0

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Drop the docstrings of other rooms."""
        items[:] = of_reference(items)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Begin."""
        self.cover.switch_context(nodeid)
        self.start = time.process_time()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """End."""
        self.seconds[nodeid] = time.process_time() - self.start
        self.cover.switch_context("")


def functions(path: Path) -> list[tuple[int, int]]:
    """First and last line of the body of every function of a file, the innermost last."""
    found = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    return sorted(((f.body[0].lineno, f.end_lineno or f.lineno) for f in found), key=lambda span: span[0] - span[1])


def trace(target: Path, suites: Sequence[str]) -> None:
    """Add the tests of `suites` to `target`: {"seconds": {test: s}, "tests": {file: {line: [test]}}}."""
    cover = coverage.Coverage(data_file=None, include=[str(ROOT / "reference" / "*")])
    watch = Stopwatch(cover)
    cover.start()
    code = session(suites, watch)
    cover.stop()
    assert code == 0, "the tests fail before anything is mutated"
    known = json.loads(target.read_text()) if target.exists() else {"seconds": {}, "tests": {}}
    known["seconds"] |= watch.seconds
    number = {name: i for i, name in enumerate(known["seconds"])}
    data = cover.get_data()
    for name in data.measured_files():
        by_line = known["tests"].setdefault(Path(name).relative_to(ROOT).as_posix(), {})
        for line, contexts in data.contexts_by_lineno(name).items():
            ran = {number[c] for c in contexts if c in number}
            if ran:
                by_line[str(line)] = sorted(ran | set(by_line.get(str(line), ())))
    target.write_text(json.dumps(known))


class Traced:
    """The result of `trace`."""

    def __init__(self, source: Path) -> None:
        known = json.loads(source.read_text())
        self.seconds: dict[str, float] = known["seconds"]
        self.tests = known["tests"]
        self.names = list(self.seconds)
        self.spans: dict[str, list[tuple[int, int]]] = {}

    def reaching(self, module: str, line: int) -> tuple[list[str], list[str]]:
        """Tests that run a line; other tests that run its function (for lines at module level: its module)."""
        if module not in self.spans:
            self.spans[module] = functions(Path(module))
        by_line = self.tests.get(module, {})
        here = set(by_line.get(str(line), ()))
        first, last = next((s for s in reversed(self.spans[module]) if s[0] <= line <= s[1]), (0, 10**9))
        around: dict[bool, set[int]] = {True: set(), False: set()}
        for at, tests in by_line.items():
            around[first <= int(at) <= last].update(tests)
        rest = around[True] - here
        if not here and not rest:  # what no test calls, or a module without code: any test that imports it may tell
            rest = set(range(len(self.names)))
        return [self.names[i] for i in here], [self.names[i] for i in rest]
