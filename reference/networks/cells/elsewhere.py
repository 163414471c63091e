"""Cells that live in somebody else's file, called ``path/to/file.py:attribute``, or ``path/to/cells.toml:table``.

A file of TOML is read (`gradcert.models.equations.files`). To find a cell in Python is to run its file. Names come in
claims, problems and certificates, which are data, so a file is run only where somebody says so: ``run=True`` here,
``--run`` or ``--cell`` on the command line. Once run, a cell is known by its name.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradcert.reference.errors import GradcertError

FOUND: dict[str, Any] = {}  # by full name; kept apart from the cells of the registry
OURS = Path(__file__).resolve().parents[3] / "models"  # files of gradcert itself, such as NIR's CubaLIF
DATA = f"{OURS / 'equations' / 'files.py'}:cell"  # what reads cells that are no code
# a file of cells that was written for somebody, named by what it is of and by its content
KEPT = re.compile(r"\.gradcert/cells/(?P<of>\w{1,80})-(?P<digest>[0-9a-f]{12})\.toml")
NEEDED = ("nodes", "links", "uses", "trained", "constants", "step", "factors")


def file_of(name: Any) -> str | None:
    """Return the file that a cell's name points to, or None for a name of the registry, or none at all.

    Examples
    --------
    >>> file_of("cells/mine.py:Leaky"), file_of("lif")
    ('cells/mine.py', None)
    """
    where = name.rpartition(":")[0] if isinstance(name, str) else ""
    return where if where.endswith((".py", ".toml")) else None


def aside(where: str) -> Path:
    """Return where a file like `KEPT` is written in whose folder nothing can be written."""
    user = getattr(os, "getuid", lambda: "")()
    return Path(tempfile.gettempdir()) / f"gradcert-{user}" / Path(where).name


def place(where: str) -> Path:
    """Return the file that is named so, or the one that was put `aside` in its place and holds what its name says."""
    kept, path = KEPT.fullmatch(where), Path(where)
    if kept is None or path.is_file() or not (other := aside(where)).is_file():
        return path
    return other if hashlib.sha256(other.read_bytes()).hexdigest().startswith(kept["digest"]) else path


def readable(text: str) -> str:
    """Return text in which files like `KEPT` are what they are of, said once.

    Examples
    --------
    >>> kept = ".gradcert/cells/Net-0123456789ab.toml"
    >>> readable(f"bptt on {kept}:layer0 then {kept}:layer1")
    'bptt on Net layer0 then layer1'
    >>> readable("cells/mine.toml:Leaky")
    'cells/mine.toml:Leaky'
    """
    said: set[str] = set()

    def short(found: re.Match[str]) -> str:
        new = found[0] not in said
        said.add(found[0])
        return f"{found['of']} " if new else ""

    return re.sub(f"{KEPT.pattern}:", short, text)


def find(name: Any, known: Mapping[str, Any], *, run: bool = False) -> Any:
    """Return a cell class; one in a file is given its full name, and remembered in `FOUND`.

    Parameters
    ----------
    run : run the file that the name points to; else it has to have been run already.

    Raises
    ------
    GradcertError : for an unknown name, a file that is not there or may not be run, or something that is no cell.
    """
    where = file_of(name)
    if isinstance(name, str) and name in known:
        return known[name]
    if where is None:
        raise GradcertError(
            f"the cell {name!r} is unknown", allowed=f"{', '.join(sorted(known))}, or path/to/file.py:attribute"
        )
    if name not in FOUND:
        data = where.endswith(".toml")
        allow("cell", name, run=run or data or OURS in Path(where).resolve().parents)
        found = attribute_of(DATA)(name) if data else attribute_of(name)
        if not (isinstance(found, type) and all(hasattr(found, part) for part in NEEDED)):
            raise GradcertError(
                f"{name!r} is no cell", allowed="a frozen dataclass of gradcert.reference.networks.Cell"
            )
        found.name = name  # type: ignore[attr-defined]
        FOUND[name] = found
    return FOUND[name]


def allow(what: str, name: str, *, run: bool) -> None:
    """Raise unless the file that the name of a cell, rule or function points to is there, and may be run."""
    where = file_of(name)
    if where is None or not place(where).is_file():
        raise GradcertError(
            f"the {what} {name!r}: there is no file {where or name}", allowed="path/to/file.py:attribute"
        )
    if not run:
        raise GradcertError(
            f"the {what} {name!r} is code in a file, and nobody has said that it may be run",
            do="read it; then pass --run, or run=True from Python",
        )


def attribute_of(name: str) -> Any:
    """Return what ``path/to/file.py:attribute`` names, None where the file has no such thing; the file is run.

    Raises
    ------
    GradcertError : for a file that is not there, or that raises.
    """
    where, _, attribute = name.rpartition(":")
    return getattr(_load(Path(where)), attribute, None)


def _load(path: Path) -> Any:
    if not path.is_file():
        raise GradcertError(f"there is no file {path}", allowed="path/to/file.py:attribute")
    for module in list(sys.modules.values()):  # the file itself may be what asks, half imported
        origin = getattr(module, "__file__", None) or ""
        if origin.endswith(path.name) and Path(origin).resolve() == path.resolve():
            return module
    module_name = f"gradcert_cell_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise GradcertError(f"{path} cannot be loaded", allowed="a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    beside = str(path.resolve().parent)
    sys.path.insert(0, beside)  # the file may import its neighbours
    try:
        # from its text: cached bytecode may be of another text that was as long and as old
        exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), vars(module))
    except Exception as error:  # whatever a stranger's file raises
        del sys.modules[module_name]
        if isinstance(error, GradcertError):
            raise GradcertError(f"{path}: {error.given}", allowed=error.allowed, do=error.do) from error
        raise GradcertError(f"running {path} raised {type(error).__name__}: {error}", do="run it by itself") from error
    finally:
        sys.path.remove(beside)
    return module
