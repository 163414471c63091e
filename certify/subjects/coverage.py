"""Which lines of a subject's own files ran while it was asked, and which conditions came out one way alone.

The subject's own files are the one that it is defined in, and modules beside it that it has imported. Only functions
are looked at, as the rest of a file runs when it is imported; a function that was never entered is named, not listed
line by line. Code that is compiled before it runs (numba) counts as not run. The standard library alone is needed.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import sys
import sysconfig
import threading
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from gradcert.certify.subjects import branches, sources

MOST = 4096  # lines of one file beyond which it is left alone
Arcs = set[tuple[int, int]]


class Coverage:
    """Lines that ran, by file.

    Parameters
    ----------
    subject : the callable or learner.
    """

    def __init__(self, subject: Any) -> None:
        self.file = _file(subject)
        self.folder = Path(self.file).resolve().parent if self.file else None
        self.own: dict[str, bool] = {}
        self.arcs: dict[str, Arcs] = {}
        self.ends: dict[str, set[branches.End]] = {}  # of conditions inside lines
        self._jumps: dict[CodeType, dict[int, branches.Jump]] = {}
        self._places: dict[str, dict[branches.Place, ast.expr]] = {}
        self._told: set[tuple[Any, ...]] = set()
        self._opcodes = False
        self.entered: dict[str, set[int]] = {}

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Record what runs; nothing where there are no files, or another tracer is there already."""
        if self.file is None or sys.gettrace() is not None:
            yield
            return
        with branches.watching(self._jumps_of, self._came) as told:
            self._opcodes = not told
            threading.settrace(self._called)
            sys.settrace(self._called)
            try:
                yield
            finally:
                sys.settrace(None)
                threading.settrace(None)

    def _jumps_of(self, code: CodeType) -> dict[int, branches.Jump]:
        """Return the jumps of a function of the subject's own at conditions inside lines."""
        if code not in self._jumps:
            name = code.co_filename
            self._jumps[code] = branches.jumps(code, self._conditions(name)) if self._mine(name) else {}
        return self._jumps[code]

    def _conditions(self, name: str) -> dict[branches.Place, ast.expr]:
        if name not in self._places:
            self._places[name] = {}
            with contextlib.suppress(OSError, SyntaxError, ValueError):
                source = Path(name).read_text(encoding="utf-8")
                if source.count("\n") <= MOST:
                    self._places[name] = branches.conditions(ast.parse(source))
        return self._places[name]

    def _came(self, code: CodeType, end: branches.End) -> None:
        self.ends.setdefault(code.co_filename, set()).add(end)

    def _mine(self, name: str) -> bool:
        if name not in self.own:
            self.own[name] = self._is_own(name)
        return self.own[name]

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        name = code.co_filename
        if not self._mine(name):
            return None
        jumps = self._jumps_of(code) if self._opcodes else {}
        frame.f_trace_opcodes = bool(jumps)
        jump = -1
        arcs = self.arcs.setdefault(name, set())
        self.entered.setdefault(name, set()).add(code.co_firstlineno)
        before = code.co_firstlineno

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal before, jump
            if event == "opcode":
                if jump >= 0 and (came := branches.end(jumps[jump], jump, frame.f_lasti)) is not None:
                    self._came(code, came)
                jump = frame.f_lasti if frame.f_lasti in jumps else -1
            elif event == "line":
                arcs.add((before, frame.f_lineno))
                before = frame.f_lineno
            elif event == "return":
                arcs.add((before, 0))
            return line

        return line

    def _is_own(self, name: str) -> bool:
        if self.folder is None:
            return False
        if name == self.file:
            return True
        path = Path(name)
        outside = [Path(sysconfig.get_paths()[key]) for key in ("stdlib", "purelib", "platlib")]
        with contextlib.suppress(OSError, ValueError):
            path = path.resolve()
            inside = self.folder in path.parents and path.suffix == ".py"
            return inside and not any(o in path.parents for o in outside) and "site-packages" not in path.parts
        return False

    def asked(self, what: Any) -> dict[str, Any]:
        """Answer the judge: `True` for what never ran, `"new"` for what ran since it asked so last; or take the latter.

        What an earlier process has told is added, as a run goes on from its journal.
        """
        if what is True:
            return self.record()
        if what != "new":
            self._take(what)
            return {"new": []}
        ran: set[tuple[Any, ...]] = {
            ("arc", self._short(name), *arc) for name, arcs in self.arcs.items() for arc in arcs
        }
        ran |= {("entered", self._short(name), line) for name, lines in self.entered.items() for line in lines}
        ran |= {("end", self._short(name), *place, came) for name, ends in self.ends.items() for place, came in ends}
        new, self._told = sorted(ran - self._told), self._told | ran
        return {"new": [list(one) for one in new]}

    def _take(self, told: list[list[Any]]) -> None:
        for kind, short, *rest in told:
            name = str(self.folder / short) if self.folder is not None else short
            name = self.file if self.file is not None and short == Path(self.file).name else name
            if kind == "arc":
                self.arcs.setdefault(name, set()).add((rest[0], rest[1]))
            elif kind == "entered":
                self.entered.setdefault(name, set()).add(rest[0])
            else:
                self.ends.setdefault(name, set()).add(((rest[0], rest[1], rest[2], rest[3]), bool(rest[4])))
            self._told.add((kind, short, *rest))

    def _short(self, name: str) -> str:
        """Return a file by its way from the subject's folder: another process may have it elsewhere."""
        if name == self.file:
            return Path(name).name
        with contextlib.suppress(OSError, ValueError):
            return Path(name).resolve().relative_to(self.folder or Path()).as_posix()
        return name

    def record(self) -> dict[str, Any]:
        """Return what never ran.

        Returns
        -------
        ``{"files": [{"file", "lines": [[first, last], ...], "conditions": [[line, "never true" or "never false"], ...],
        "functions": names never entered, "ran", "of"}, ...], "numbers": [...]}``: of every own file in which a function
        ran; whole numbers that its conditions compare with, where something is left to reach.
        """
        if self.file is None:
            return {"files": [], "numbers": []}
        files, numbers = [], set[int]()
        for name, arcs in sorted(self.arcs.items()):
            with contextlib.suppress(OSError, SyntaxError, ValueError):
                inside = branches.open_ends(self._conditions(name), self.ends.get(name, set()))
                found, compared = _file_record(name, arcs, self.entered[name], inside)
                files.append({**found, "file": Path(name).name})
                numbers |= compared
        return {"files": files, "numbers": sorted(numbers)}


def _file(subject: Any) -> str | None:
    """Return the file that a subject is defined in: that of the function of a partial; none that is not a user's."""
    for thing in (getattr(subject, "func", subject), type(subject)):
        with contextlib.suppress(TypeError, OSError):
            found = inspect.getsourcefile(inspect.unwrap(thing) if callable(thing) else thing)
            if found and Path(found).is_file():
                return None if sources.ours(found) else found
    return None


def _file_record(
    name: str, arcs: Arcs, entered: set[int], inside: list[tuple[int, str]]
) -> tuple[dict[str, Any], set[int]]:
    source = Path(name).read_text(encoding="utf-8")
    if source.count("\n") > MOST:
        raise ValueError("too long")
    tree = ast.parse(source)
    ran = {line for _, line in arcs}
    lines: set[int] = set()
    missed: list[str] = []
    conditions: list[tuple[int, str]] = []
    numbers: set[int] = set()
    names = {f: f"{c.name}.{f.name}" for c in ast.walk(tree) if isinstance(c, ast.ClassDef) for f in _functions_of(c)}
    for node in _functions(tree):
        if not _entered(node, entered):
            missed.append(names.get(node, node.name))
            continue
        own = _statements(node)
        lines |= own
        open_ends = [c for test in _tests(node) if (c := _condition(test, arcs)) is not None]
        open_ends += [c for c in inside if node.lineno <= c[0] <= (node.end_lineno or node.lineno)]
        conditions += open_ends
        if open_ends or own - ran:
            numbers |= _numbers(node)
    never = sorted(lines - ran)
    runs = [[run[0], run[-1]] for run in _runs(never)]
    shown = sorted(set(conditions))
    found = {"lines": runs, "conditions": [list(c) for c in shown], "functions": sorted(missed)}
    return {**found, "ran": len(lines & ran), "of": len(lines)}, numbers


def _functions_of(node: ast.ClassDef) -> list[Any]:
    """Return the methods of a class."""
    return [f for f in node.body if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef))]


def _functions(tree: ast.AST) -> list[Any]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def _entered(node: Any, entered: set[int]) -> bool:
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return node.lineno in entered or first in entered


def _statements(node: Any) -> set[int]:
    """Return the lines at which the statements of a function begin, those of functions inside it apart."""
    out: set[int] = set()
    waiting = list(node.body)
    while waiting:
        statement = waiting.pop()
        quiet = isinstance(statement, (ast.Global, ast.Nonlocal, ast.Pass, ast.Import, ast.ImportFrom))
        text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not quiet and not text:
            out.add(min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))]))
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for field in ("body", "orelse", "finalbody"):
            waiting += getattr(statement, field, [])
        for handler in [*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())]:
            waiting += handler.body
    return out


def _tests(node: Any) -> list[Any]:
    inner = [n for f in ast.walk(node) if f is not node and isinstance(f, ast.FunctionDef) for n in ast.walk(f)]
    kinds = (ast.If, ast.While)
    return [n for n in ast.walk(node) if isinstance(n, kinds) and n not in inner]


def _condition(test: Any, arcs: Arcs) -> tuple[int, str] | None:
    """Return the line of a condition that was evaluated and only ever came out one way."""
    own = range(test.test.lineno, (test.test.end_lineno or test.test.lineno) + 1)
    first = test.body[0].lineno
    if first in own or (isinstance(test.test, ast.Constant)):
        return None
    after = {line for before, line in arcs if before in own and line not in own}
    if not after:
        return None
    if first not in after:
        return test.lineno, "never true"
    return None if after - {first} else (test.lineno, "never false")


def _numbers(node: Any) -> set[int]:
    compared = [c for n in ast.walk(node) if isinstance(n, ast.Compare) for c in (n.left, *n.comparators)]
    found = {c.value for c in compared if isinstance(c, ast.Constant)}
    return {v for v in found if type(v) is int and 0 < v <= 64}


def _runs(lines: list[int]) -> list[list[int]]:
    groups = groupby(enumerate(lines), key=lambda pair: pair[1] - pair[0])
    return [[line for _, line in group] for _, group in groups]
