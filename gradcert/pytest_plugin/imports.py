"""What a subject's process may import: what its tests may, wherever pytest found that (`pythonpath`, conftest.py)."""

from __future__ import annotations

import os
import shlex
import site
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "PYTHONPATH"
GIVEN = os.environ.get(NAME, "").split(os.pathsep)  # before a subject is started
PACKAGES = ("site-packages", "dist-packages")


def added() -> list[str]:
    """Return the folders that pytest has put on ``sys.path``: those that belong to no installation of Python.

    Nor are they those of a package that is installed to be edited, which every process of this Python finds.
    """
    edited = _edited()
    roots = [Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)]
    out = []
    for place in dict.fromkeys(sys.path):
        path = Path(place).resolve()
        installed = any(path.is_relative_to(root) for root in roots) or bool({*PACKAGES} & {*path.parts})
        if place and place not in GIVEN and path.is_dir() and not installed and path not in edited:
            out.append(place)
    return out


def _edited() -> set[Path]:
    """Return the folders that ``.pth`` files name, as those of ``pip install -e``."""
    places = [Path(place) for place in (*site.getsitepackages(), site.getusersitepackages())]
    lines = [
        (p, line) for p in places for f in p.glob("*.pth") for line in f.read_text("utf-8", "replace").splitlines()
    ]
    return {(place / line).resolve() for place, line in lines if not line.startswith(("import ", "import\t", "#"))}


@contextmanager
def importing() -> Iterator[None]:
    """Start processes that find these folders too; the environment is as before afterwards."""
    before = os.environ.get(NAME)
    os.environ[NAME] = os.pathsep.join([*added(), *([before] if before else [])])
    try:
        yield
    finally:
        if before is None:
            del os.environ[NAME]
        else:
            os.environ[NAME] = before


def shell(command: str, subject: str) -> str:
    """Return a command line that finds them as well; the folder of the subject's own file is found without.

    Examples
    --------
    >>> shell("gradcert certify numpy:mean", "numpy:mean").endswith("gradcert certify numpy:mean")
    True
    """
    where = subject.rpartition(":")[0]
    own = Path(where).resolve().parent if where.endswith(".py") else Path.cwd()
    needed = [os.path.relpath(place) for place in added() if Path(place).resolve() != own]
    return f"{NAME}={shlex.quote(os.pathsep.join(needed))} {command}" if needed else command
