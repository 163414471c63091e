"""Mutants of functions, put in place in a process that has everything imported and every test collected.

A forked child replaces the code of the function that a mutant changes, and runs the tests: a tenth of the time that it
takes to import the mutated file in a new process. Mutants outside functions (constants, defaults, fields of classes)
need that import and are left to `scripts.mutation.run`; survivors are judged there once more, since tests may hold what
the original computed when they were collected.
"""

from __future__ import annotations

import functools
import gc
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from _pytest.runner import runtestprotocol
from cosmic_ray.mutating import mutate_code

from scripts.mutation.isolated import ROOT, in_child, of_reference, session
from scripts.mutation.run import Judge, diff


def codes(code: CodeType) -> Iterator[CodeType]:
    """Yield the functions of a module and of its classes; not those inside functions."""
    for constant in code.co_consts:
        if not isinstance(constant, CodeType):
            continue
        if constant.co_flags & 0x2:  # CO_NEWLOCALS: a function, not the body of a class
            yield constant
        else:
            yield from codes(constant)


def bare(code: CodeType) -> tuple[Any, ...]:
    """Return what a module or the body of a class does itself: everything but the bodies of its functions."""
    constants: list[tuple[str, Any]] = []
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inside = bool(constant.co_flags & 0x2)
            constants.append((constant.co_qualname, None if inside else bare(constant)))
        else:
            constants.append((type(constant).__name__, repr(constant)))
    return code.co_code, code.co_names, tuple(constants)


def changed(before: str, after: str, path: Path) -> list[tuple[CodeType, CodeType]]:
    """Return the functions that differ between two versions of a file; none where something else differs too."""
    old, new = (compile(text, str(path), "exec") for text in (before, after))
    if bare(old) != bare(new):
        return []
    return [(a, b) for a, b in zip(codes(old), codes(new), strict=True) if a != b]


class Living:
    """The functions of `reference/` that this process holds, and the caches that may hold what they returned."""

    def __init__(self) -> None:
        self.functions: dict[tuple[str, str, int], list[FunctionType]] = {}
        self.caches: list[Any] = []
        for thing in gc.get_objects():
            if type(thing) is FunctionType:  # isinstance would ask proxies, and some of them warn
                code = thing.__code__
                key = (os.path.realpath(code.co_filename), code.co_qualname, code.co_firstlineno)
                self.functions.setdefault(key, []).append(thing)
            elif type(thing) is functools._lru_cache_wrapper and str(thing.__module__).startswith("gradcert"):
                self.caches.append(thing)

    def find(self, code: CodeType, path: Path) -> list[FunctionType]:
        """Return the functions that were made from a piece of code."""
        return self.functions.get((str(path.resolve()), code.co_qualname, code.co_firstlineno), [])

    def can_take(self, old: CodeType, new: CodeType, path: Path) -> bool:
        """Whether the functions are here, and can take the code."""
        found = self.find(old, path)
        return bool(found) and all(f.__code__.co_freevars == new.co_freevars for f in found)

    def put(self, pairs: Sequence[tuple[CodeType, CodeType]], path: Path) -> None:
        """Replace code, and forget what the original returned."""
        for old, new in pairs:
            for function in self.find(old, path):
                function.__code__ = new
        for cache in self.caches:
            cache.cache_clear()


class Held:
    """A pytest plugin: collects, then hands the items over instead of running them."""

    def __init__(self, work: Callable[[dict[str, Any]], None]) -> None:
        self.work = work

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Drop the docstrings of other rooms."""
        items[:] = of_reference(items)

    def pytest_runtestloop(self, session: Any) -> bool:
        """Do the work in place of the tests."""
        self.work({item.nodeid: item for item in session.items})
        return True


def first_failure(items: Sequence[Any]) -> str:
    """Run tests until one fails; return its name."""
    for item, after in zip(items, [*items[1:], None], strict=True):
        reports = runtestprotocol(item, nextitem=after, log=False)
        if any(report.failed for report in reports):
            return str(item.nodeid)
    return ""


def with_everything(suites: Sequence[str], work: Callable[[dict[str, Any]], None]) -> None:
    """Import and collect all of `suites`, then call `work` with the collected tests by name."""
    for path in sorted((ROOT / "reference").rglob("*.py")):
        name = ".".join(("gradcert", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        importlib.import_module(name)
    assert session(suites, Held(work)) == 0


class Mutants:
    """Puts mutants in place for `run`: in children of a process that holds the tests `items`."""

    def __init__(self, items: dict[str, Any]) -> None:
        self.items, self.living = items, Living()

    @contextmanager
    def put(self, mutation: Any, operator: Any) -> Iterator[tuple[Judge, str] | None]:
        """Give the judge of a mutant of a function, and its changed line; None for other mutants."""
        path = Path(mutation.module_path)
        before = path.read_text()
        after = mutate_code(before, operator, mutation.occurrence)
        pairs = changed(before, after, path)
        if not pairs or not all(self.living.can_take(old, new, path) for old, new in pairs):
            yield None
            return

        def judge(wanted: list[str], seconds: float) -> tuple[int | None, str]:
            def work() -> tuple[int, str]:
                self.living.put(pairs, path)
                failed = first_failure([self.items[name] for name in wanted])
                return bool(failed), failed

            return in_child(work, seconds=seconds)

        yield judge, diff(before, after)
