"""Kinds of spikes: a step function, and what passes through it backwards.

A spike is a function of one's own whose values are 0 and 1 alone, a step (`functions` for PyTorch, `jaxpr.functions`
for JAX); or straight-through (`straight`); or a comparison, through which nothing passes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.numbers import Array

GRID: Array = np.concatenate([np.linspace(-4, 4, 161), [1e-9, -1e-9, 0.0]])
TINY = 1e-300
FAR = 2.0 ** np.arange(3, 24)
WIDE: Array = np.concatenate([-FAR[::-1], np.linspace(-4, 4, 161), FAR])  # thresholds in millivolts too
COMPARISON = "a comparison"
ROUNDED = 64  # units in the last place of 1, that hard + soft - soft leaves of a step beside a soft part of some size
PAIRS = {"gt": (">", True), "ge": (">=", True), "lt": (">=", False), "le": (">", False)}


@dataclass(frozen=True)
class Kind:
    """A kind of spike: the function of its argument, as the user's code has it.

    Attributes
    ----------
    name : of the function, or what it is.
    slope : the pseudo-derivative as the user's own code gives it, on arrays in float64: of the argument less `level`.
    strict : whether it is silent at its level.
    where : file and line.
    function : the autograd.Function that it is, and its other arguments; in JAX what applies it, and the shape that it
        takes; None for what is none.
    level : where the function itself jumps, with a threshold of its own inside.
    rounded : whether its values are 0 and 1 but for roundings.
    """

    name: str
    slope: Callable[[Array], Array]
    strict: bool
    where: str
    function: tuple[Any, tuple[Any, ...]] | None = None
    level: float = 0.0
    rounded: bool = False


@dataclass(frozen=True)
class Found:
    """A spike in the record: its kind, the node that it compares with a level, and nodes that are its own affair."""

    kind: Kind
    argument: int
    inner: frozenset[int] = frozenset()
    level: float = 0.0


def jump_of(values: Callable[[Array], Array]) -> tuple[float, bool] | None:
    """Return where a function steps from 0 to 1, and whether it is 0 there; None for what is no step.

    The last number at which it is 0 and the first at which it is 1 are neighbours among floats: the level is the one
    that somebody wrote, which is a float32, or the shorter of both.

    Examples
    --------
    >>> jump_of(lambda x: (x > 0.3) * 1.0), jump_of(lambda x: (x >= -50) * 1.0), jump_of(np.tanh)
    ((0.3, True), (-50.0, False), None)
    """
    found = values(WIDE)
    if found.shape != WIDE.shape or not set(np.unique(found).tolist()) == {0.0, 1.0} or (np.diff(found) < 0).any():
        return None
    if values(np.array([-TINY, TINY])).tolist() == [0.0, 1.0]:  # below, some machines take numbers for 0
        return 0.0, not values(np.zeros(1))[0]
    first = int(np.argmax(found))
    low, high = float(WIDE[first - 1]), float(WIDE[first])
    while np.nextafter(low, high) < high:
        middle = low + (high - low) / 2
        middle = middle if low < middle < high else float(np.nextafter(low, high))
        low, high = (low, middle) if values(np.array([middle]))[0] else (middle, high)
    level = min((low, high), key=lambda v: (float(np.float32(v)) != v, len(repr(v)), abs(v)))
    return level + 0.0, level == low


def is_step(values: Array) -> bool:
    """Return whether values on the grid are those of a step."""
    return set(np.unique(values).tolist()) <= {0.0, 1.0} and values[0] == 0 and values[160] == 1


def fired(values: Array) -> Array:
    """Return spikes as they are meant: 0 and 1, where a straight-through sum has left a few roundings beside them.

    Examples
    --------
    >>> one = 1 + 0.15 - 0.15
    >>> one == 1, fired(np.array([one, 0.0, 0.9])).tolist()
    (False, [1.0, 0.0, 0.9])
    """
    if values.dtype.kind != "f":
        return values
    whole = np.rint(values)
    out: Array = np.where(np.abs(values - whole) <= ROUNDED * np.finfo(values.dtype).eps, whole, values)
    return out


def comparison(relation: str, where: str) -> Kind:
    """Return the spike that a comparison with 0 is: nothing passes backwards."""
    return Kind(COMPARISON, np.zeros_like, relation == ">", where)
