"""NIR graphs that are no chain: several inputs, skip connections, cycles and delays become a graph of populations.

Neurons are populations. What leads from one to another, or from an input, through linear maps is a connection; a map
that several neurons read, or that reads several, would be one weight in two places, and is refused. NIR sums what
arrives. A ``Delay`` of d dt is a lag of d. A cycle without one is read one step late where it goes back: from a
population to one that comes no later: in a cycle, in the order of how far they are from an input. A note says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcert.models.nir import images
from gradcert.models.nir.neurons import CUBA, cell_of, cuba_of, real
from gradcert.models.nir.pieces import CYCLE, LOSS, Linear, Read
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import AvgPool, Connection, Conv2d, Dense, Graph, Lif, Loss, Network, Population, Rnn
from gradcert.reference.numbers import Array

MAPS = ("Linear", "Affine", "Conv2d", "AvgPool2d")
NEURONS = ("LIF", "CubaLIF", "LI")
BETWEEN = (*MAPS, "Flatten", "Delay")
OUTPUT = "output"


@dataclass
class Wire:
    """What leads to a population: where it comes from, and the nodes on the way."""

    source: str
    target: str
    way: list[str]
    lag: int = 0
    maps: list[Linear] = field(default_factory=list)


def is_chain(graph: Any) -> bool:
    """Return whether every node has one way on and one way in, a neuron's linear map back to itself left out."""
    kinds = [type(node).__name__ for node in graph.nodes.values()]
    if kinds.count("Input") != 1 or kinds.count("Output") != 1 or "Delay" in kinds:
        return False
    edges = [(a, b) for a, b in graph.edges if not _lateral(graph, a) and not _lateral(graph, b)]
    return all(len({e for e in edges if e[k] == name}) < 2 for name in graph.nodes for k in (0, 1))


def _lateral(graph: Any, name: str) -> bool:
    """Return whether a node is a linear map from a neuron, or its threshold, back to itself."""
    ahead, behind = ([e[1 - k] for e in graph.edges if e[k] == name] for k in (0, 1))
    return type(graph.nodes[name]).__name__ == "Linear" and len(ahead) == 1 and ahead == behind


def read_graph(graph: Any, dt: float, options: Mapping[str, Any], current: str, loss: Loss) -> Read:
    """Read a graph of populations; arguments as for `gradcert.models.nir.read`.

    Raises
    ------
    GradcertError : for nodes, delays and shared maps that such a graph cannot say.
    """
    plan = _Plan(graph, dt)
    notes, made = [LOSS], _Made({}, {}, {})
    order = plan.order()
    for wire in plan.wires:
        late = wire.source in order and wire.lag == 0 and order.index(wire.source) >= order.index(wire.target)
        if late:
            wire.lag = 1
            own = wire.source == wire.target
            notes.append(CYCLE if own else f"{wire.source} -> {wire.target} has no delay, and is read one step late")
    for name, node in plan.inputs.items():
        made.shapes[name] = tuple(int(n) for n in np.atleast_1d(node.input_type["input"]))
    for name in order:
        made.population(plan, name, dt, options, current, notes)
    inputs = {name: int(np.prod(made.shapes[name])) for name in plan.inputs}
    populations = tuple(made.populations[name] for name in plan.names if name in made.populations)
    connections = tuple(c for name in order for c, _ in made.connections[name])
    whole = Graph(inputs, populations, connections, output=plan.output)
    network = Network(graph=whole, loss=loss)
    for c, values in (pair for name in order for pair in made.connections[name]):
        for names in whole.weights(c):
            made.parameters.update({k: v for k, v in zip(names, values, strict=True) if v is not None})
    shapes = network.shapes()
    for p in populations:
        for constant, value in p.cell.constants().items():  # trained constants start from what the graph says
            if f"{p.name}.{constant}" in shapes:
                full = np.broadcast_to(np.asarray(value, float), (p.units,)).copy()
                made.parameters[f"{p.name}.{constant}"] = full
    return Read(network, {name: made.parameters[name] for name in shapes}, tuple(dict.fromkeys(notes)))


class _Plan:
    """Inputs, neurons and what leads from one to the other, by names that parameters can begin with."""

    def __init__(self, graph: Any, dt: float) -> None:
        self.nodes, self.edges = dict(graph.nodes), list(dict.fromkeys(map(tuple, graph.edges)))
        self.kind = {name: type(node).__name__ for name, node in self.nodes.items()}
        for name, kind in self.kind.items():
            if kind not in ("Input", "Output", "Threshold", *NEURONS, *BETWEEN):
                raise GradcertError(f"a {kind} at the node {name!r}", allowed=", ".join((*NEURONS, *BETWEEN)))
        self.called = {name: re.sub(r"\W|^(?=\d)", "_", name) for name in self.nodes}
        self.inputs = {self.called[n]: node for n, node in self.nodes.items() if self.kind[n] == "Input"}
        self.thresholds = self._thresholds()
        ends = [n for n in self.nodes if self.kind[n] == "Output"]
        if len(ends) != 1 or not self.inputs:
            given = f"{len(self.inputs)} inputs and {len(ends)} outputs"
            raise GradcertError(f"a graph with {given}", allowed="one output, an input or more")
        neurons = [n for n in self.nodes if self.kind[n] in NEURONS]
        wires = [self._back(source, n) for n in neurons for source in self._into(n)]
        last = [self._back(source, ends[0]) for source in self._into(ends[0])]
        alone = len(last) == 1 and not last[0].way and last[0].source not in self.inputs
        self.output = last[0].source if alone else OUTPUT
        if not alone and OUTPUT in (self.called[n] for n in neurons):
            raise GradcertError(f"a neuron called {OUTPUT!r} that is not the output", do="call it something else")
        self.wires = wires if alone else [*wires, *(replace(w, target=OUTPUT) for w in last)]
        self.names = [*(self.called[n] for n in neurons), *([] if alone else [OUTPUT])]
        self.node = {self.called[n]: n for n in neurons}
        shared = [n for w in self.wires for n in w.way if self.kind[n] in MAPS and len(self._from(n)) > 1]
        if shared:
            raise GradcertError(f"the map {shared[0]!r}, which several nodes read", allowed="a map for each of them")
        for wire in self.wires:
            wire.lag = sum(_steps(self.nodes[n], n, dt) for n in wire.way if self.kind[n] == "Delay")

    def _into(self, name: str) -> list[str]:
        return [a for a, b in self.edges if b == name]

    def _from(self, name: str) -> list[str]:
        return [b for a, b in self.edges if a == name]

    def _thresholds(self) -> dict[str, str]:
        """Return the LI behind every Threshold."""
        out = {}
        for name in (n for n in self.nodes if self.kind[n] == "Threshold"):
            before = self._into(name)
            if len(before) != 1 or self.kind[before[0]] != "LI" or self._from(before[0]) != [name]:
                raise GradcertError(f"the Threshold {name!r}", allowed="behind an LI that nothing else reads")
            out[name] = before[0]
        return out

    def _back(self, source: str, target: str) -> Wire:
        """Follow an edge back to an input or a neuron."""
        way: list[str] = []
        while self.kind[source] in BETWEEN:
            before = self._into(source)
            if len(before) != 1 or source in way:
                raise GradcertError(f"{len(before)} ways into the {self.kind[source]} {source!r}", allowed="one")
            way.insert(0, source)
            source = before[0]
        if self.kind[source] == "LI" and source in self.thresholds.values():
            raise GradcertError(f"the potential of {source!r}, beside its Threshold", allowed="one of them")
        own = self.thresholds.get(source, source)
        return Wire(self.called[own], self.called[target], way)

    def order(self) -> list[str]:
        """Return the populations in the order in which they compute; in a cycle those nearest to an input first."""
        far = dict.fromkeys(self.inputs, 0)
        reached = True
        while reached:
            reached = False
            for w in self.wires:
                if w.source in far and w.target not in far:
                    far[w.target], reached = far[w.source] + 1, True
        lost = [name for name in self.names if name not in far]
        if lost:
            raise GradcertError(f"no input reaches {', '.join(lost)}", do="connect it, or leave it out")
        before = self._before()
        # of two that are in no cycle together, the one that the other follows from has fewer behind it
        above = {name: len({a for a in before[name] if name not in before[a]}) for name in self.names}
        last = {name: name == OUTPUT and self.output == OUTPUT for name in self.names}
        place = {name: (last[name], above[name], far[name], k) for k, name in enumerate(self.names)}
        return sorted(self.names, key=place.__getitem__)

    def _before(self) -> dict[str, set[str]]:
        """Return the populations that lead to each without a delay, step by step."""
        out: dict[str, set[str]] = {name: set() for name in self.names}
        grown = True
        while grown:
            grown = False
            for w in (w for w in self.wires if w.source in out and not w.lag):
                found = out[w.target] | out[w.source] | {w.source}
                grown, out[w.target] = grown or found != out[w.target], found
        return out


@dataclass
class _Made:
    """What has been read so far."""

    populations: dict[str, Population]
    parameters: dict[str, Array]
    shapes: dict[str, tuple[int, ...]]
    connections: dict[str, list[tuple[Connection, list[Any]]]] = field(default_factory=dict)

    def population(
        self, plan: _Plan, name: str, dt: float, options: Mapping[str, Any], current: str, notes: list[str]
    ) -> None:
        """Read a population and what leads to it."""
        node = plan.nodes[plan.node[name]] if name in plan.node else None
        wires = [w for w in plan.wires if w.target == name]
        lateral = [w for w in wires if w.source == name and w.lag == 1 and [plan.kind[n] for n in w.way] == ["Linear"]]
        kind = type(node).__name__
        own = lateral[:1] if kind in ("LIF", "CubaLIF") else []
        cell: Any = Rnn(activation="identity", recurrent=False)
        scale: Array | None = None
        if kind == "CubaLIF":
            cell, scale = cuba_of(node, dt, options, current, notes, lateral=bool(own))
        elif node is not None:
            fires = next((plan.nodes[t] for t, li in plan.thresholds.items() if li == plan.node[name]), None)
            cell, scale = cell_of(node, fires, dt, options, notes, plan.node[name])
            cell = replace(cell, recurrent=True) if own and isinstance(cell, Lif) else cell
        units = 0 if node is None else int(np.size(node.tau_mem if hasattr(node, "tau_mem") else node.tau))
        bias, found = None, []
        for wire in (w for w in wires if w not in own):
            shape, synapses, values, added = self._way(plan, wire, units, notes)
            bias = added if bias is None else bias if added is None else bias + added
            units = int(np.prod(shape))
            self.shapes.setdefault(name, shape)
            found.append((wire, synapses, values))
        factor = None if scale is None else np.broadcast_to(np.ravel(scale), (units,))
        self.connections[name] = []
        for k, (wire, synapses, values) in enumerate(found):
            if int(np.prod(self.shapes[name])) != (synapses[-1].units if synapses else units):
                raise GradcertError(f"maps to {name!r} of different sizes", allowed=f"{units} units each")
            same = [w.source for w, _, _ in found[:k]].count(wire.source)
            label = f"{wire.source}_{same + 1}" if same else None
            plain = len(synapses) == 1 and isinstance(synapses[0], Dense)
            chain = None if plain else tuple(synapses) if len(synapses) > 1 else synapses[0]
            self.connections[name].append(
                (Connection(wire.source, name, wire.lag, chain, name=label), scaled(values, factor, name))
            )
        always = cell.name in CUBA  # cells of one's own have the parameters that their equations name
        bias = np.zeros(units) if bias is None and always else bias
        if bias is not None:
            self.parameters[f"{name}.b"] = bias if factor is None else bias * factor
        if own:
            (weight,) = scaled([real(plan.nodes[own[0].way[0]], "weight")], factor, name)
            self.parameters[f"{name}.H"] = weight
        self.populations[name] = Population(name, cell if always else replace(cell, bias=bias is not None), units)

    def _way(
        self, plan: _Plan, wire: Wire, units: int, notes: list[str]
    ) -> tuple[tuple[int, ...], list[Any], list[Any], Array | None]:
        """Return the shape at the end of a way, its synapses, their weights, and the bias that arrives."""
        shape = self.shapes.get(wire.source, (units,))
        synapses: list[Any] = []
        values: list[Any] = []
        bias: Array | None = None
        for name in wire.way:
            node, kind = plan.nodes[name], plan.kind[name]
            if bias is not None and kind != "Flatten":
                raise GradcertError(f"the bias in front of {name!r}", allowed="a bias of the last map before a neuron")
            if kind in ("Flatten", "Delay"):
                shape = (int(np.prod(shape)),) if kind == "Flatten" else shape
                continue
            image: Conv2d | AvgPool | None = None
            if kind == "Conv2d":
                image = images.convolution(node, name, shape if len(shape) == 3 else None)
                notes += [images.CONV_BIAS] if np.any(node.bias) else []
            elif kind == "AvgPool2d":
                image = images.pooling(node, name, shape)
            found = Linear.of(node, image)
            bias = found.bias
            outputs, inputs = (int(n) for n in np.shape(found.weight)[:2]) if image is None else (0, 0)
            synapses.append(image or Dense(inputs, outputs))
            values.append(found.weight)
            shape = images.out_shape(image) if image is not None else (outputs,)
        if not synapses:
            size = int(np.prod(shape))
            notes.append(f"{wire.source} -> {wire.target} has no linear map: its weight is the identity")
            return shape, [Dense(size, size)], [np.eye(size)], None
        return shape, synapses, values, bias


def scaled(values: list[Any], factor: Array | None, name: str) -> list[Any]:
    """Return weights, the last of which a resistance is multiplied into."""
    if factor is None:
        return values
    last = values[-1]
    if last is None or (np.ndim(last) == 4 and (factor != factor[0]).any()):
        raise GradcertError(f"a resistance at {name!r} behind a pool, or that differs between units of a convolution")
    return [*values[:-1], last * (factor[0] if np.ndim(last) == 4 else factor[:, None])]


def _steps(node: Any, name: str, dt: float) -> int:
    """Return the lag of a delay in steps, the same whole number for all of its values."""
    steps = real(node, "delay") / dt
    if (steps != steps.flat[0]).any() or steps.flat[0] < 0 or steps.flat[0] != np.floor(steps.flat[0]):
        raise GradcertError(f"the delay {name!r} of {steps.ravel().tolist()} steps", allowed="one whole number for all")
    return int(steps.flat[0])
