"""A PyTorch module, or a step function of JAX, as a subject: its claim follows from reading it.

Nobody maps its parameters.

`build` makes a module at other sizes, `parameters` finds what its parameters are of a problem's, `claims` what it
claims, `asked` asks it. What is read is the forward pass (`gradcert.models.reading`): that the module's own backward
belongs to it is what is judged, not assumed.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Build": "build",
    "ModuleSubject": "asked",
    "StepSubject": "steps",
    "UnreadError": "errors",
    "example": "build",
    "inputs": "build",
    "maker": "build",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
