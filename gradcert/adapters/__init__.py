"""Adapters: a module of a library, and how its parameters map, becomes a subject. One library per file.

`gradcert.adapters.torch` and `gradcert.adapters.jax` each need their extra; graphs of NIR are `gradcert.models.nir`.
`gradcert.adapters.mapping` (how parameters map) and `gradcert.adapters.presets` (claims with the conventions of a
library) need nothing.
"""

import importlib
from typing import Any

_FILES = ("jax", "lightning", "mapping", "objective", "presets", "torch", "trainers")


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
