"""A reading that is no stack, as a graph of populations: skip connections, feedback, delays between layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

from gradcert.models.reading.network.cutting import cut_and_uncut
from gradcert.models.reading.network.initial import initial_values
from gradcert.models.reading.network.layer import CellWriter, Source
from gradcert.models.reading.network.written import Written
from gradcert.models.reading.populations import X
from gradcert.models.reading.reading import Reading
from gradcert.models.reading.terms import Term
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import AvgPool, Connection, Graph, Network, Population

INPUT = "x"


@dataclass
class Member(CellWriter):
    """Writes one population; what comes from outside is a connection."""

    connections: list[Connection] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The population's name."""
        return population(self.number)

    def outside(self, term: Term) -> str:
        """Return a node that is another population's, one unit to one."""
        k, lag = (X, 0) if term.op == "x" else term.data
        node = f"i_{'x' if k == X else k}{'_late' * lag}"
        if node not in self.texts:
            width = term.size // self.reading.batch
            self.texts = {node: f"W_{node} @ x", **self.texts}
            self._taken.add(node)
            self._connect(k, lag, node, node, AvgPool(channels=width, height=1, width=1, kernel=(1, 1)))
        return node

    def weight_outside(self, term: Term, source: Term) -> str:
        """Return the weighted sum of a connection; those into one node are one sum."""
        k, lag = (X, 0) if source.op == "x" else source.data
        name, synapse = self._synapse(term)
        node = self.names[self._target]
        self._connect(k, lag, node, name, synapse)
        if name in self.sources:
            self.newest = f"W_{node}.{name}"
            self.sources[self.newest] = self.sources.pop(name)
        return f"W_{node} @ x"

    def _connect(self, k: int, lag: int, node: str, name: str, synapse: Any) -> None:
        if k == X:
            source = INPUT
        else:
            other = self.reading.layer_of(k)
            called = self.reading.names[k]
            source = f"{population(other)}.{called}" if called != "z" else population(other)
        self.connections.append(Connection(source, self.name, lag, synapse, node, name))


def population(number: int) -> str:
    """Return the name of a population: that of its layer."""
    return f"layer{number}"


def as_graph(reading: Reading, output: int = 0) -> Written:
    """Write a reading as networks that are graphs (`gradcert.models.reading.network.written.written`)."""
    leaving = reading.outputs[output]
    if reading.names[leaving] != "z":
        raise GradcertError(f"an output {reading.names[leaving]} of a network that is no stack", allowed="z")
    networks, written = [], list[Member]()
    sources: dict[str, Source] = {}
    for cut in (False, True) if reading.cuts else (False,):
        members = [_member(reading, number, cut) for number in range(len(reading.layers))]
        populations = []
        for member in members:
            cell = member.made(0, f"read_{member.number}")
            own = tuple(member._synapses.items())
            populations.append(Population(member.name, cell, reading.units(member.leaving), own))
            sources |= {f"{member.name}.{k}": v for k, v in member.sources.items()}
        width = prod(reading.example.shape[1:])
        connections = tuple(c for member in members for c in member.connections)
        graph = Graph({INPUT: width}, tuple(populations), connections, population(reading.layer_of(leaving)))
        networks.append(Network(graph=graph))
        written = written or members
    order = [number for part in graph.components() for number in part]
    by_name = {member.name: member for member in written}
    names = {member.name: {k: member.names[k] for k in member.order} for member in written}
    spiking = tuple(
        tuple(k for name in part for k in by_name[name].order if reading.chosen.order[k].op == "spike")
        for part in graph.components()
    )
    made = Written(
        reading,
        networks[0],
        networks[-1],
        sources,
        initial_values(reading, reading.slots, names),
        tuple(by_name[name].texts for name in order),
        names,
        spiking,
        masks={member.name: member.mask for member in written if member.mask is not None},
    )
    return made


def _member(reading: Reading, number: int, cut: bool) -> Member:
    group = reading.layers[number]
    read = [p for p in reading.links if p.source in group and reading.layer_of(p.target) != number]
    z = [k for k in group if reading.names[k] == "z"]
    if not z:
        raise GradcertError(f"layer {number}, nothing of which is z", allowed="a stack of layers")
    mine = [p for p in read if p.source == z[0]]
    shut = bool(mine) and all(p.cuts for p in mine) and z[0] not in reading.outputs
    if any(p.cuts for p in read) and not shut:
        raise cut_and_uncut(read, f"layer {number}, which is read")
    return Member(reading, number, z[0], last=False, cut=cut, shut=shut and cut)
