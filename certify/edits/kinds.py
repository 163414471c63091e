"""What a value is, as far as another one could stand in its place: its type and its shape."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

Kind = tuple[Any, ...]
Kinds = tuple[Kind, ...]
NUMERIC = ("int", "number", "array", "tensor")


def kind(value: Any) -> Kind | None:
    """Return the kind of a value, None for what is neither a number, nor an array, nor a list of them.

    Examples
    --------
    >>> import numpy as np
    >>> kind(3), kind(np.float64(0.5)), kind(np.zeros((2, 3))), kind([np.zeros(2)]), kind("a")
    (('int',), ('number',), ('array', 2, 3), ('list', 'array', 2), None)
    """
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return None
    if isinstance(value, int):
        return ("int",)
    shape = getattr(value, "shape", None)
    if isinstance(value, float) or shape == ():
        return ("number",)
    if isinstance(shape, tuple) and hasattr(value, "dtype"):
        return ("tensor" if hasattr(value, "detach") else "array", *map(int, shape))
    if isinstance(value, (list, tuple)) and value:
        inner = kind(value[0])
        return ("list", *inner) if inner is not None else None
    return None


def numeric(kinds: Iterable[Kind]) -> bool:
    """Return whether something is a number or an array wherever it was seen."""
    kinds = tuple(kinds)
    return bool(kinds) and all(k[0] in NUMERIC for k in kinds)


def array(kinds: Iterable[Kind]) -> bool:
    """Return whether something is an array wherever it was seen."""
    kinds = tuple(kinds)
    return bool(kinds) and all(k[0] in ("array", "tensor") for k in kinds)


@lru_cache(maxsize=1 << 16)
def exchangeable(a: Kinds, b: Kinds) -> bool:
    """Return whether one could stand in the place of the other."""
    return bool(set(a) & set(b))


@lru_cache(maxsize=1 << 16)
def broadcasts(small: Kinds, large: Kinds) -> bool:
    """Return whether a factor or term leaves the shape of something as it is.

    Examples
    --------
    >>> broadcasts((("array", 3),), (("array", 2, 3),)), broadcasts((("array", 2, 3),), (("array", 3),))
    (True, False)
    """
    if not numeric(small) or not numeric(large):
        return False
    return any(_within(s[1:], k[1:]) for s in small for k in large)


def _within(small: Kind, large: Kind) -> bool:
    if len(small) > len(large):
        return False
    return all(a in (1, b) for a, b in zip(reversed(small), reversed(large), strict=False))
