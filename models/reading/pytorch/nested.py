"""States in dataclasses, which PyTorch's trees do not know: as named tuples of the same fields, and back."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from torch.utils._pytree import tree_map


def opened(tree: Any) -> Any:
    """Return a tree in which dataclasses are named tuples, which `closed` knows again.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class State:
    ...     v: float
    >>> opened((State(0.5), 2))
    (State(v=0.5), 2)
    >>> closed(opened((State(0.5), 2)))[0].v
    0.5
    """
    return tree_map(_opened, tree)


def is_record(leaf: Any) -> bool:
    """Return whether a leaf is a dataclass with values of its own."""
    return is_dataclass(leaf) and not isinstance(leaf, type)


def _opened(leaf: Any) -> Any:
    if not is_record(leaf):
        return leaf
    names = tuple(f.name for f in fields(leaf))
    kind: Any = type(leaf)
    return _kind(kind, names)(*(opened(getattr(leaf, name)) for name in names))


@cache
def _kind(cls: type, names: tuple[str, ...]) -> Any:
    made: Any = namedtuple(cls.__name__, names)  # type: ignore[misc]
    made.opened = cls  # type: ignore[attr-defined]
    return made


def closed(tree: Any) -> Any:
    """Return a tree as it was before `opened`."""
    return tree_map(_closed, tree, is_leaf=lambda part: hasattr(type(part), "opened"))


def _closed(part: Any) -> Any:
    if not hasattr(type(part), "opened"):
        return part
    return type(part).opened(**{name: closed(getattr(part, name)) for name in part._fields})
