"""Bring your own cell: the forward step as equations, a label on every edge; the local Jacobians follow by SymPy.

`define` makes a cell that every rule of the table, every case and every check works with; `check` differentiates it a
second time. SymPy is imported when a derivative is wanted and python-flint when a cell is checked, so that the process
of a subject reads a cell without either.
"""

import importlib
from typing import Any

_HOME = {"check": "jacobians", "define": "cell"}

__all__ = ["check", "define"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
