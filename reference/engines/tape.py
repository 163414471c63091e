"""The forward pass, recorded: every node of every layer at every step, and the local Jacobian factors.

Layers are run one after the other, each over the whole sequence, so that every product with an input weight is one
matrix product over all steps; only the recurrence inside a layer is a loop over time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Unpack

import numpy as np

from gradcert.reference.engines.factors import BLOCK, Factors
from gradcert.reference.networks import (
    Cell,
    Circuit,
    Data,
    Drive,
    Layer,
    Link,
    Network,
    Parameters,
    Problem,
    Synapse,
    Use,
    masked,
    masks_of,
)
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
    begins : (time, batch), where a new sequence begins; None where none does.
    asked : node -> shape of the initial values whose gradient is asked for.
    """

    layer: Layer
    p: Mapping[str, Array]
    x: Array
    prev: Mapping[str, Array]
    now: Mapping[str, Array]
    factors: Mapping[Link | Use, Any]
    begins: Array | None = None
    asked: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def leaving(self) -> Array:
        """What leaves the layer, (time, batch, units), in the time of the network; all else is in the layer's own."""
        return self.layer.turned(self.now["z"])

    def source(self, link: Link) -> Array:
        """Return the values that a weighted link multiplies, (time, batch, features)."""
        if link.source == "x":
            return self.x if link.lag == 0 else late(self.x, self.begins)
        return (self.prev if link.lag else self.now)[link.source]


@dataclass(frozen=True)
class Tape:
    """A recorded forward pass of a network.

    Attributes
    ----------
    network : the network as it ran, masks and all.
    numbers : the number system.
    layers : one record a layer.
    weights : (time, batch) of the loss; None where every step counts alike.
    readouts : layer's name -> (n_out, units), fixed: where hidden layers have losses of their own.
    """

    network: Network
    numbers: Numbers
    layers: tuple[LayerTape, ...]
    weights: Array | None = None
    readouts: Mapping[str, Array] = field(default_factory=dict)

    @property
    def outputs(self) -> Array:
        """Outputs of the last layer, (time, batch, n_out)."""
        return self.layers[-1].leaving


def local_parameters(layer: Layer, index: int, parameters: Parameters, numbers: Numbers) -> dict[str, Array]:
    """Return a layer's parameters and untrained constants by local name."""
    p = {name: numbers.array(value) for name, value in layer.cell.constants().items()}
    given = {name: parameters[layer.full_name(index, name)] for name in layer.shapes()}
    return {**p, **(layer.acting(given, numbers) if layer.parametrised else given)}


def late(x: Array, begins: Array | None = None) -> Array:
    """Return what the step before had, 0 where a sequence begins."""
    return cut(np.concatenate([0 * x[:1], x[:-1]]), begins)


def nothing(like: Array, units: int) -> Array:
    """Return zeros (..., units) of the kind of `like`, (..., n)."""
    if like.shape[-1] == units:
        return 0 * like
    return np.broadcast_to(0 * like[..., :1], (*like.shape[:-1], units))


def joined(values: Mapping[int, Array], sources: tuple[int, ...], inputs: Array) -> Array:
    """Return the input of a layer, given the outputs of layers by number, and the network's input as that of -1."""
    parts = [inputs if s < 0 else values[s] for s in sources]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)


def cut(values: Array, begins: Array | None) -> Array:
    """Return values (..., batch, n), with 0 where a sequence begins, (..., batch)."""
    return values if begins is None else np.where(begins[..., None], 0 * values, values)


Pending = dict[str, list[tuple[str, Synapse, Array]]]  # linear node -> (source, synapse, weight) still to be added


def drives(
    layer: Layer,
    p: Mapping[str, Array],
    x: Array,
    *,
    begins: Array | None = None,
    given: Mapping[str, Array] | None = None,
) -> tuple[dict[str, Array], Pending]:
    """Return the part of each linear node that is known beforehand, and the weighted links that remain.

    `given` are nodes that are known altogether: the masks of the layer.
    """
    known: dict[str, Array] = dict(given or {})
    rest: Pending = {node: [] for node in known}
    for link in layer.links:
        if link.weight is None:
            continue
        synapse, weight = layer.synapse(link.weight), weight_of(p, link.weight)
        rest.setdefault(link.target, [])
        if link.source == "x":
            y = synapse.apply(weight, x)
            if link.lag:
                y = late(y, begins)
            known[link.target] = known[link.target] + y if link.target in known else y
        else:
            # by columns: its transpose, by which every step multiplies, then lies in memory as a product wants it
            weight = np.asfortranarray(weight) if np.ndim(weight) == 2 else weight
            rest[link.target].append((link.source, synapse, weight))
    constants = layer.cell.constants()
    for use in layer.uses:
        if use.target in rest and use.parameter not in constants:
            bias = p[use.parameter]
            if use.target in known:
                known[use.target] += bias
            else:
                known[use.target] = bias + known_shape(layer, x, use.target)
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


def known_shape(layer: Layer, x: Array, node: str = "z") -> Array:
    """Return zeros (time, batch, units of a node) of x's kind."""
    return np.zeros((*x.shape[:2], layer.size(node)), dtype=x.dtype)


def record_layer(
    layer: Layer,
    index: int,
    parameters: Parameters,
    x: Array,
    numbers: Numbers,
    initial: Mapping[str, Array],
    *,
    begins: Array | None = None,
    given: Mapping[str, Array] | None = None,
) -> LayerTape:
    """Run one layer over a sequence; `given` are its masks by node."""
    p = local_parameters(layer, index, parameters, numbers)
    known, rest = drives(layer, p, x, begins=begins, given=given)
    steps, batch = x.shape[:2]
    cell = layer.cell
    # one block for all nodes: the allocator keeps it at hand for the next call, where one array a node would go back to
    # the system and be mapped anew, page by page
    units = layer.sizes
    rows, end = (steps + 1) * batch, 0
    start = starting(layer, index, initial, numbers.zeros((batch, layer.units)))
    block = np.empty(rows * sum(units.values()), dtype=start["z"].dtype)
    history: dict[str, Array] = {}
    for node, n in units.items():
        history[node] = block[end : end + rows * n].reshape(steps + 1, batch, n)
        history[node][0] = start[node]
        end += rows * n
    prev: Mapping[str, Array] = {node: values[0] for node, values in history.items()}
    kept = list(cell.nodes)
    for t in range(steps):
        if begins is not None:
            prev = restarted(prev, start, begins[t])
        now = cell.step(numbers, p, drive_at(known, rest, t), prev)
        if t == 0 and not initial and begins is None and x.dtype != object:
            kept = _share_equal_nodes(history, now)
        for node in kept:
            history[node][t + 1] = now[node]
        prev = now
    before: Mapping[str, Array] = {node: values[:-1] for node, values in history.items()}
    if begins is not None:
        before = restarted(before, start, begins)
    after = {node: values[1:] for node, values in history.items()}
    factors: Mapping[Link | Use, Any] = Factors(layer, p, before, after, numbers)
    if x.dtype == object or steps * batch * max(units.values()) <= BLOCK:  # nothing to gain from blocks
        factors = cell.factors(numbers, p, before, after)
    return LayerTape(layer, p, x, before, after, factors, begins)


def starting(layer: Layer, index: int, initial: Mapping[str, Array], zero: Array) -> dict[str, Array]:
    """Return every node's value before the first step, (batch, units)."""
    out = {node: zero if n == zero.shape[-1] else nothing(zero, n) for node, n in layer.sizes.items()}
    for node, name in initial_of(layer, index, initial).items() if initial else ():
        out[left_by(layer, node)] = np.broadcast_to(initial[name], (len(zero), layer.size(node)))
    return out


def initial_of(layer: Layer, index: int, initial: Mapping[str, Array]) -> dict[str, str]:
    """Return the names of a layer's initial values, by the node as users name it; also those that masks add."""
    names = {layer.full_name(index, node): node for node in (*nodes_of(layer.cell), *layer.cell.nodes)}
    return {names[name]: name for name in initial if name in names}


def left_by(layer: Layer, node: str) -> str:
    """Return the name under which the next step finds what a node was: its own, but for a node with a mask."""
    left = getattr(layer.cell, "left", None)
    return left(node) if left is not None else node


def lasting(layer: Layer) -> list[str]:
    """Return the nodes of a layer that the next step finds: not the output of one with a mask, nor of a circuit."""
    nodes = [node for node in layer.cell.nodes if left_by(layer, node) == node]
    return [node for node in nodes if not (isinstance(layer.cell, Circuit) and node == "z")]


def nodes_of(cell: Cell) -> tuple[str, ...]:
    """Return a cell's nodes as users name them: without those that masks add."""
    if isinstance(cell, Circuit):
        return cell.plain_nodes
    plain: Cell = getattr(cell, "cell", cell)
    return plain.nodes


def given_masks(layer: Layer, index: int, masks: Mapping[str, Array] | None) -> dict[str, Array]:
    """Return the masks of a layer by the names of the nodes that they are."""
    if not isinstance(layer.cell, Circuit):
        return masks_of(index if layer.name is None else layer.name, masks)
    found = {m.name: masks_of(m.name, masks) for m in layer.cell.members}
    return {f"{name}.{node}": mask for name, own in found.items() for node, mask in own.items()}


def new_value(layer: Layer, node: str) -> str:
    """Return the name of what a node was computed to be: its own, but for a node with a mask.

    Examples
    --------
    >>> from gradcert.reference.networks import Rnn, masked
    >>> new_value(Layer(masked(Rnn(), 0, ["layers.0"]), inputs=1, units=1), "z")
    'z~'
    """
    new = getattr(layer.cell, "new", None)
    return new(node) if new is not None else node


def restarted(values: Mapping[str, Array], start: Mapping[str, Array], begins: Array) -> dict[str, Array]:
    """Return node values (..., batch, units), the initial ones where a sequence begins, (..., batch)."""
    if not begins.any():
        return dict(values)
    return {node: np.where(begins[..., None], start[node], value) for node, value in values.items()}


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
    **data: Unpack[Data],
) -> Tape:
    """Run the network over a sequence and record it.

    Parameters
    ----------
    network, parameters : the network and its flat parameter dict.
    inputs : (time, batch, n_in).
    numbers : the number system of all arrays.
    data : the optional arrays of a problem (`Data`): initial values, weights, begins, masks, readouts.

    Examples
    --------
    >>> from gradcert.reference.networks import Rnn
    >>> from gradcert.reference.networks import Layer, Network
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> record(network, network.parameters(), np.ones((5, 4, 2))).outputs.shape
    (5, 4, 3)
    """
    layers: list[LayerTape] = []
    outputs: dict[int, Array] = {}
    initial, masks, begins = data.get("initial") or {}, data.get("masks"), data.get("begins")
    ran = prepared(network, masks)
    for i, layer in enumerate(ran.layers):
        x = layer.turned(joined(outputs, network.sources(i), inputs))
        given = {node: layer.turned(mask) for node, mask in given_masks(layer, i, masks).items()}
        tape = record_layer(layer, i, parameters, x, numbers, initial, begins=begins, given=given)
        layers.append(replace(tape, asked=asked(layer, i, initial)) if data.get("initial_gradient") else tape)
        outputs[i] = tape.leaving
    return Tape(ran, numbers, tuple(layers), data.get("weights"), data.get("readouts") or {})


def run(problem: Problem) -> Tape:
    """Run the network of a problem over its sequences and record it, in the problem's own numbers.

    Examples
    --------
    >>> from gradcert.reference.networks import Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> x, y, w = np.ones((5, 4, 2)), np.zeros((5, 4, 3)), np.ones((5, 4))
    >>> run(Problem(network, network.parameters(), x, y, weights=w)).weights.shape
    (5, 4)
    """
    return record(problem.network, problem.parameters, problem.inputs, numbers=problem.numbers, **problem.data)


def prepared(network: Network, masks: Mapping[str, Array] | None) -> Network:
    """Return the network whose cells know that they have masks, and whose output is the node that the loss reads."""
    outputs = [*("z" for _ in network.layers[1:]), network.loss.node]
    cells: list[Any] = [
        layer.cell.masked(masks or {}, node)
        if isinstance(layer.cell, Circuit)
        else masked(layer.cell, i if layer.name is None else layer.name, masks or {}, output=node)
        for i, (layer, node) in enumerate(zip(network.layers, outputs, strict=True))
    ]
    if all(cell is layer.cell for cell, layer in zip(cells, network.layers, strict=True)):
        return network
    layers = tuple(replace(layer, cell=cell) for cell, layer in zip(cells, network.layers, strict=True))
    return replace(network, layers=layers, loss=replace(network.loss, node="z"))


def asked(layer: Layer, index: int, initial: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the initial values of a layer, by the node as users name it."""
    return {node: np.shape(initial[name]) for node, name in initial_of(layer, index, initial).items()}
