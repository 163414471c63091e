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
COMPARISON = "a comparison"
PAIRS = {"gt": (">", True), "ge": (">=", True), "lt": (">=", False), "le": (">", False)}


@dataclass(frozen=True)
class Kind:
    """A kind of spike: the function of its argument, as the user's code has it.

    Attributes
    ----------
    name : of the function, or what it is.
    slope : the pseudo-derivative as the user's own code gives it, on arrays in float64.
    strict : whether it is silent at 0.
    where : file and line.
    function : the autograd.Function that it is, and its other arguments; in JAX what applies it, and the shape that it
        takes; None for what is none.
    """

    name: str
    slope: Callable[[Array], Array]
    strict: bool
    where: str
    function: tuple[Any, tuple[Any, ...]] | None = None


@dataclass(frozen=True)
class Found:
    """A spike in the record: its kind, the node that it compares with a level, and nodes that are its own affair."""

    kind: Kind
    argument: int
    inner: frozenset[int] = frozenset()
    level: float = 0.0


def is_step(values: Array) -> bool:
    """Return whether values on the grid are those of a step."""
    return set(np.unique(values).tolist()) <= {0.0, 1.0} and values[0] == 0 and values[160] == 1


def comparison(relation: str, where: str) -> Kind:
    """Return the spike that a comparison with 0 is: nothing passes backwards."""
    return Kind(COMPARISON, np.zeros_like, relation == ">", where)
