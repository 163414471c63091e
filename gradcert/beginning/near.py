"""What is near to a subject: modules, which can be read and watched, and functions that make gradients."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradcert.beginning.guess import RULES

GRADIENTS = ("grad", "value_and_grad", "backward", "vjp")  # what is called by what computes gradients
SKIPPED = re.compile(r"(^|/)(tests?/|test_|conftest)")
NAMED = "|".join(pattern for _, pattern in RULES)


@dataclass(frozen=True)
class Near:
    """A class or function.

    Attributes
    ----------
    name : as a command takes it, FILE.py:NAME. `line` : where it begins.
    takes : of a function, its arguments as they are written; of a module "".
    time : of a module, whether its forward runs a loop: it takes whole sequences.
    path : what has to be on Python's path, as of `look.Found`.
    """

    name: str
    line: int
    takes: str = ""
    time: bool = False
    path: str = ""

    @property
    def module(self) -> bool:
        """Whether it is a module."""
        return not self.takes


def outermost(found: Sequence[Near]) -> Near | None:
    """Return the module that is read first: one that takes sequences, the last of them, for parts come before it."""
    modules = [one for one in found if one.module]
    best = [one for one in modules if one.time] or modules
    return best[-1] if best else None


def near(tree: ast.Module, file: Path, folder: Path, name: str, path: str = "") -> list[Near]:
    """Return the modules and the functions that make gradients of a file, but not those of tests.

    Parameters
    ----------
    name : of the file in a subject. `path` : what has to be on Python's path.
    """
    if SKIPPED.search(file.relative_to(folder).as_posix()):
        return []
    out = []
    modules = {"Module"}  # and what derives from one in this file
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(_last(base) in modules for base in node.bases):
            modules.add(node.name)
            forward = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "forward"), None)
            if forward is not None and node.name[0] != "_":
                loop = any(isinstance(inner, (ast.For, ast.While)) for inner in ast.walk(forward))
                time = loop and len(forward.args.args) == 2
                out.append(Near(f"{name}:{node.name}", node.lineno, time=time, path=path))
        elif isinstance(node, ast.FunctionDef) and node.args.args and node.name[0] != "_" and _makes(node):
            out.append(Near(f"{name}:{node.name}", node.lineno, ast.unparse(node.args), path=path))
    return out


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _makes(node: ast.FunctionDef) -> bool:
    """Return whether a function returns something, and is named like a rule or asks for gradients."""
    inside = list(ast.walk(node))
    if not any(isinstance(n, ast.Return) and n.value is not None for n in inside):
        return False
    called = {_last(n.func) for n in inside if isinstance(n, ast.Call)}
    return bool(called & set(GRADIENTS)) or re.search(rf"(?<![a-z])({NAMED})(?![a-z])", node.name.lower()) is not None
