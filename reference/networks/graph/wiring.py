"""How a graph becomes layers: one for each strongly connected component, a plain one wherever its cell needs no wires.

A connection of lag d becomes d - 1 registers in the layer of its target and one link of lag 1 from the last of them;
from another layer the values enter at lag 0, so that the delay is made of edges of the layer that it leads to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import cast

from gradcert.reference.networks.cells.protocol import Cell
from gradcert.reference.networks.edges import Edge, Link
from gradcert.reference.networks.graph.circuit import Circuit, Member, Wire
from gradcert.reference.networks.graph.records import Connection, Graph, Population
from gradcert.reference.networks.layer import Layer
from gradcert.reference.networks.synapses import Dense, MaxPool, Part, Place
from gradcert.reference.networks.synapses.protocol import Synapse


@dataclass(frozen=True)
class Wired:
    """What a graph is to the engines.

    Attributes
    ----------
    layers : the lowest first.
    sources : for each layer whose outputs its input is, one after the other; -1 is the network's input.
    """

    layers: tuple[Layer, ...]
    sources: tuple[tuple[int, ...], ...]


def wired(graph: Graph) -> Wired:
    """Return the layers of a graph.

    Examples
    --------
    >>> from gradcert.reference.networks import Connection, Graph, Population, Rnn
    >>> low, top = Population("low", Rnn(recurrent=False), 4), Population("top", Rnn(recurrent=False), 2)
    >>> up, down = Connection("low", "top"), Connection("top", "low", lag=1)
    >>> graph = Graph({"x": 3}, (low, top), (Connection("x", "low"), up, down))
    >>> layer, = wired(graph).layers
    >>> layer.cell.nodes
    ('low.a', 'low.z', 'top.a', 'top.z', 'z')
    """
    if "wired" not in vars(graph):  # a graph is asked at every step of a learner
        plan = _Plan(graph, graph.components())
        built = [plan.layer(i) for i in range(len(plan.parts))]
        vars(graph)["wired"] = Wired(tuple(layer for layer, _ in built), tuple(sources for _, sources in built))
    found: Wired = vars(graph)["wired"]
    return found


@dataclass(frozen=True)
class _Plan:
    """Where everything of a graph lies."""

    graph: Graph
    parts: tuple[tuple[str, ...], ...]

    def number(self, population: str) -> int:
        """Return the layer of a population; -1 of an input."""
        return next((i for i, part in enumerate(self.parts) if population in part), -1)

    def exports(self, layer: int) -> list[tuple[str, str]]:
        """Return the (population, node) whose values leave a layer, in their order."""
        if layer == len(self.parts) - 1:
            return [(str(self.graph.output), "z")]
        return sorted(
            {c.origin for c in self.graph.connections if c.origin[0] in self.parts[layer] and self.outside(c)},
            key=lambda origin: (self.parts[layer].index(origin[0]), origin[1]),
        )

    def outside(self, c: Connection) -> bool:
        """Return whether a connection comes from another layer than its target's."""
        return self.number(c.origin[0]) != self.number(c.target)

    def width(self, layer: int) -> int:
        """Return how many units leave a layer."""
        if layer < 0:
            return self.graph.width
        return sum(self.graph.size(population) for population, _ in self.exports(layer))

    def place(self, c: Connection, sources: tuple[int, ...]) -> int:
        """Return where in its layer's input the values of a connection from outside begin."""
        here = self.number(c.origin[0])
        before = sum(self.width(s) for s in sources[: sources.index(here)])
        inside = [(name, "z") for name, _ in self.graph.inputs] if here < 0 else self.exports(here)
        return before + sum(self.graph.size(name) for name, _ in inside[: inside.index(c.origin)])

    def layer(self, index: int) -> tuple[Layer, tuple[int, ...]]:
        """Return a layer and its sources."""
        populations = [self.graph.by_name[name] for name in self.parts[index]]
        incoming = [c for p in populations for c in self.graph.into(p.name)]
        sources = tuple(sorted({self.number(c.origin[0]) for c in incoming if self.outside(c)}))
        inputs = sum(self.width(s) for s in sources)
        if len(populations) == len(incoming) == 1 and self._plain(index, incoming[0], inputs):
            return self._plain_layer(populations[0], incoming[0], inputs), sources
        wiring = _Wiring(self, sources, inputs, {p.name: p for p in populations})
        return wiring.build(self.exports(index)), sources

    def _plain(self, index: int, c: Connection, inputs: int) -> bool:
        """Return whether a layer's one connection is what a stack has between two layers."""
        whole = inputs == self.graph.size(c.origin[0]) and self.outside(c)
        chain = len(c.chain) < 2 and not any(isinstance(s, MaxPool) for s in c.chain)
        usual = not c.lag and c.name is None and c.node is None and chain
        return whole and usual and self.exports(index) == [(c.target, "z")]

    def _plain_layer(self, p: Population, c: Connection, inputs: int) -> Layer:
        outer = [link.weight for link in p.cell.links if link.source == "x" and link.weight]
        own = [s for s in c.chain if not isinstance(s, MaxPool)]
        synapses = (*((name, s) for name in outer for s in own), *p.synapses)
        return Layer(p.cell, inputs, p.units, synapses=synapses, name=p.name, shared=p.shared, backwards=p.backwards)


@dataclass(frozen=True)
class _Wiring:
    """One layer's circuit while it is put together."""

    plan: _Plan
    sources: tuple[int, ...]
    inputs: int
    populations: dict[str, Population]
    parts: list[Member | Wire] = field(default_factory=list)
    into: list[Link] = field(default_factory=list)
    synapses: dict[str, Synapse] = field(default_factory=dict)
    late: list[Wire] = field(default_factory=list)  # nodes that only the next step reads

    def build(self, exports: list[tuple[str, str]]) -> Layer:
        for p in self.populations.values():
            incoming = self.plan.graph.into(p.name)
            for c in incoming:
                self._connect(p, c, alone=len(incoming) == 1 and c.name is None)
            member = Member(p.name, p.cell, p.units)
            self.parts.append(member)
            own = getattr(p.cell, "own_synapses", None)
            fixed = own(p.units) if own is not None else {}
            self.synapses.update({member.full(name): s for name, s in {**fixed, **dict(p.synapses)}.items()})
        units = sum(self.populations[name].units for name, _ in exports)
        circuit = Circuit((*self.parts, *self.late), tuple(self.into), tuple(self._out(exports, units)))
        shared = tuple(f"{p.name}.{name}" for p in self.populations.values() for name in p.shared)
        return Layer(
            cast(Cell, circuit),
            self.inputs,
            units,
            synapses=tuple(self.synapses.items()),
            name="",
            shared=shared,
            backwards=any(p.backwards for p in self.populations.values()),
        )

    def _out(self, exports: list[tuple[str, str]], units: int) -> Iterator[Link]:
        if len(exports) == 1:
            yield Link("z", ".".join(exports[0]))
            return
        start = 0
        for name, node in exports:
            weight, size = f"z.{name}.{node}", self.populations[name].units
            self.synapses[weight] = Place(size, units, start)
            yield Link("z", f"{name}.{node}", weight=weight)
            start += size

    def _connect(self, p: Population, c: Connection, *, alone: bool) -> None:
        """Add what leads from a connection's source to the nodes that read it."""
        own = f"{p.name}.{c.label}"
        source, lag, start = self._entry(c, own)
        size = self.plan.graph.size(c.origin[0])
        edge = c.edge or self._label(c)
        for k in range(1, lag):
            register = f"{own}.late{k}"
            self.parts.append(Wire(register, size, (Link(register, source, 1, Edge.DELAY),)))
            source = register
        for link in p.cell.links:
            if link.source == "x" and link.weight is not None and c.node in (None, link.target):
                weight = f"{p.name}.{link.weight}" + ("" if alone else f".{c.label}")
                self._through(c, Link(f"{p.name}.{link.target}", source, min(lag, 1), edge, weight), size, start)

    def _label(self, c: Connection) -> Edge:
        if not c.lag:
            return Edge.SPACE
        if self.plan.outside(c):
            return Edge.DELAY
        return Edge.RECURRENT if c.origin[0] == c.target else Edge.FEEDBACK

    def _entry(self, c: Connection, own: str) -> tuple[str, int, int]:
        """Return the node that a connection starts from, the lag that is left, and its place in the layer's input."""
        size = self.plan.graph.size(c.origin[0])
        if self.plan.outside(c):
            start = self.plan.place(c, self.sources)
            if not c.lag:
                return "x", 0, start
            self.synapses[f"{own}.in"] = self._read(Place(size, size), start)
            self.parts.append(Wire(f"{own}.now", size, (Link(f"{own}.now", "x", weight=f"{own}.in"),)))
            return f"{own}.now", c.lag, 0
        if c.lag == 1 and self._read_within_step(c):  # a drive knows its sources by their names, so one needs another
            self.synapses[f"{own}.in"] = Place(size, size)
            self.late.append(Wire(f"{own}.now", size, (Link(f"{own}.now", ".".join(c.origin), weight=f"{own}.in"),)))
            return f"{own}.now", 1, 0
        return ".".join(c.origin), c.lag, 0

    def _read_within_step(self, c: Connection) -> bool:
        """Return whether the target of a lagged connection reads the same node within the step too."""
        others = [o for o in self.plan.graph.into(c.target) if o.origin == c.origin and not o.lag]
        own = self.populations[c.target].cell.links if c.origin[0] == c.target else ()
        return bool(others) or any(k.source == c.origin[1] and k.weight and not k.lag for k in own)

    def _read(self, synapse: Synapse, start: int) -> Synapse:
        return synapse if synapse.inputs == self.inputs else Part(synapse, start, self.inputs)

    def _through(self, c: Connection, link: Link, size: int, start: int) -> None:
        """Add a link, and nodes between the synapses of its connection where it has several, or a max pooling."""
        chain = c.chain or (Dense(size, self.populations[c.target].units),)
        names = [str(link.weight)] if len(chain) == 1 else [f"{link.weight}.{k}" for k in range(len(chain))]
        if isinstance(chain[-1], MaxPool):
            chain, names = (*chain, Place(chain[-1].units, chain[-1].units)), [*names, str(link.weight)]
        at = link
        for k, (name, synapse) in enumerate(zip(names, chain, strict=True)):
            if isinstance(synapse, MaxPool):
                at = self._largest(name, synapse, at, start)
            elif k == len(chain) - 1:
                self.into.append(self._by(name, synapse, replace(at, target=link.target), start))
            else:
                at = self._linear(name, synapse, at, start)

    def _by(self, name: str, synapse: Synapse, link: Link, start: int) -> Link:
        """Return a link with a weight of a name, whose synapse is this one."""
        self.synapses[name] = self._read(synapse, start) if link.source == "x" else synapse
        return replace(link, weight=name)

    def _linear(self, name: str, synapse: Synapse, link: Link, start: int) -> Link:
        """Add a linear node, and return the link that goes on from it."""
        node = f"{name}.out"
        self.parts.append(Wire(node, synapse.units, (self._by(name, synapse, replace(link, target=node), start),)))
        return Link(link.target, node)

    def _largest(self, name: str, pool: MaxPool, link: Link, start: int) -> Link:
        """Add the entries of every window, and the largest of those met so far, one by one; return the way on."""
        first, *rest = (self._linear(f"{name}.tap{k}", tap, link, start) for k, tap in enumerate(pool.taps))
        for k, other in enumerate(rest, start=1):
            node = f"{name}.larger{k}.out"
            self.parts.append(Wire(node, pool.units, (Link(node, first.source), Link(node, other.source))))
            first = Link(link.target, node)
        return first
