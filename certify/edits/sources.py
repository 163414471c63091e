"""The source files of a subject, as syntax trees that can be edited and loaded again without being written."""

from __future__ import annotations
import __future__

import ast
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import Any

from gradcert.certify.subjects.sources import own

LINES = 4096  # of one file, beyond which it is left alone
FILES = 12  # of one subject
PROJECT = ("pyproject.toml", "setup.py", "setup.cfg", ".git")  # what stands in the folder of one
_FLAGS = {name: getattr(__future__, name).compiler_flag for name in __future__.all_feature_names}


class NotLookedFor(Exception):
    """Why no repair is looked for, in one sentence."""


@dataclass(eq=False)
class Source:
    """One file: its statements are compiled one by one, so that an edit costs one of them.

    Attributes
    ----------
    path : its real path.
    module : the name under which it is loaded.
    text, tree : its content.
    """

    path: str
    module: str
    text: str

    def __post_init__(self) -> None:
        self.tree = ast.parse(self.text)
        self.flags = 0
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                self.flags |= sum(_FLAGS[alias.name] for alias in node.names)
        self.codes: list[CodeType] = [self.compiled(node) for node in self.tree.body]

    def compiled(self, statement: ast.stmt) -> CodeType:
        """Return the code of one statement of the module."""
        module = ast.Module([statement], [])
        return compile(module, self.path, "exec", flags=self.flags, dont_inherit=True)

    def with_statement(self, number: int) -> list[CodeType]:
        """Return the code of the module, after its statement of this number was edited."""
        return [*self.codes[:number], self.compiled(self.tree.body[number]), *self.codes[number + 1 :]]


class Sources:
    """The files of a subject, and how it is loaded from them.

    Parameters
    ----------
    files : in the order in which they are looked at.
    get : loads the subject.
    """

    def __init__(self, files: list[Source], get: Callable[[], Any]) -> None:
        self.files, self.get = files, get
        self.loaded: dict[str, list[CodeType]] = {}

    def load(self, codes: Mapping[str, list[CodeType]] | None = None) -> Any:
        """Return the subject, loaded anew; some files from other code than they hold."""
        self.loaded = {f.path: f.codes for f in self.files} | dict(codes or {})
        for file in self.files:
            sys.modules.pop(file.module, None)
        path = list(sys.path)
        try:
            return self.get()
        finally:
            sys.path[:] = path

    def install(self) -> None:
        """Have Python's loader of source files take these from here."""
        usual = SourceFileLoader.exec_module

        def exec_module(loader: Any, module: Any) -> None:
            codes = self.loaded.get(os.path.realpath(loader.path))
            if codes is None:
                usual(loader, module)
                return
            for code in codes:
                exec(code, module.__dict__)

        SourceFileLoader.exec_module = exec_module  # type: ignore[method-assign, assignment]


def found(name: str, get: Callable[[], Any], texts: Mapping[str, str]) -> Sources:
    """Return the files of a subject that is loaded: its own, and those of its project that it has imported.

    Files beside it or below come before those elsewhere in the project, such as a package that a file of tests imports.

    Parameters
    ----------
    name : ``package.module:attribute`` or ``path/file.py:attribute``.
    get : loads it.
    texts : real path -> what stands in place of a file's content.

    Raises
    ------
    NotLookedFor : where there is none, or one does not parse.
    """
    where = name.rpartition(":")[0]
    first = os.path.realpath(where) if where.endswith(".py") else _file(where)
    if not first:
        raise NotLookedFor("it has no source file of its own")
    home = os.path.join(os.path.dirname(first), "")
    whole = sorted(_modules(_project(home), first), key=lambda pair: (pair[0] != first, not pair[0].startswith(home)))
    near = [pair for pair in whole if pair[0].startswith(home)][:FILES]
    try:  # of a project all or none: half a package cannot be loaded anew
        out = _read(whole if len(whole) <= FILES else near, texts)
    except NotLookedFor:
        out = _read(near, texts)
    if not out or out[0].path != first:
        raise NotLookedFor("it has no source file of its own")
    return Sources(out, get)


def loader(name: str, get: Callable[[], Any]) -> Callable[[Mapping[str, str]], Sources]:
    """Return what finds a subject's files anew, with other texts in their place; Python's loader is replaced once."""
    installed: list[Sources] = []

    def load(texts: Mapping[str, str]) -> Sources:
        sources = found(name, get, texts)
        if installed:
            installed[0].files = sources.files
            return installed[0]
        sources.install()
        installed.append(sources)
        return sources

    return load


def shown(path: str) -> str:
    """Return a file as it is shown: relative to the working directory, or its name alone where it is not in that.

    Examples
    --------
    >>> shown(os.path.abspath("rules/ostl.py")), shown("/nowhere/at/all/ostl.py")
    ('rules/ostl.py', 'ostl.py')
    """
    real = os.path.realpath(path)
    inside = os.path.relpath(real)
    return os.path.basename(real) if inside.startswith("..") else inside.replace(os.sep, "/")


def _read(places: Iterable[tuple[str, str]], texts: Mapping[str, str]) -> list[Source]:
    out = []
    for path, module in places:
        try:
            with open(path, encoding="utf-8") as file:
                text = texts.get(path) or file.read()
            if text.count("\n") > LINES:
                raise NotLookedFor(f"{shown(path)} has more than {LINES} lines")
            out.append(Source(path, module, text))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise NotLookedFor(f"{shown(path)} does not parse ({type(error).__name__})") from None
    return out


def _project(home: str) -> str:
    """Return the innermost folder around a file that is a project's, or its own folder where there is none."""
    inside = home
    while os.path.dirname(inside := inside.rstrip(os.sep)) != inside:
        if any(os.path.exists(os.path.join(inside, name)) for name in PROJECT):
            return os.path.join(inside, "")
        inside = os.path.dirname(inside)
    return home


def _modules(home: str, first: str) -> Iterator[tuple[str, str]]:
    seen = set()
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".py") and name != "__main__":
            real = os.path.realpath(path)
            mine = real == first or (real.startswith(home) and own(real))
            if mine and real not in seen and os.path.isfile(real):
                seen.add(real)
                yield real, name


def _file(module: str) -> str:
    path = getattr(sys.modules.get(module), "__file__", None)
    return os.path.realpath(path) if isinstance(path, str) and path.endswith(".py") else ""
