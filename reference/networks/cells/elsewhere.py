"""Cells that live in somebody else's file, called ``path/to/file.py:attribute``."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradcert.reference.errors import GradcertError

FOUND: dict[str, Any] = {}  # by full name; kept apart from the cells of the registry
NEEDED = ("nodes", "links", "uses", "trained", "constants", "step", "factors")


def find(name: str, known: Mapping[str, Any]) -> Any:
    """Return a cell class; one in a file is loaded, given its full name, and remembered in `FOUND`.

    Raises
    ------
    GradcertError : for an unknown name, a file that is not there, or something that is no cell.
    """
    if name in known:
        return known[name]
    where, _, attribute = name.rpartition(":")
    if name not in FOUND and not where.endswith(".py"):
        raise GradcertError(
            f"the cell {name!r} is unknown", allowed=f"{', '.join(sorted(known))}, or path/to/file.py:attribute"
        )
    if name not in FOUND:
        found = getattr(_load(Path(where)), attribute, None)
        if not (isinstance(found, type) and all(hasattr(found, part) for part in NEEDED)):
            raise GradcertError(
                f"{name!r} is no cell", allowed="a frozen dataclass of gradcert.reference.networks.Cell"
            )
        found.name = name  # type: ignore[attr-defined]
        FOUND[name] = found
    return FOUND[name]


def _load(path: Path) -> Any:
    if not path.is_file():
        raise GradcertError(f"there is no file {path}", allowed="path/to/file.py:attribute")
    for module in list(sys.modules.values()):  # the file itself may be what asks, half imported
        if (origin := getattr(module, "__file__", None)) and Path(origin).resolve() == path.resolve():
            return module
    module_name = f"gradcert_cell_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise GradcertError(f"{path} cannot be loaded", allowed="a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return module
