"""One layer, linearised: the matrices between its state, its input, its output and the nodes that parameters feed.

Every matrix is a *pair*, axis 0: the value, and the same path sum with absolute values (its majorant), which says how
much rounding the value can have suffered. Further axes: (step, batch, rows, columns).

The state is the carried nodes of `structure.basis`, one after the other. With the other nodes eliminated, a layer is

    s^t = J s^(t-1) + G x^t + F^t        z^t = C s^t + G' x^t + F'^t

(mathematics.md 0.3, collapsed form; F is the explicit derivative by parameters, G' and F' the parts of x and of the
parameters that reach the output without passing through the state).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.engines import LayerTape, basis, weight_of
from gradcert.reference.networks import TEMPORAL, Edge, Link, Use
from gradcert.reference.numbers import Array

Nodes = dict[str, Array]


def pair(value: Array) -> Array:
    """Return (value, majorant) of a value that is known exactly."""
    return np.stack([value, abs(value)])


def plus(a: Array | None, b: Array) -> Array:
    """Return the sum."""
    return b if a is None else a + b


def minus(a: Array, b: Array) -> Array:
    """Return the difference: values are subtracted, majorants added."""
    return np.stack(np.broadcast_arrays(a[0] - b[0], a[1] + b[1]))


@dataclass(frozen=True)
class LayerPieces:
    """A layer at S consecutive steps.

    Attributes
    ----------
    tape : values and factors at the steps, (S, batch, units of the node).
    before : factors at the step before each of them.
    """

    tape: LayerTape
    before: Mapping[Link | Use, Any]

    @property
    def carried(self) -> tuple[str, ...]:
        """The nodes of the state."""
        return basis(self.tape.layer.cell, TEMPORAL)[0]

    def units(self, node: str) -> int:
        """Return how many units a node has."""
        return self.tape.layer.size(node)

    @property
    def size(self) -> int:
        """Length of the state."""
        return sum(map(self.units, self.carried))

    @property
    def shape(self) -> tuple[int, int]:
        """Number of steps, batch."""
        return self.tape.x.shape[0], self.tape.x.shape[1]

    def matrix(self, weight: str, value: Any = None) -> Array:
        """Return a synapse's matrix as a pair, (2, 1, 1, units, inputs)."""
        synapse = self.tape.layer.synapse(weight)
        eye = np.eye(synapse.inputs)
        given = weight_of(self.tape.p, weight) if value is None else value
        return pair(synapse.apply(given, eye).T)[:, None, None]

    def factor(self, key: Link | Use, factors: Mapping[Link | Use, Any]) -> Array:
        """Return a local derivative as (step, batch, units)."""
        return np.broadcast_to(np.asarray(factors[key], dtype=float), (*self.shape, self.units(key.target)))

    def _follow(self, link: Link, source: Array, factors: Mapping[Link | Use, Any]) -> Array:
        if link.weight is not None:
            return np.matmul(self.matrix(link.weight), source)
        return pair(self.factor(link, factors))[..., None] * source

    def _within(self, seeds: Nodes, factors: Mapping[Link | Use, Any], enter: Callable[[str], bool]) -> Nodes:
        """Propagate along the links of lag 0 into the nodes that may be entered."""
        reached = dict(seeds)
        for node in self.tape.layer.cell.nodes:
            for link in self.tape.layer.cell.links:
                if link.target == node and link.lag == 0 and link.source in reached and enter(node):
                    reached[node] = plus(reached.get(node), self._follow(link, reached[link.source], factors))
        return reached

    def _state(self, seeds: Nodes, columns: int) -> Array:
        """Return what seeds at this step amount to in the state."""
        reached = self._within(seeds, self.tape.factors, lambda _: True)
        zeros = [np.zeros((2, *self.shape, self.units(c), columns)) for c in self.carried]
        rows = [np.broadcast_to(reached.get(c, z), z.shape) for c, z in zip(self.carried, zeros, strict=True)]
        return np.concatenate(rows, axis=-2) if rows else np.zeros((2, *self.shape, 0, columns))

    def _output(self, seeds: Nodes) -> Array | None:
        """Return what seeds amount to in the output without passing through the state, or None."""
        outside = {node: value for node, value in seeds.items() if node not in self.carried}
        return self._within(outside, self.tape.factors, lambda node: node not in self.carried).get("z")

    def _cross(self, sources: Nodes, edges: frozenset[Edge]) -> Nodes:
        seeds: Nodes = {}
        for link in self.tape.layer.cell.links:
            if link.lag and link.edge in edges and link.source in sources:
                step = self._follow(link, sources[link.source], self.tape.factors)
                seeds[link.target] = plus(seeds.get(link.target), step)
        return seeds

    def _starts(self) -> Nodes:
        """Return the identity of the state, node by node."""
        ends = np.cumsum([self.units(c) for c in self.carried])[:-1]
        blocks = np.split(np.eye(self.size), ends) if self.carried else []
        return {c: pair(block)[:, None, None] for c, block in zip(self.carried, blocks, strict=True)}

    def jacobian(self, edges: Iterable[Edge]) -> Array:
        """Return J through the given temporal edges, (2, step, batch, size, size)."""
        derived = basis(self.tape.layer.cell, TEMPORAL)[1]
        sources = self._within(self._starts(), self.before, lambda node: node in derived)
        return self._state(self._cross(sources, frozenset(edges)), self.size)

    def readout(self) -> Array:
        """Return C, (2, step, batch, units, size)."""
        z = self._within(self._starts(), self.tape.factors, lambda node: node not in self.carried).get("z")
        shape = (2, *self.shape, self.units("z"), self.size)
        return np.zeros(shape) if z is None else np.broadcast_to(z, shape)

    def inputs(self, weights: Mapping[str, Array] | None = None) -> tuple[Array, Array | None]:
        """Return G and G' for the layer's input weights, or for `weights`, pairs of matrices, in their place."""
        seeds: Nodes = {}
        columns = 0
        for link in self.tape.layer.cell.links:
            if link.source == "x" and link.weight is not None:
                matrix = self.matrix(link.weight) if weights is None else weights[link.weight]
                seeds[link.target], columns = plus(seeds.get(link.target), matrix), matrix.shape[-1]
        return self._state(seeds, columns), self._output(seeds)

    def port(self, node: str, seed: Array) -> tuple[Array, Array | None]:
        """Return F and F' for something that acts on a node: seed (2, ..., units, k)."""
        seeds = {node: seed}
        return self._state(seeds, seed.shape[-1]), self._output(seeds)

    def explicit(self, node: str, seed: Array, edges: frozenset[Edge]) -> Array:
        """Return what acts on a derived node at t - 1 and reaches the state at t through temporal edges."""
        derived = basis(self.tape.layer.cell, TEMPORAL)[1]
        sources = self._within({node: seed}, self.before, lambda n: n in derived)
        return self._state(self._cross(sources, edges), seed.shape[-1])


def before(factors: Mapping[Link | Use, Any], last: Mapping[Link | Use, Any] | None) -> dict[Link | Use, Any]:
    """Return each step's previous factors; `last` are those of the step before the first, nothing at the start."""
    out: dict[Link | Use, Any] = {}
    for key, value in factors.items():
        value = np.asarray(value, dtype=float)
        if value.ndim < 3:
            out[key] = value
        else:
            first = 0 * value[:1] if last is None else np.asarray(last[key], dtype=float)[-1:]
            out[key] = np.concatenate([first, value[:-1]])
    return out
