"""The local derivatives of a layer's forward pass, computed when they are asked for, a few steps at a time.

A backward sweep needs each factor once. Computing them in blocks that fit the cache, as the sweep comes by, saves
writing and reading arrays over all steps; whoever asks for a whole factor gets all of them, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from gradcert.reference.networks import Layer, Link, Use
from gradcert.reference.numbers import Array, Numbers

BLOCK = 8192  # numbers per intermediate array: 64 KiB in float64, below a core's second-level cache


class Factors(Mapping[Link | Use, Any]):
    """Unweighted link or use -> local derivative, (time, batch, units) or a scalar or (units,)."""

    def __init__(
        self, layer: Layer, p: Mapping[str, Array], before: Mapping[str, Array], after: Mapping[str, Array], n: Numbers
    ) -> None:
        self._cell, self._p, self._before, self._after, self._numbers = layer.cell, p, before, after, n
        self.steps, self._batch, _ = next(iter(after.values())).shape
        self.size = max(1, BLOCK // (self._batch * max(layer.sizes.values())))

    def block(self, start: int, stop: int) -> dict[Link | Use, Any]:
        """Return the factors of the steps from start to stop."""
        block = slice(start, stop)
        prev, now = ({node: v[block] for node, v in values.items()} for values in (self._before, self._after))
        return self._cell.factors(self._numbers, self._p, prev, now)

    @cached_property
    def first(self) -> dict[Link | Use, Any]:
        """The factors of the first step: which there are, and which are the same at every step."""
        return self.block(0, 1)

    @cached_property
    def whole(self) -> dict[Link | Use, Any]:
        """The factors of every step."""
        out = {key: f for key, f in self.first.items() if np.ndim(f) < 3}
        for start in range(0, self.steps, self.size):
            stop = min(start + self.size, self.steps)
            for key, factor in self.block(start, stop).items():
                if key in out and np.ndim(out[key]) < 3:
                    continue
                if key not in out:
                    out[key] = np.empty((self.steps, *factor.shape[1:]), dtype=factor.dtype)
                out[key][start:stop] = factor
        return out

    def __getitem__(self, key: Link | Use) -> Any:
        constant = self.first[key]
        return constant if np.ndim(constant) < 3 else self.whole[key]

    def __iter__(self) -> Iterator[Link | Use]:
        return iter(self.first)

    def __len__(self) -> int:
        return len(self.first)


class Rows:
    """The factors of some links, step by step, for a sweep that goes backwards: ``rows.at(t)[k]`` is that of link k."""

    def __init__(self, factors: Mapping[Link | Use, Any], links: tuple[Link, ...], steps: int) -> None:
        self._links = links
        self._start, self._rows = steps, list[tuple[Any, ...]]()
        lazy = isinstance(factors, Factors) and factors.size < steps and "whole" not in vars(factors)
        self._factors = factors if lazy and isinstance(factors, Factors) else None
        if self._factors is None:
            self._start, self._rows = 0, self._split(factors, steps)

    def _split(self, factors: Mapping[Link | Use, Any], steps: int) -> list[tuple[Any, ...]]:
        columns: list[list[Any]] = []
        for link in self._links:
            factor: Any = None if link.weight is not None else factors[link]
            columns.append(list(factor) if factor is not None and np.ndim(factor) > 2 else [factor] * steps)
        return list(zip(*columns, strict=True)) if columns else [()] * steps

    def at(self, t: int) -> tuple[Any, ...]:
        """Return the factors of step t; steps have to be asked for in descending order."""
        if t < self._start and self._factors is not None:
            stop = t + 1
            self._start = max(0, stop - self._factors.size)
            self._rows = self._split(self._factors.block(self._start, stop), stop - self._start)
        return self._rows[t - self._start]
