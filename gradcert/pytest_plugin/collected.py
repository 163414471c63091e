"""How much of the tests was collected: what an expected failure may still be about, and what it cannot."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from gradcert.expected_failures import Expected

MAY = re.compile(rb"gradcert|subject_tests|import \*")  # in a file whose tests may be of a subject


@dataclass(frozen=True)
class Collected:
    """What was collected.

    Attributes
    ----------
    whole : files that were collected as a whole.
    functions : test functions that were collected with all of their checks, as `Expected.id` begins.
    everything : whether no other file is there that may have tests of a subject.
    """

    whole: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    everything: bool = False

    def covers(self, entry: Expected) -> bool:
        """Return whether every test that an entry may list was collected, so that what was not met is not there.

        Examples
        --------
        >>> some = Collected(frozenset({"a.py"}), frozenset({"a.py::test_x"}))
        >>> [some.covers(Expected(name)) for name in ("a.py::test_*[*]", "b.py::test_x[*]", "*::test_x[*]")]
        [True, False, False]
        >>> some.covers(Expected(subject="m:f")), Collected(everything=True).covers(Expected(subject="m:f"))
        (False, True)
        """
        if entry.subject:
            return self.everything
        function = entry.id.partition("[")[0]
        return function in self.functions or function.partition("::")[0] in self.whole or self.everything


def collected(config: Any, items: list[Any], checks: list[Any]) -> Collected:
    """Return what was collected, before ``-k`` and ``-m`` take tests away again.

    Parameters
    ----------
    items, checks : all tests that were collected; those of subjects.
    """
    if config.getoption("lf", False):  # some of a function's checks may not be collected
        return Collected()
    some = {str(argument).partition("[")[0].rpartition("::")[2] for argument in config.args if "[" in str(argument)}
    functions = frozenset(item.nodeid.partition("[")[0] for item in checks)
    functions = frozenset(name for name in functions if name.rpartition("::")[2] not in some)
    if any("::" in str(argument) for argument in config.args):
        return Collected(frozenset(), functions, False)
    met = {item.path for item in items}
    others = (path for path in _test_files(config) if path not in met)
    everything = not any(MAY.search(path.read_bytes()) for path in others if path.is_file())
    return Collected(frozenset(item.nodeid.partition("::")[0] for item in items), functions, everything)


def _test_files(config: Any) -> Iterator[Path]:
    """Yield the files that pytest would collect without arguments from the project's root."""
    patterns, but = config.getini("python_files"), config.getini("norecursedirs")
    given = [path for name in config.getini("testpaths") for path in config.rootpath.glob(name)]
    for root in given or [config.rootpath]:
        if root.is_file():
            yield root
        for folder, folders, names in os.walk(root):
            here = Path(folder)
            folders[:] = [
                name
                for name in folders
                if not any(fnmatch(name, pattern) for pattern in but) and not (here / name / "pyvenv.cfg").is_file()
            ]
            for name in names:
                if name.endswith(".py") and any(fnmatch(name, p) or fnmatch(str(here / name), p) for p in patterns):
                    yield here / name
