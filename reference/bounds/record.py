"""What a bound is, and how tight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradcert.reference.bounds.norms import frobenius, outward
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Bound:
    """Upper bounds on the Frobenius norm of a rule's error, |BPTT - rule|, per parameter tensor.

    Examples
    --------
    >>> bound = Bound({"layers.0.W": 3.0, "layers.0.b": 4.0, "layers.1.W": 0.0})
    >>> bound.layer(0) >= 5, bound.layer(1)
    (True, 0.0)
    """

    tensors: Mapping[str, float]

    def layer(self, which: int | str) -> float:
        """Return the bound for all tensors of a layer, or of a population by name: the root of the sum of squares."""
        own = f"layers.{which}." if isinstance(which, int) else f"{which}."
        return _root([v for k, v in self.tensors.items() if k.startswith(own)])

    @property
    def total(self) -> float:
        """The bound for all tensors together."""
        return _root(list(self.tensors.values()))


def _root(values: list[float]) -> float:
    return float(outward(np.float64(math.sqrt(sum(v * v for v in values))), 2 * len(values) + 2))


def tightness(bound: Bound, error: Mapping[str, Array]) -> dict[str, float]:
    """Return bound / true error per tensor: 1 is perfect; infinity where a positive bound meets no error, 1 for 0 / 0.

    Examples
    --------
    >>> tightness(Bound({"layers.0.b": 2.0}), {"layers.0.b": np.array([0.0, 1.0])})
    {'layers.0.b': 2.0}
    """
    out = {}
    for name, value in bound.tensors.items():
        true = float(np.sqrt((error[name] * error[name]).sum()))
        out[name] = value / true if true else (math.inf if value else 1.0)
    return out


def size(gradients: Mapping[str, Array]) -> float:
    """Return an upper bound of the norm of all tensors together."""
    return _root([float(frobenius(np.reshape(g, (1, -1)))) for g in gradients.values()])
