"""The forward pass, recorded: every node of every layer at every step, and the local Jacobian factors.

Layers are run one after the other, each over the whole sequence, so that every product with an input weight is one
matrix product over all steps; only the recurrence inside a layer is a loop over time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.engines.factors import BLOCK, Factors
from gradcert.reference.networks import Cell, Drive, Layer, Link, Network, Parameters, Synapse, Use
from gradcert.reference.numbers import FLOAT64, Array, Numbers


@dataclass(frozen=True)
class LayerTape:
    """One layer's forward pass.

    Attributes
    ----------
    layer : the layer.
    p : its parameters and constants by local name.
    x : its input, (time, batch, inputs).
    prev, now : node -> (time, batch, units): values at t - 1 and at t.
    factors : unweighted link or use -> local derivative, (time, batch, units) or a scalar.
    """

    layer: Layer
    p: Mapping[str, Array]
    x: Array
    prev: Mapping[str, Array]
    now: Mapping[str, Array]
    factors: Mapping[Link | Use, Any]

    def source(self, link: Link) -> Array:
        """Return the values that a weighted link multiplies, (time, batch, features)."""
        if link.source == "x":
            return self.x if link.lag == 0 else np.concatenate([0 * self.x[:1], self.x[:-1]])
        return (self.prev if link.lag else self.now)[link.source]


@dataclass(frozen=True)
class Tape:
    """A recorded forward pass of a network."""

    network: Network
    numbers: Numbers
    layers: tuple[LayerTape, ...]

    @property
    def outputs(self) -> Array:
        """Outputs of the last layer, (time, batch, n_out)."""
        return self.layers[-1].now["z"]


def local_parameters(layer: Layer, index: int, parameters: Parameters, numbers: Numbers) -> dict[str, Array]:
    """Return a layer's parameters and untrained constants by local name."""
    p = {name: numbers.array(value) for name, value in layer.cell.constants().items()}
    for name in layer.shapes():
        p[name] = parameters[f"layers.{index}.{name}"]
    return p


def _reads(cell: Cell) -> tuple[str, ...]:
    """Return the nodes whose previous value a step may read."""
    sources = {link.source for link in cell.links if link.lag} - {"x"}
    return tuple(node for node in cell.nodes if node in sources or node in ("v", "z"))


Pending = dict[str, list[tuple[str, Synapse, Array]]]  # linear node -> (source, synapse, weight) still to be added


def drives(layer: Layer, p: Mapping[str, Array], x: Array) -> tuple[dict[str, Array], Pending]:
    """Return the part of each linear node that is known beforehand, and the weighted links that remain."""
    known: dict[str, Array] = {}
    rest: Pending = {}
    for link in layer.cell.links:
        if link.weight is None:
            continue
        synapse, weight = layer.synapse(link.weight), weight_of(p, link.weight)
        rest.setdefault(link.target, [])
        if link.source == "x":
            y = synapse.apply(weight, x)
            if link.lag:
                y = np.concatenate([0 * y[:1], y[:-1]])
            known[link.target] = known[link.target] + y if link.target in known else y
        else:
            # by columns: its transpose, by which every step multiplies, then lies in memory as a product wants it
            weight = np.asfortranarray(weight) if np.ndim(weight) == 2 else weight
            rest[link.target].append((link.source, synapse, weight))
    for use in layer.cell.uses:
        if use.target in rest and use.parameter in layer.cell.trained and use.parameter not in layer.cell.constants():
            bias = p[use.parameter]
            if use.target in known:
                known[use.target] += bias
            else:
                known[use.target] = bias + known_shape(layer, x)
    return known, rest


def drive_at(known: Mapping[str, Array], rest: Pending, t: int) -> Drive:
    """Return the function that a cell calls for the weighted input of a linear node at step t."""

    def drive(node: str, **sources: Array) -> Array:
        total = known[node][t] if node in known else None
        for source, synapse, weight in rest[node]:
            y = synapse.apply(weight, sources[source])  # a new array, so that the sum can take its place
            total = y if total is None else np.add(total, y, out=y)
        assert total is not None  # a linear node has a weighted link
        return total

    return drive


def weight_of(p: Mapping[str, Array], name: str) -> Any:
    """Return a weight, or None for a synapse that has none (pooling)."""
    return p.get(name)


def known_shape(layer: Layer, x: Array) -> Array:
    """Return zeros (time, batch, units) of x's kind."""
    return np.zeros((*x.shape[:2], layer.units), dtype=x.dtype)


def record_layer(
    layer: Layer, index: int, parameters: Parameters, x: Array, numbers: Numbers, initial: Mapping[str, Array]
) -> LayerTape:
    """Run one layer over a sequence."""
    p = local_parameters(layer, index, parameters, numbers)
    known, rest = drives(layer, p, x)
    steps, batch = x.shape[:2]
    cell, reads = layer.cell, _reads(layer.cell)
    # one block for all nodes: the allocator keeps it at hand for the next call, where one array a node would go back to
    # the system and be mapped anew, page by page
    block = np.empty((len(cell.nodes), steps + 1, batch, layer.units), dtype=numbers.zeros(()).dtype)
    history = dict(zip(cell.nodes, block, strict=True))
    for node, values in history.items():
        key = f"layers.{index}.{node}"
        values[0] = initial[key] if key in initial else numbers.zeros(values.shape[1:])
    prev: dict[str, Array] = {node: history[node][0] for node in reads}
    kept = list(cell.nodes)
    for t in range(steps):
        now = cell.step(numbers, p, drive_at(known, rest, t), prev)
        if t == 0 and not initial and x.dtype != object:
            kept = _share_equal_nodes(history, now)
        for node in kept:
            history[node][t + 1] = now[node]
        prev = now
    before = {node: values[:-1] for node, values in history.items()}
    after = {node: values[1:] for node, values in history.items()}
    factors: Mapping[Link | Use, Any] = Factors(layer, p, before, after, numbers)
    if x.dtype == object or steps * batch * layer.units <= BLOCK:  # nothing to gain from blocks
        factors = cell.factors(numbers, p, before, after)
    return LayerTape(layer, p, x, before, after, factors)


def _share_equal_nodes(history: dict[str, Array], now: Mapping[str, Array]) -> list[str]:
    """Let nodes that are one array (v = g(a) with the identity) share one history; return the nodes to write."""
    owner: dict[int, str] = {}
    for node, value in now.items():
        history[node] = history[owner.setdefault(id(value), node)]
    return list(owner.values())


def record(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    *,
    numbers: Numbers = FLOAT64,
    initial: Mapping[str, Array] | None = None,
) -> Tape:
    """Run the network over a sequence and record it.

    Parameters
    ----------
    network, parameters : the network and its flat parameter dict.
    inputs : (time, batch, n_in).
    numbers : the number system of all arrays.
    initial : node values before the first step, ``layers.0.v -> (batch, units)``; zero where absent.

    Examples
    --------
    >>> from gradcert.reference.networks import Rnn
    >>> from gradcert.reference.networks import Layer, Network
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> record(network, network.parameters(), np.ones((5, 4, 2))).outputs.shape
    (5, 4, 3)
    """
    layers, x = [], inputs
    for i, layer in enumerate(network.layers):
        layers.append(record_layer(layer, i, parameters, x, numbers, initial or {}))
        x = layers[-1].now["z"]
    return Tape(network, numbers, tuple(layers))
