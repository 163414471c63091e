"""Tests that a project has already: files that call `gradcert.subject_tests` or `gradcert.cases`."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

CALLS = ("subject_tests", "cases")
OURS = "Written by gradcert init"


@dataclass(frozen=True)
class Asking:
    """A file with such tests.

    Attributes
    ----------
    file, line : where the first of them is.
    calls : how many calls there are.
    subjects : those that are written out.
    made : whether a subject is not written out: in a loop, or a function.
    text : of the file.
    """

    file: Path
    line: int
    calls: int
    subjects: tuple[str, ...]
    made: bool
    text: str

    @property
    def ours(self) -> bool:
        """Whether `gradcert init` wrote the file."""
        return OURS in self.text

    def names(self, file: Path, name: str) -> bool:
        """Return whether a test of the file may be of a function: what a loop makes is known by its module alone."""
        written = (subject.rpartition(":") for subject in self.subjects)
        if file == self.file or any(said == name and _module(where) == file.stem for where, _, said in written):
            return True
        stem, rest = file.parent.name if file.stem == "__init__" else file.stem, self.text
        for subject in self.subjects:  # it is of that one function
            rest = rest.replace(subject, "")
        return self.made and re.search(rf"\b{re.escape(stem)}\b", rest) is not None


def _module(where: str) -> str:
    return PurePath(where).stem if where.endswith(".py") else where.rpartition(".")[2]


def asking(tree: ast.Module, file: Path, text: str, bound: Mapping[str, tuple[str, str]]) -> Asking | None:
    """Return what a file asks, None for one without such tests.

    Parameters
    ----------
    bound : what imports bind: name -> (package, last name).
    """
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and is_call(node, bound)]
    if not calls:
        return None
    given = [[*call.args[:1], *(word.value for word in call.keywords if word.arg == "subject")] for call in calls]
    first = [part[0].value if part and isinstance(part[0], ast.Constant) else None for part in given]
    subjects = tuple(name for name in first if isinstance(name, str))
    return Asking(file, min(c.lineno for c in calls), len(calls), subjects, len(subjects) < len(calls), text)


def is_call(node: ast.expr, bound: Mapping[str, tuple[str, str]]) -> bool:
    """Return whether an expression is, or calls, one of gradcert's functions that make tests."""
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Name):
        return bound.get(function.id, ("", "")) in [("gradcert", name) for name in CALLS]
    root: ast.expr = function
    while isinstance(root, ast.Attribute):
        root = root.value
    ours = isinstance(root, ast.Name) and bound.get(root.id, ("",))[0] == "gradcert"
    return ours and isinstance(function, ast.Attribute) and function.attr in CALLS
