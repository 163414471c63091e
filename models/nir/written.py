"""Graphs of populations as NIR graphs: neurons, the maps and delays between them, and sums where several arrive.

A connection is its delay, where it has one, and its linear maps; the bias of a population goes with the last map of its
first connection. A population that is a sum alone, a linear readout, can be the output and nothing else: NIR sums what
arrives there. What comes back is the same network, that readout being called ``output``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from gradcert.models.nir import images
from gradcert.models.nir.neurons import TRAINED, neurons
from gradcert.models.nir.pieces import CYCLE, LOSS
from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install
from gradcert.reference.networks import (
    AvgPool,
    Connection,
    Conv2d,
    Dense,
    Graph,
    Layer,
    Network,
    Population,
    Sparse,
    by_unit,
    check_no_mixing,
    runs_of,
)
from gradcert.reference.numbers import Array

try:
    import nir
except ModuleNotFoundError:
    absent = f"nir is not installed; to fix it: {install('nir')}"
    raise ModuleNotFoundError(absent, name="nir") from None

ABSENT = "connections that are absent are written as weights of 0"
SHARED = "{} of {!r}, which units share, is written unit by unit"
Shape = tuple[int, ...]


def write_graph(network: Network, parameters: Mapping[str, Array], dt: float) -> tuple[Any, tuple[str, ...]]:
    """Return the NIR graph of a network that is a graph, and what it does not say of it.

    Parameters
    ----------
    network, parameters : populations of LIF neurons with a hard reset or none, of integrators, of a cell of
        `gradcert.models.nir.cuba`; a linear readout as the output; dense and sparse maps, convolutions, poolings.
    dt : the time step, in the units of tau.

    Raises
    ------
    GradcertError : for what NIR cannot say.
    """
    assert network.graph is not None
    check_no_mixing(network, "NIR")
    made = _Made(network.graph, parameters, dt)
    for name, size in network.graph.inputs:
        made.shapes[name] = made.shape_read(name, (size,))
        made.nodes[name] = nir.Input({"input": np.array(made.shapes[name])})
        made.last[name] = name
    order = [name for part in network.graph.components() for name in part]
    for name in order:
        made.population(network.graph.by_name[name])
    for name in order:
        for k, connection in enumerate(network.graph.into(name)):
            made.connection(connection, first=k == 0)
    return nir.NIRGraph(made.nodes, made.edges), tuple(dict.fromkeys(made.notes))


@dataclass
class _Made:
    """What has been written so far.

    Attributes
    ----------
    shapes : input or population -> the shape of what it holds.
    entry, last : population -> the node that its connections lead to, and the one that others read.
    """

    graph: Graph
    parameters: Mapping[str, Array]
    dt: float
    nodes: dict[str, Any] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=lambda: [LOSS])
    shapes: dict[str, Shape] = field(default_factory=dict)
    entry: dict[str, str] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)

    def own(self, p: Population) -> dict[str, Array]:
        """Return the parameters of a population by their own names; what its units share, unit by unit."""
        start, shared = f"{p.name}.", runs_of(p.shared)
        own = {k.removeprefix(start): v for k, v in self.parameters.items() if k.startswith(start)}
        return {k: by_unit(v, p.units) if k in shared else v for k, v in own.items()}

    def shape_read(self, name: str, usual: Shape) -> Shape:
        """Return the shape of an input: that of an image where a convolution or a pooling reads it."""
        read = [c.chain[0] for c in self.graph.connections if c.origin[0] == name and c.chain]
        return next((images.in_shape(s) for s in read if isinstance(s, (Conv2d, AvgPool))), usual)

    def population(self, p: Population) -> None:
        """Write the neurons of a population, and its lateral weights."""
        own = self.own(p)
        wrong = [k for k in own if not k.startswith("W") and k not in ("H", "b", *TRAINED)]
        if wrong:
            raise GradcertError(f"the population {p.name!r}, {p.cell.name} with {', '.join(wrong)}", allowed="W, H, b")
        self.notes += [SHARED.format(name, p.name) for name in runs_of(p.shared)]
        ends = [c.chain[-1] for c in self.graph.into(p.name) if c.chain]
        found = {images.out_shape(s) for s in ends if isinstance(s, (Conv2d, AvgPool))}
        shape = found.pop() if len(found) == 1 and len(ends) == len(self.graph.into(p.name)) else (p.units,)
        shape = self.shape_read(p.name, shape)
        chain = neurons(Layer(p.cell, inputs=p.units, units=p.units), own, self.dt, self.notes, shape)
        self.shapes[p.name] = shape
        if not chain:
            self._readout(p, shape)
            return
        names = [p.name, *(f"{p.name}_{kind}" for kind in list(chain)[1:])]
        for name, node in zip(names, chain.values(), strict=True):
            self._add(name, node)
        self.edges += list(pairwise(names))
        self.entry[p.name], self.last[p.name] = names[0], names[-1]
        if "H" in own:
            lateral = self._add(f"{p.name}_lateral", nir.Linear(self._weight(dict(p.synapses).get("H"), own["H"])))
            self.edges += [(names[-1], lateral), (lateral, names[0])]
            self.notes.append(CYCLE)
        if p.name == self.graph.output:
            self.edges.append((names[-1], self._output(shape)))

    def _readout(self, p: Population, shape: Shape) -> None:
        if p.name != self.graph.output or any(c.origin[0] == p.name for c in self.graph.connections):
            raise GradcertError(
                f"the population {p.name!r}, a sum without neurons that is not the output alone, in NIR",
                allowed="lif or integrator populations, and a linear readout that nothing reads",
            )
        self.entry[p.name] = self._output(shape)

    def _output(self, shape: Shape) -> str:
        return self._add("output" if "output" not in self.nodes else "output_", nir.Output({"output": np.array(shape)}))

    def connection(self, c: Connection, *, first: bool) -> None:
        """Write a connection: delay, maps, and the population's bias where it is the first one."""
        (source, node), p = c.origin, self.graph.by_name[c.target]
        drives = {link.target for link in p.cell.links if link.source == "x"}
        if (node not in ("", "z") and source in self.graph.by_name) or (c.node and {c.node} != drives):
            raise GradcertError(f"the connection {c} in NIR", allowed="from what a population gives out to its drive")
        (names,), at, shape = self.graph.weights(c), self.last[source], self.shapes[source]
        bias = self.own(p).get("b") if first else None
        word = f"{c.target}_{c.label}"
        if c.lag:
            at = self._then(at, f"{word}_delay", nir.Delay(np.full(shape, c.lag * self.dt)))
        chain: tuple[Any, ...] = c.chain or (Dense(int(np.prod(shape)), p.units),)
        for k, (synapse, name) in enumerate(zip(chain, names, strict=True)):
            b = bias if k == len(chain) - 1 else None
            step = f"{word}_{k}"
            if isinstance(synapse, AvgPool):
                if b is not None:
                    raise GradcertError(
                        f"a bias behind the pooling {c} in NIR", allowed="bias=False, or a map behind it"
                    )
                kernel = np.array(synapse.kernel)
                at = self._then(at, step, nir.AvgPool2d(kernel, kernel, np.array([0, 0])))
                shape = images.out_shape(synapse)
            elif isinstance(synapse, Conv2d):
                at = self._then(at, step, self._convolution(synapse, self.parameters[name], b))
                shape = images.out_shape(synapse)
            elif not synapse.shape:
                raise GradcertError(
                    f"the {type(synapse).__name__} of the connection {c} in NIR", allowed="maps, convolutions, averages"
                )
            else:
                if len(shape) > 1:
                    at = self._then(at, f"{step}_flat", nir.Flatten({"input": np.array(shape)}, start_dim=0))
                weight = self._weight(synapse, self.parameters[name])
                at = self._then(at, step, nir.Linear(weight) if b is None else nir.Affine(weight, np.asarray(b)))
                shape = (len(weight),)
        if len(self.shapes[c.target]) == 1 < len(shape):
            at = self._then(at, f"{word}_flat", nir.Flatten({"input": np.array(shape)}, start_dim=0))
        self.edges.append((at, self.entry[c.target]))

    def _convolution(self, synapse: Conv2d, weight: Array, bias: Array | None) -> Any:
        channels = np.zeros(synapse.out_channels)
        if bias is not None:
            channels = images.channel_bias(np.asarray(bias), synapse)
            self.notes.append(images.CONV_BIAS)
        return nir.Conv2d((synapse.height, synapse.width), weight, synapse.stride, synapse.padding, 1, 1, channels)

    def _weight(self, synapse: Any, weight: Array) -> Array:
        """Return a dense weight, 0 where a connection is absent."""
        if isinstance(synapse, Sparse):
            self.notes.append(ABSENT)
            whole = np.zeros((synapse.units, synapse.inputs), dtype=weight.dtype)
            whole[tuple(np.transpose(synapse.present))] = weight
            return whole
        if synapse is None:
            return np.asarray(weight)
        if not isinstance(synapse, Dense):
            raise GradcertError(f"a {type(synapse).__name__} in NIR", allowed="dense, sparse, conv2d, avgpool")
        self.notes += [ABSENT] if synapse.absent else []
        return np.asarray(synapse.effective(weight))

    def _then(self, at: str, name: str, node: Any) -> str:
        self.edges.append((at, self._add(name, node)))
        return self.edges[-1][1]

    def _add(self, name: str, node: Any) -> str:
        while name in self.nodes:
            name += "_"
        self.nodes[name] = node
        return name
