"""The pieces of `system` from a recorded forward pass: all steps at once, or one step at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from gradcert.reference.bounds.norms import outward
from gradcert.reference.bounds.pieces import LayerPieces, before, pair
from gradcert.reference.bounds.system import Port, columns
from gradcert.reference.engines import Tape, basis, copies, error_node, fed_by, local_credit, reached, weights_down
from gradcert.reference.networks import Edge, Layer, Link, Network, Use
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Feedback, Rule


@dataclass(frozen=True)
class Injection:
    """How a parameter acts: through ports, each with a factor per unit or none, times a norm (that of the input)."""

    ports: tuple[tuple[Port, Array | None], ...]  # factor (step, batch, columns)
    scale: Array  # (step, batch)
    shared: int = 0  # as many numbers act on runs of units: so many are the columns of its ports


@dataclass(frozen=True)
class Recorded:
    """Pieces of a tape.

    Attributes
    ----------
    tape : S consecutive steps.
    last : factors of each layer at the step before the first; None at the start of a sequence.
    start : number of the tape's first step.
    lanes : one copy of the batch per row of `parameter`, for rules with a reach; 1 for all others.
    """

    tape: Tape
    rule: Rule
    feedback: Feedback
    truth: frozenset[Edge]
    start: int = 0
    last: tuple[Mapping[Link | Use, Any], ...] | None = None
    reach: tuple[int, str] | None = None

    @property
    def network(self) -> Network:
        """The network."""
        return self.tape.network

    @property
    def ages(self) -> int:
        """Number of ages: the window, or 0 for none."""
        return self.rule.window or 0

    @property
    def lanes(self) -> int:
        """Number of copies of the batch."""
        return 1 if self.reach is None else rows_of(self.network.layers[self.reach[0]], self.reach[1])

    @cached_property
    def layers(self) -> tuple[LayerPieces, ...]:
        """Pieces of each layer, with as many copies of the batch as there are lanes."""
        out = []
        for m, layer in enumerate(self.tape.layers):
            last = None if self.last is None else self.last[m]
            factors, previous = layer.factors, before(layer.factors, last)
            tiled = replace(
                layer,
                x=np.tile(layer.x, (1, self.lanes, 1)),
                prev=self._tiled(layer.prev),
                now=self._tiled(layer.now),
                factors=self._tiled(factors),
            )
            out.append(LayerPieces(tiled, self._tiled(previous)))
        return tuple(out)

    def _tiled(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        return {k: np.tile(v, (1, self.lanes, 1)) if np.ndim(v) == 3 else v for k, v in values.items()}

    def _cut(self) -> Array:
        """Return 1 at the steps that no edge enters, (step, 1, 1, 1)."""
        steps = self.start + np.arange(self.tape.outputs.shape[0])
        chunk = self.rule.chunk
        cut = steps % chunk == 0 if chunk else np.zeros(len(steps), dtype=bool)
        return cut.astype(float)[:, None, None, None]

    def _goes_on(self) -> Array:
        """Return 1, but 0 where a sequence begins, (step, batch, 1, 1): no edge enters there, kept or dropped."""
        begins = self.tape.layers[0].begins
        if begins is None:
            return np.ones((1, 1, 1, 1))
        return 1.0 - np.tile(begins, (1, self.lanes))[:, :, None, None]

    def size(self, m: int) -> int:
        """Return the length of layer m's state."""
        return self.layers[m].size

    def jacobians(self, m: int, kept: frozenset[Edge]) -> tuple[Array, Array, Array]:
        """Return J_k, J_d and J."""
        layer, cut = self.layers[m], self._cut()
        j_kept, j_dropped = layer.jacobian(kept), layer.jacobian(self.truth - kept)
        j = layer.jacobian(self.truth)
        j_kept, j_dropped, j = (values * self._goes_on() for values in (j_kept, j_dropped, j))
        return j_kept * (1 - cut), j_dropped * (1 - cut) + j * cut, j

    def readout(self, m: int) -> Array:
        """Return C."""
        return self.layers[m].readout()

    def inputs(self, m: int, which: str, source: int) -> tuple[Array, Array | None]:
        """Return G and G' by the output of a source, for the true weights, those used by the rule, or their gap."""
        here = columns(self.network, m, source)
        state, output = self._inputs(m, which)
        return state[..., here], None if output is None else output[..., here]

    def _inputs(self, m: int, which: str) -> tuple[Array, Array | None]:
        """Return G and G' by all of a layer's input."""
        layer = self.layers[m]
        if which == "true" or (which == "used" and self.rule.feedback != "random"):
            return layer.inputs()
        weights = {}
        for name, value in weights_down(layer.tape.layer, m, layer.tape.p, self.rule, self.feedback).items():
            used = layer.matrix(name, value)
            true = layer.matrix(name)
            weights[name] = used if which == "used" else pair(true[0] - used[0])
        return layer.inputs(weights)

    def broadcast(self, layer: int) -> tuple[Array, Array | None]:
        """Return G and G' of the last layer for the direct feedback matrix of a layer."""
        last = self.layers[-1]
        seed = pair(self.feedback[self.network.layers[layer].matrix_name(layer)])[:, None, None]
        return last.port(error_node(last.tape.layer), seed)

    def ports(self, m: int) -> tuple[Port, ...]:
        """Return where the parameters of a layer act."""
        cell = self.network.layers[m].cell
        derived = basis(cell, frozenset(Edge))[1]
        out: dict[Port, None] = {}
        for link in cell.links:
            if link.weight is not None and self.network.layers[m].synapse(link.weight).shape:
                out[link.target, "now"] = None
        for use in cell.uses:
            if use.parameter in cell.trained:
                out[use.target, "now"] = None
                if use.target in derived:
                    out[use.target, "before"] = None
        fed = None if self.reach is None else fed_by(cell, self.reach[1])  # a lane is a row of one parameter
        return tuple(port for port in out if fed is None or port[0] in fed)

    def _seed(self, m: int, node: str) -> Array:
        """Return one column per unit of a node, or the lane's own unit alone."""
        eye = np.eye(self.layers[m].units(node))
        if self.reach is None:
            return pair(eye)[:, None, None]
        batch = self.tape.outputs.shape[1]
        return pair(np.repeat(eye, batch, axis=0)[:, :, None])[:, None]

    def port(self, m: int, port: Port, kept: frozenset[Edge]) -> tuple[Array | None, Array | None, Array | None]:
        """Return F and F' of a port, and what passes through kept edges."""
        node, when = port
        if when == "now":
            return (*self.layers[m].port(node, self._seed(m, node)), None)
        later = self.layers[m].explicit(node, self._seed(m, node), kept & self.truth)
        return None, None, later * (1 - self._cut()) * self._goes_on()

    def dropped_port(self, m: int, port: Port, kept: frozenset[Edge]) -> Array | None:
        """Return what a port ``before`` passes through dropped edges."""
        node, when = port
        if when == "now":
            return None
        layer, seed, cut = self.layers[m], self._seed(m, node), self._cut()
        lost = layer.explicit(node, seed, self.truth - kept) * (1 - cut)
        return (lost + layer.explicit(node, seed, self.truth) * cut) * self._goes_on()

    def confine(self, m: int, state: Array) -> tuple[Array, Array] | None:
        """Split a kept row into the units that the parameter's row may reach, and the others."""
        if self.reach is None or self.rule.reach is None:
            return None
        layer = self.network.layers[m]
        masks = reached(layer, self.rule.own, self.reach[1], self.rule.reach)
        confined = basis(layer.cell, self.rule.own)[0]
        every = {c: np.ones((self.lanes, layer.size(c)), dtype=bool) for c in self.layers[m].carried}
        blocks = [masks[c] if c in confined else ones for c, ones in every.items()]
        lanes = np.repeat(np.concatenate(blocks, axis=1), self.tape.outputs.shape[1], axis=0)[:, :, None].astype(float)
        return state * lanes, state * (1 - lanes)

    def injections(self, m: int) -> dict[str, list[Injection]]:
        """Return how each parameter of a layer acts, or the one that the lanes are rows of."""
        layer, pieces = self.network.layers[m], self.layers[m]
        out: dict[str, list[Injection]] = {}
        for link in layer.cell.links:
            if self._asked(link.weight) and link.weight is not None and (synapse := layer.synapse(link.weight)).shape:
                source = pieces.tape.source(link)
                flat = synapse.expand(source.reshape(-1, source.shape[-1]))
                if not own_rows(layer, link.weight):  # shared weights: every unit's inputs count
                    flat = np.broadcast_to(flat, (flat.shape[0], synapse.units, flat.shape[2]))
                size = np.sqrt((flat * flat).sum(axis=(1, 2))).reshape(source.shape[:2])
                scale = outward(size, flat.shape[1] * flat.shape[2] + 2)
                out.setdefault(link.weight, []).append(Injection((((link.target, "now"), None),), scale))
        ports: dict[str, list[tuple[Port, Array | None]]] = {}
        for use in layer.cell.uses:
            if use.parameter in layer.cell.trained and self._asked(use.parameter):
                uses = ports.setdefault(use.parameter, [])
                uses.append(((use.target, "now"), self._selected(pieces.factor(use, pieces.tape.factors))))
                if (use.target, "before") in self.ports(m):
                    uses.append(((use.target, "before"), self._selected(pieces.factor(use, pieces.before))))
        for name, found in ports.items():
            shared = layer.runs.get(name, 0) if self.reach is None else 0  # a lane's port has one column
            out[name] = [Injection(tuple(found), np.ones(pieces.shape), shared=shared)]
        return out

    def _asked(self, parameter: str | None) -> bool:
        """Return whether a parameter is looked at: every one, or the one that the lanes are rows of."""
        return self.reach is None or parameter == self.reach[1]

    def _selected(self, factor: Array) -> Array:
        """Return a use's factor for the columns of its port: all units, or the lane's own."""
        if self.reach is None:
            return factor
        batch = self.tape.outputs.shape[1]
        own = np.repeat(np.arange(self.lanes), batch)
        return np.take_along_axis(factor, own[None, :, None], axis=2)

    def credit(self, delta: Array) -> Array:
        """Return the gradient of the loss by the output as rows."""
        return pair(np.tile(delta, (1, self.lanes, 1)))[..., None, :]

    def signal(self, layer: int, targets: Array) -> Array | None:
        """Return what a target projection or a local loss has at a layer's output as rows, or None.

        `targets` are scaled and silenced as the loss is for a target projection, raw for a local loss.
        """
        if layer == self.network.depth - 1 or self.rule.feedback not in ("target", "local"):
            return None
        matrix = self.feedback[self.network.layers[layer].matrix_name(layer)]
        if self.rule.feedback == "target":
            value = np.matmul(targets, matrix)
        else:
            value = local_credit(layer, targets, matrix, self.tape)
        return pair(np.tile(value, (1, self.lanes, 1)))[..., None, :]

    def for_parameter(self, m: int, name: str) -> Recorded:
        """Return the pieces with a lane per row of a parameter."""
        return replace(self, reach=(m, name))


def rows_of(layer: Layer, parameter: str) -> int:
    """Return how many rows a parameter has: the units of the nodes that it feeds."""
    return layer.size(fed_by(layer.cell, parameter)[0])


def own_rows(layer: Layer, parameter: str) -> bool:
    """Return whether every entry of a parameter belongs to one row: not where units share it, as in a convolution."""
    return bool(np.array_equal(copies(layer, parameter, rows := rows_of(layer, parameter)), np.eye(rows)))


def roundings(network: Network, steps: int) -> int:
    """Return how many roundings a number of `steps` steps of the system's matrices can have suffered, at most.

    An entry of a one-step matrix is a sum over paths that meet every link of every layer at most twice (once at t - 1,
    once at t); a link costs one product, one sum, and for a matrix a sum over its columns. Products over steps add a
    sum over the state per step, a layer of a graph one over its sources.
    """
    per_step = 0
    for m, layer in enumerate(network.layers):
        sizes = [layer.size(node) for node in layer.cell.nodes]
        widest = max(layer.inputs, *sizes)
        per_step += sum(2 * (3 + (widest if link.weight is not None else 0)) for link in layer.cell.links)
        per_step += 4 * sum(sizes) + 8 * len(network.sources(m))
    return per_step * (steps + 1)
