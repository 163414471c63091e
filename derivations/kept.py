"""Verdicts that are kept: a step is not proved again while what it was proved of is the same.

A verdict is kept under a hash of the code of both rooms, without comments and docstrings, in which the other chapters
do not count: what a chapter rests on there are steps, with verdicts of their own. So a word in a docstring costs no
proof, a change of a chapter the proofs of that chapter, and a change of an engine all of them.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Verdict:
    """What became of a step.

    Attributes
    ----------
    step : its id.
    status : ``proved``, ``definition`` or ``failed``.
    identities : how many polynomial identities were expanded to 0.
    failed : what did not hold.
    seconds : when it was proved (a verdict from the cache keeps the time it took then).
    cached : whether it was.
    """

    step: str
    status: str
    identities: int
    failed: tuple[str, ...]
    seconds: float
    cached: bool = False


def cache_folder() -> Path:
    """Return where verdicts are kept: ``$XDG_CACHE_HOME/gradcert/derivations``, by default under ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradcert" / "derivations"


def read(step: str, cache: Path | None = None) -> Verdict | None:
    """Return the verdict that is kept of a step of the code as it is; None if there is none."""
    try:
        data = json.loads(_path(step, cache).read_text())
        return Verdict(**{**data, "failed": tuple(data["failed"]), "cached": True})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write(verdict: Verdict, cache: Path | None = None) -> None:
    """Keep a verdict; a failure is not kept, so that it is looked at again."""
    if verdict.status == "failed":
        return
    path = _path(verdict.step, cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{verdict.step}.{os.getpid()}")
    temporary.write_text(json.dumps(asdict(verdict)))
    temporary.replace(path)


def _path(step: str, cache: Path | None) -> Path:
    return (cache or cache_folder()) / fingerprint(step.split(".")[0]) / f"{step}.json"


@functools.cache
def fingerprint(chapter: str) -> str:
    """Return a hash of what verdicts about a chapter depend on: its code, that below it, SymPy, NumPy and FLINT."""
    common, chapters = _sources()
    todo, own = [chapter], dict[str, str]()
    while todo:
        name = todo.pop()
        if name in chapters and name not in own:
            own[name], imported = chapters[name]
            todo += imported
    digest = hashlib.sha256(common.encode())
    digest.update(json.dumps(sorted(own.items())).encode())
    digest.update(" ".join(version(p) for p in ("sympy", "numpy", "python-flint")).encode())
    return digest.hexdigest()[:32]


@functools.cache
def _sources() -> tuple[str, dict[str, tuple[str, list[str]]]]:
    """Return a hash of what all chapters share; and chapter -> hash of its file, and chapters that it imports from."""
    import gradcert.derivations
    import gradcert.reference

    common, chapters = hashlib.sha256(), dict[str, tuple[str, list[str]]]()
    for package in (gradcert.reference, gradcert.derivations):
        root = Path(str(package.__file__)).resolve().parent
        for path in sorted(root.rglob("*.py")):
            place = path.relative_to(root)
            if "reading" in place.parts:  # how a derivation is shown decides nothing
                continue
            text = path.read_text(encoding="utf-8")
            if place.parts[0] == "chapters" and place.stem != "__init__":
                imported = re.findall(r"\w+", " ".join(re.findall(r"derivations\.chapters(?:\.| import )(.*)", text)))
                chapters[place.stem] = hashlib.sha256(bare(text).encode()).hexdigest(), imported
            else:
                common.update(place.as_posix().encode() + b"\0" + bare(text).encode() + b"\0")
    return common.hexdigest(), chapters


def bare(source: str) -> str:
    r"""Return what a file does: its syntax tree without comments, positions and docstrings.

    Examples
    --------
    >>> bare("def f():\n    'one'\n    return 1") == bare("def f():  # one\n\n    'two'\n    return 1")
    True
    >>> bare("x = 1") == bare("x = 2")
    False
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())), *rest]:
                    node.body = rest
    return ast.dump(tree)
