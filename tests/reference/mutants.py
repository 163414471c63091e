"""A module with one line changed: what a test has to reject."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType


def mutant(name, *changes):
    """Return the module `name` with each (old, new) of `changes` applied to its source; old must occur exactly once."""
    source = inspect.getsource(importlib.import_module(name))
    for old, new in changes:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in {name}"
        source = source.replace(old, new)
    module = ModuleType(name)
    exec(compile(source, f"<mutant of {name}>", "exec"), module.__dict__)
    return module
