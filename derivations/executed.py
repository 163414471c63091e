"""Which of the code that a step lists was run while it was proved: a step may not list what it never ran.

For the time of a proof the functions of the listed files get code objects that write down that they were entered, made
from the same source by putting one statement in front of each body. Functions keep their identity, so that it does not
matter who has imported them; afterwards they have the code back that they had.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import gradcert.derivations
import gradcert.reference

ROOTS = {"reference": gradcert.reference, "derivations": gradcert.derivations}
#: what instrumented code calls, by the file that it belongs to
MARK = "__entered__"


def module_of(path: str) -> ModuleType | None:
    """Return the module of a listed file, None where there is none; a folder is its ``__init__``.

    Examples
    --------
    >>> module_of("reference/engines/step.py").__name__
    'gradcert.reference.engines.step'
    >>> module_of("reference/engines/steps.py") is None
    True
    """
    room, *rest = path.removesuffix(".py").split("/")
    file = Path(str(ROOTS[room].__file__)).parent.joinpath(*path.split("/")[1:]) if room in ROOTS else None
    if file is None or not (file.is_file() or (file / "__init__.py").is_file()):
        return None
    return import_module(".".join(("gradcert", room, *rest)))


def functions(module: ModuleType) -> Iterator[FunctionType]:
    """Yield the functions of a module and the methods of its classes, wrapped ones included."""
    held = [v for v in vars(module).values() if getattr(v, "__module__", None) == module.__name__]
    held += [v for c in held if isinstance(c, type) for v in vars(c).values()]
    for value in held:
        for name in ("__func__", "fget", "func", "__wrapped__"):  # static and class methods, properties, caches
            value = getattr(value, name, value)
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            yield value


class _Marked(ast.NodeTransformer):
    """Put ``__entered__("qualified name")`` in front of every body."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        self.names.append(node.name)
        self.generic_visit(node)
        self.names.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        self.visit_ClassDef(node)  # type: ignore[arg-type]
        call = ast.parse(f"{MARK}({'.'.join([*self.names, node.name])!r})").body[0]
        for part in ast.walk(call):
            ast.copy_location(part, node.body[0])
        node.body.insert(0, call)
        return node


@cache
def _codes(path: Path) -> dict[tuple[str, int], CodeType]:
    """Return the instrumented code objects of a file, by name and first line."""
    tree = _Marked().visit(ast.parse(path.read_text()))
    todo, found = [compile(tree, str(path), "exec", dont_inherit=True)], {}
    while todo:
        code = todo.pop()
        found[code.co_qualname, code.co_firstlineno] = code
        todo += [c for c in code.co_consts if isinstance(c, CodeType)]
    return found


@contextmanager
def watched(listed: Collection[str]) -> Iterator[set[str]]:
    """Yield a set that fills with ``path:qualified name`` of every function of the listed files that is entered."""
    ran: set[str] = set()
    kept: list[tuple[FunctionType, CodeType]] = []
    modules = {entry.split(":")[0]: module_of(entry.split(":")[0]) for entry in listed}
    try:
        for path, module in modules.items():
            if module is None:
                continue
            codes = _codes(Path(str(module.__file__)))
            vars(module)[MARK] = lambda name, path=path: ran.add(f"{path}:{name}")
            for f in functions(module):
                code = codes.get((f.__code__.co_qualname, f.__code__.co_firstlineno))
                if code is not None and code.co_freevars == f.__code__.co_freevars:
                    kept.append((f, f.__code__))
                    f.__code__ = code
        yield ran
    finally:
        for f, code in reversed(kept):
            f.__code__ = code
        # the marks stay: a closure made in here may be called later


def not_run(listed: Collection[str], ran: Collection[str]) -> list[str]:
    """Return sentences about listed code that was not run: a file none of whose functions was, or a function.

    A file without functions is data (a row of the rule table) and is not asked for more than to exist.

    Examples
    --------
    >>> with watched(["reference/engines/structure.py:basis"]) as ran:
    ...     pass
    >>> not_run(["reference/engines/structure.py:basis"], ran)
    ['reference/engines/structure.py:basis is listed and was not run']
    """
    out = []
    for entry in listed:
        path, _, name = entry.partition(":")
        module = module_of(path)
        if module is None:
            out.append(f"{path} is listed and is no file of {' or '.join(ROOTS)}")
            continue
        names = {r.partition(":")[2] for r in ran if r.startswith(f"{path}:")}
        if name:
            met = any(f".{name}." in f".{n}." for n in names)
        else:
            met = bool(names) or not any(True for _ in functions(module))
        if not met:
            out.append(f"{entry} is listed and was not run")
    return out


def forget(chapter: str) -> None:
    """Empty the caches of a chapter and of the room, so that a step runs what it lists though another one has."""
    from gradcert.derivations.proving.notation import code_step

    code_step.cache_clear()
    module = sys.modules.get(f"gradcert.derivations.chapters.{chapter}")
    for value in list(vars(module).values()) if module else []:
        if getattr(value, "__module__", None) == getattr(module, "__name__", "") and hasattr(value, "cache_clear"):
            value.cache_clear()
