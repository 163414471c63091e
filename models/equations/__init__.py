"""Bring your own cell: the forward step written once, a label on every edge; the local Jacobians follow by SymPy.

`define` makes a cell that every rule of the table, every case and every check works with: from equations as text or as
SymPy's expressions (with `weighted` for the sums), or from a NumPy-like function, which is traced. `check`
differentiates it a second time, and runs the function itself. SymPy is imported when a derivative is wanted and
python-flint when a cell is checked, so that the process of a subject reads a cell without either.
"""

import importlib
from typing import Any

_HOME = {"check": "jacobians", "define": "cell", "weighted": "expression"}

__all__ = ["check", "define", "weighted"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
