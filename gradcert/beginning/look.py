"""What a project has to judge, found by reading its source; nothing of it is run."""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gradcert.beginning.asking import Asking, asking, is_call
from gradcert.beginning.near import Near, near

PASSED_OVER = {"build", "dist", "docs", "node_modules", "site-packages", "venv", "env", "__pycache__"}
MOST = 2000  # files that are read
PARAMETER = re.compile(r"layers\.(\d+|\{\w+\})\.\w+")  # what gradients are called, also in an f-string
EXAMPLE = re.compile("gradcert's own example|One layer: return your module in place of this one")
LIBRARIES = ("torch", "snntorch", "spikingjelly", "norse", "jax", "spyx", "braintrace")
LAYERS = {
    "torch": ("RNN", "LSTM", "GRU"),
    "snntorch": ("Leaky",),
    "spikingjelly": ("LIFNode",),
}  # for which there is a subject in `libraries`


@dataclass(frozen=True)
class Found:
    """One thing that can be judged.

    Attributes
    ----------
    subject : as `gradcert certify` takes it.
    file, line : where it is.
    name : of the function or class.
    claims : whether it is decorated with a claim.
    stepwise : whether it takes one step at a time.
    text : its source, from which a claim is guessed.
    example : whether it is gradcert's own, which `gradcert init` wrote and nobody has put code into.
    path : as `path_of` has it.
    """

    subject: str
    file: Path
    line: int
    name: str
    claims: bool
    stepwise: bool
    text: str
    example: bool = False
    path: str = ""


@dataclass(frozen=True)
class Project:
    """What was found: things to judge, what is near to one, libraries imported, layers of theirs in use, tests.

    `notebooks` are not read.
    `own` are the things to judge that are not gradcert's examples.
    """

    found: tuple[Found, ...] = ()
    libraries: tuple[str, ...] = ()
    layers: tuple[tuple[str, str], ...] = ()
    files: int = 0
    near: tuple[Near, ...] = ()
    asking: tuple[Asking, ...] = ()
    notebooks: tuple[Path, ...] = ()

    @property
    def own(self) -> tuple[Found, ...]:
        """The things to judge that are the project's own."""
        return tuple(found for found in self.found if not found.example)

    @property
    def tests(self) -> tuple[Asking, ...]:
        """The files with tests of subjects that somebody wrote."""
        return tuple(one for one in self.asking if not one.ours)


def look(folder: Path) -> Project:
    """Read a project.

    Parameters
    ----------
    folder : its root; folders of environments, builds and documentation are passed over, hidden ones and a checkout
        of gradcert too.
    """
    found, libraries, layers, count = list[Found](), set[str](), set[tuple[str, str]](), 0
    beside: list[Near] = []
    tests: list[Asking] = []
    notebooks: list[Path] = []
    for path in _sources(folder):
        if path.suffix == ".ipynb":
            notebooks.append(path)
            continue
        try:
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text)
        except (OSError, ValueError, SyntaxError, RecursionError):  # not ours to complain about
            continue
        count += 1
        bound = _bound(tree)
        libraries |= {library for library, _ in bound.values()} & set(LIBRARIES)
        here = {*bound.values(), *_attributes(tree, bound)}
        layers |= {(library, name) for library, names in LAYERS.items() for name in names if (library, name) in here}
        subjects = [node for node in tree.body if _is_subject(node) and not _is_test(node, bound)]
        mine = [_entry(node, path, folder, text) for node in subjects]
        tests += [one] if (one := asking(tree, path, text, bound)) is not None else []
        others = near(tree, path, folder, named(path, folder), path_of(path, folder))
        beside += [n for n in others if n.name not in {f.subject for f in mine}]
        found += [one for one in mine if one.claims] or mine  # beside a claim, what claims nothing is its helper
    used = tuple(n for n in LIBRARIES if n in libraries)
    return Project(tuple(found), used, tuple(sorted(layers)), count, tuple(beside), tuple(tests), tuple(notebooks))


def _sources(folder: Path) -> Iterator[Path]:
    left = MOST
    for at, folders, files in os.walk(folder):
        inside = Path(at)
        folders[:] = sorted(
            name for name in folders if name not in PASSED_OVER and name[0] not in "._" and not _another(inside / name)
        )
        for name in sorted(files):
            if name.endswith((".py", ".ipynb")) and left:
                left -= 1
                yield inside / name


def _another(folder: Path) -> bool:
    """Return whether a folder is an environment, or a checkout of gradcert, which people have beside their own."""
    if (folder / "pyvenv.cfg").exists():
        return True
    try:
        return 'name = "gradcert"' in (folder / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return False


def _bound(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Return what imports bind: name -> (package, last name); a module's own ``RNN`` is none of PyTorch's."""
    out: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [(alias.asname or alias.name.partition(".")[0], alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [(alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names]
        else:
            continue
        out |= {name: (whole.partition(".")[0], whole.rpartition(".")[2]) for name, whole in names}
    return out


def _attributes(tree: ast.Module, bound: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            root: ast.expr = node
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in bound:
                yield bound[root.id][0], node.attr


def _is_subject(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef):
        if _claims(node):
            return True
        given = [*node.args.posonlyargs, *node.args.args]
        required = given[: len(given) - len(node.args.defaults)]
        takes = len(required) == 1 and required[0].arg == "problem" and node.name[0] != "_"  # that is a helper
        return takes and any(isinstance(n, ast.Return) and n.value is not None for n in ast.walk(node))
    if isinstance(node, ast.ClassDef):
        methods = {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)}
        return _claims(node) or ({"start", "step", "gradients"} <= methods and node.name[0] != "_")
    return False


def _is_test(node: ast.stmt, bound: Mapping[str, tuple[str, str]]) -> bool:
    """Return whether a function is a test already, by its decorator `gradcert.cases`."""
    return any(is_call(mark, bound) for mark in getattr(node, "decorator_list", ()))


def _claims(node: ast.FunctionDef | ast.ClassDef) -> bool:
    called = [mark.func if isinstance(mark, ast.Call) else mark for mark in node.decorator_list]
    names = [mark.attr if isinstance(mark, ast.Attribute) else getattr(mark, "id", "") for mark in called]
    return any(name in ("claim", "claimed") for name in names)


def _entry(node: ast.stmt, path: Path, folder: Path, text: str) -> Found:
    assert isinstance(node, (ast.FunctionDef, ast.ClassDef))
    subject = f"{named(path, folder)}:{node.name}"
    source = ast.get_source_segment(text, node) or ""
    stepwise, example = isinstance(node, ast.ClassDef), EXAMPLE.search(source) is not None
    found = path_of(path, folder)
    return Found(subject, path, node.lineno, node.name, _claims(node), stepwise, source, example, found)


def named(path: Path, folder: Path) -> str:
    """Return how a file is named in a subject: a module of a package by its import name, any other by its path.

    A file of a package cannot be loaded alone: its relative imports need the package.
    """
    top = _top(path, folder)
    if top == path.parent:
        return path.relative_to(folder).as_posix()
    return ".".join(path.relative_to(top).with_suffix("").parts)


def path_of(path: Path, folder: Path) -> str:
    """Return the folder that has to be on Python's path for a file's name, nothing where a subject is found without.

    Modules are found in the folder and in its ``src`` (`gradcert.certify.subjects.worker`), files wherever they are.
    """
    top = _top(path, folder)
    return "" if top in (path.parent, folder, folder / "src") else top.relative_to(folder).as_posix()


def finding(command: str, *paths: str) -> str:
    """Return a command that finds what is imported from folders.

    Examples
    --------
    >>> finding("gradcert read a.b:C", ""), finding("pytest", "lib/a", "lib/a")
    ('gradcert read a.b:C', 'PYTHONPATH=lib/a pytest')
    """
    said = os.pathsep.join(dict.fromkeys(filter(None, paths)))
    return f"PYTHONPATH={shlex.quote(said)} {command}" if said else command


def _top(path: Path, folder: Path) -> Path:
    top = path.parent
    while (top / "__init__.py").exists() and top != folder:
        top = top.parent
    return top
