"""Modules that ask whether they train: where they do, and a module as it trains."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path
from typing import Any

from gradcert.models.reading.pytorch.recorder import RANDOM


def asks(module: Any) -> tuple[str, ...]:
    """Return the places, file and line, at which a module's own classes read ``training``; PyTorch's are left out.

    Examples
    --------
    >>> from torch.nn import Dropout
    >>> asks(Dropout())
    ()
    """
    kinds = dict.fromkeys(kind for part in module.modules() for kind in type(part).__mro__)
    return tuple(dict.fromkeys(place for kind in kinds if not _of_torch(kind) for place in _read_by(kind)))


def put(module: Any, *, trains: bool) -> Any:
    """Put a module into train(), but for PyTorch's own layers: their dropout is off in eval(); or all into eval().

    Examples
    --------
    >>> from torch.nn import Dropout
    >>> put(Dropout(), trains=True).training
    False
    """
    module.eval()
    for part in module.modules() if trains else ():
        part.training = not _of_torch(type(part))
    return module


def draws(reading: Any) -> bool:
    """Return whether a module that was read draws random numbers."""
    return any(word in node.name for node in reading.step.nodes for word in RANDOM)


def _of_torch(kind: type) -> bool:
    return kind.__module__.startswith(("torch.", "builtins"))


def _read_by(kind: type) -> list[str]:
    try:
        lines, first = inspect.getsourcelines(kind)
        tree = ast.parse(textwrap.dedent("".join(lines)))
        name = Path(inspect.getsourcefile(kind) or "").name
    except (OSError, TypeError, SyntaxError):  # a class that was typed in, or made: nothing can be read of it
        return []
    reads = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load))
    return [f"{name}:{first - 1 + node.lineno}" for node in reads if node.attr == "training"]
