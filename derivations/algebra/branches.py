"""Symbols that answer comparisons: a rule that clamps is run once for every way in which its clamps can fall out.

A comparison of symbols has no answer, but it has only two. `Branching` gives the answers that it was told, one for each
value that is compared; a proof runs the code for all of them, so that it holds on every branch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from gradcert.derivations.algebra.symbols import Symbols
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Branching(Symbols):
    """Symbols whose comparisons are decided.

    Attributes
    ----------
    decide : (value, relation, bound) -> whether the relation holds.

    Examples
    --------
    >>> import sympy
    >>> x = np.array([sympy.Symbol("x")], dtype=object)
    >>> Branching(decide=lambda value, relation, bound: relation == ">").where(x, ">", 0, x, 0)
    array([x], dtype=object)
    """

    decide: Callable[[Any, str, Any], bool] = field(default=lambda value, relation, bound: False)

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Return an elementwise choice, as decided."""
        arrays = [np.asarray(v, dtype=object) for v in (a, b, then, otherwise)]
        value, bound, first, second = np.broadcast_arrays(*arrays)
        out = np.empty(value.shape, dtype=object)
        for index in np.ndindex(out.shape):
            holds = self.decide(value[index], relation, bound[index])
            out[index] = first[index] if holds else second[index]
        return out


def regions(values: list[Any], names: tuple[str, ...]) -> Iterator[dict[Any, str]]:
    """Return every assignment of a region to every value.

    Examples
    --------
    >>> len(list(regions(["r", "s"], ("below", "inside", "above"))))
    9
    """
    for found in product(names, repeat=len(values)):
        yield dict(zip(values, found, strict=True))
