"""Subjects that are modules of PyTorch: classes, factories and modules become callables that take a problem.

Only what has loaded PyTorch can be one. What a module claims comes with its cells as data, which the judge keeps in
files; nothing of a subject is run there.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradcert.reference.errors import GradcertError

KEPT = re.compile(r"\.gradcert/cells/\w{1,80}-(?P<digest>[0-9a-f]{12})\.toml")
MOST = 1 << 20  # bytes of a file of cells


def adapted(found: Any) -> Any:
    """Return a subject for what is a module, makes one, or is a factory with its arguments; else what was given."""
    torch = sys.modules.get("torch")
    if torch is None or not _is_module(found, torch):
        return found
    from gradcert.models.modules import ModuleSubject

    return ModuleSubject(found)


def _is_module(found: Any, torch: Any) -> bool:
    base = found.func if isinstance(found, functools.partial) else found
    if isinstance(found, torch.nn.Module) or (inspect.isclass(base) and issubclass(base, torch.nn.Module)):
        return True
    if not inspect.isfunction(base) or hasattr(base, "__gradcert_claim__"):
        return False
    if isinstance(found, Arguments):
        return True
    # a subject takes a problem; what can be called with nothing makes something
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    takes = inspect.signature(base).parameters.values()
    needed = [p for p in takes if p.default is p.empty and (p.kind in kinds or p.kind is p.VAR_POSITIONAL)]
    return not isinstance(found, functools.partial) and not needed


class Arguments(functools.partial):  # type: ignore[type-arg]
    """A class or a factory with its arguments, as somebody wrote them: ``FILE.py:Model(3, 4)``."""


def keep(cells: Any) -> None:
    """Write the cells that a subject's process told, under the names that their content gives them.

    Raises
    ------
    GradcertError : for names or content that are none of ours.
    """
    if not isinstance(cells, Mapping):
        raise GradcertError(f"cells in a {type(cells).__name__}", allowed="names of files and their text")
    for name, text in cells.items():
        match = KEPT.fullmatch(str(name))
        data = text.encode() if isinstance(text, str) else b""
        if match is None or len(data) > MOST or hashlib.sha256(data).hexdigest()[:12] != match["digest"]:
            raise GradcertError(f"the cells {str(name)[:80]!r} of a subject", allowed="a file named by its content")
        path = Path(str(name))
        try:
            if not path.is_file() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        except OSError as error:
            raise GradcertError(
                f"{name}, the cells that were read, cannot be written: {error.strerror}", do="run it in another folder"
            ) from None
