"""Tests in a process of their own, forked from one that has everything imported but gradcert.

Starting Python, NumPy, PyTorch and pytest takes longer than the tests that kill most mutants.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "tree"
WARM = tuple("numpy hypothesis flint torch sympy mpmath xdist.plugin syrupy jsonschema rich click".split())


def warm_up() -> None:
    """Import what tests need and mutants cannot change; have gradcert imported from this checkout and no other."""
    for name in WARM:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]
    sys.path[:] = [str(TREE), *(path for path in sys.path if path and Path(path).resolve() not in (ROOT, TREE))]
    sys.dont_write_bytecode = True  # two mutants of one second and one size would share it
    assert "gradcert" not in sys.modules
    gc.collect()


def of_reference(items: Sequence[Any]) -> list[Any]:
    """Return the tests without the docstrings of other rooms."""
    return [i for i in items if "docstrings" not in i.nodeid or "[gradcert.reference" in i.nodeid]


class Order:
    """Keep the named tests, in the order given, and remember the first that failed."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self.rank = {name: i for i, name in enumerate(wanted)}
        self.failed = ""

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        """Drop and sort."""
        if self.rank:
            items[:] = sorted((i for i in items if i.nodeid in self.rank), key=lambda i: self.rank[i.nodeid])

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note a failed test."""
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        """Note a test file that could not be imported."""
        if report.failed and not self.failed:
            self.failed = f"import of {report.nodeid}"


def session(paths: Iterable[str], plugin: Any, *options: str) -> int:
    """Run pytest here, in this process."""
    off = ("cacheprovider", "xdist", "unraisableexception")
    quiet = ("-q", "--assert=plain", "--no-header", "--tb=no", "--long=also", *(f"-pno:{name}" for name in off))
    code = pytest.main([*quiet, *options, *paths], plugins=[plugin])
    import gradcert.reference

    assert Path(gradcert.reference.__file__).resolve().parents[1] == ROOT
    return int(code)


def in_child(work: Callable[[], tuple[int, str]], *, seconds: float) -> tuple[int | None, str]:
    """Fork, do the work silently, return its exit code (None after a timeout) and what it said."""
    read, write = os.pipe()
    gc.freeze()  # what is imported stays: the child need not walk it
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        code, said = 70, "import of gradcert"
        with contextlib.suppress(BaseException):
            code, said = work()
        os.write(write, said.encode()[:4000])
        os._exit(code)
    os.close(write)
    deadline = time.monotonic() + seconds
    pid = 0
    while pid == 0 and time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid == 0:
            time.sleep(0.01)
    if pid == 0:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    return (os.waitstatus_to_exitcode(status), said) if pid else (None, "timeout")
