"""What is said of a graph: inputs, populations, connections, and which population is the output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradcert.reference.checks import check_flag, check_size
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.cells.protocol import Cell
from gradcert.reference.networks.edges import TEMPORAL, Edge
from gradcert.reference.networks.graph.order import check_reached, components, ordered_within
from gradcert.reference.networks.layer import (
    Layer,
    cell_from,
    options_of,
    synapse_from_dict,
    synapse_to_dict,
)
from gradcert.reference.networks.shared import runs_of
from gradcert.reference.networks.synapses import MaxPool
from gradcert.reference.networks.synapses.protocol import Synapse

RESERVED = ("layers", "initial", "masks", "readouts")  # what other names of a problem begin with


@dataclass(frozen=True)
class Population:
    """Units of one cell.

    Parameters
    ----------
    name : what the names of its parameters begin with: ``hidden.H``.
    cell : the neuron model.
    units : how many.
    synapses : for weights of the cell's own links, such as ``(("H", Dense(..., absent=...)),)``.
    shared : trained per-unit parameters of which there is one number for all units, or for each channel (`Layer`).
    backwards : whether it runs from the last step to the first, as one direction of a bidirectional layer. What reads
        it finds its values at their own steps.
    """

    name: str
    cell: Cell
    units: int
    synapses: tuple[tuple[str, Synapse], ...] = ()
    shared: tuple[str, ...] = ()
    backwards: bool = False

    def __post_init__(self) -> None:
        check_name("a population", self.name)
        check_size(f"a population {self.name!r} with units", self.units)
        check_flag(f"backwards of {self.name!r}", self.backwards)
        if not any(link.source == "x" for link in self.cell.links):
            raise GradcertError(f"the cell {self.cell.name!r}, which has no input", allowed="a cell with a link from x")
        for link in self.cell.links:
            if link.source == "x" and (link.lag or link.weight is None):
                raise GradcertError(
                    f"the cell {self.cell.name!r}, which reads its input late or without a weight, in a graph",
                    allowed="a cell whose links from x have weights and lag 0",
                    do="give the lag to the connection",
                )
        outer = {link.weight for link in self.cell.links if link.source == "x"}
        for name, _ in self.synapses:
            if name in outer:
                raise GradcertError(f"a synapse for {name!r} of {self.name!r}", do="give it to the connection")
        Layer(self.cell, inputs=self.units, units=self.units, synapses=self.synapses, shared=self.shared)
        for name in runs_of(self.shared):
            if isinstance(self.cell.constants().get(name, 0.0), tuple):
                raise GradcertError(f"{name!r} of {self.name!r} is shared and has several values", allowed="one")


@dataclass(frozen=True)
class Connection:
    """What a population reads: another population, itself, or an input.

    Parameters
    ----------
    source : a population (its output z), a node of one (``hidden.v``), or an input.
    target : the population that reads it. Each of its cell's input links gets a weight for the connection.
    lag : steps from the source to the target: 0 is the same step, d >= 2 goes through d - 1 registers.
    synapse : the linear map, dense by default; several are applied one after the other, each with its own weight. Max
        pooling (`MaxPool`) may be one of them.
    node : the one node of the cell that reads, where not all of those with an input link do.
    name : tells the connections of a target apart; the source's name by default.
    edge : the label of a lagged connection, by default RECURRENT from a population to itself, FEEDBACK between
        populations of one layer, DELAY to a later layer.

    Notes
    -----
    Its weight is ``target.W``, where the target has no other connection and this one no name; else ``target.W.name``,
    and ``target.W.name.0``, ``target.W.name.1`` where there are several synapses.
    """

    source: str
    target: str
    lag: int = 0
    synapse: Synapse | MaxPool | tuple[Synapse | MaxPool, ...] | None = None
    node: str | None = None
    name: str | None = None
    edge: Edge | None = None

    def __post_init__(self) -> None:
        lag: Any = self.lag
        if isinstance(lag, bool) or not isinstance(lag, int) or lag < 0:
            raise GradcertError(f"the connection {self} with lag={self.lag!r}", allowed="a whole number of steps >= 0")
        if self.name is not None:
            check_name("a connection", self.name)
        if self.edge is not None and (self.edge not in TEMPORAL or not self.lag):
            raise GradcertError(
                f"the label {self.edge!r} of the connection {self}",
                allowed="for a lagged connection one of " + ", ".join(sorted(TEMPORAL)),
            )
        if self.synapse == ():
            raise GradcertError(f"the connection {self} with no synapse at all", allowed="one or several, or None")

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}"

    @property
    def label(self) -> str:
        """Its name, or the source's."""
        return self.name or self.source.partition(".")[0]

    @property
    def origin(self) -> tuple[str, str]:
        """The population or input that it comes from, and the node."""
        population, _, node = self.source.partition(".")
        return population, node or "z"

    @property
    def chain(self) -> tuple[Synapse | MaxPool, ...]:
        """Its synapses, none where it is plain dense."""
        return () if self.synapse is None else self.synapse if isinstance(self.synapse, tuple) else (self.synapse,)


@dataclass(frozen=True)
class Graph:
    """Populations and the connections between them.

    Parameters
    ----------
    inputs : name -> size, or pairs of them; the network's input is all of them, one after the other.
    populations : in any order.
    connections : in any order; an ordinary stack needs one for each population.
    output : the population that the loss is about; the last by default.

    Raises
    ------
    GradcertError : for names that are unknown or there twice, a cycle without a lag, and populations that no input
        reaches or that do not reach the output.

    Examples
    --------
    >>> from gradcert.reference.networks import Network, Rnn
    >>> graph = Graph(
    ...     inputs={"image": 3},
    ...     populations=(Population("low", Rnn(), 4), Population("top", Rnn(recurrent=False, bias=False), 2)),
    ...     connections=(Connection("image", "low"), Connection("low", "top"), Connection("image", "top")),
    ... )
    >>> Network(graph=graph).shapes()
    {'low.W': (4, 3), 'low.H': (4, 4), 'low.b': (4,), 'top.W.low': (2, 4), 'top.W.image': (2, 3)}
    """

    inputs: Any
    populations: tuple[Population, ...]
    connections: tuple[Connection, ...]
    output: str | None = None

    def __post_init__(self) -> None:
        pairs = self.inputs.items() if isinstance(self.inputs, Mapping) else self.inputs
        object.__setattr__(self, "inputs", tuple((name, size) for name, size in pairs))
        for part in ("inputs", "populations", "connections"):
            object.__setattr__(self, part, tuple(getattr(self, part)))
            if not getattr(self, part):
                raise GradcertError(f"a graph without {part}", allowed="one or more")
        for name, size in self.inputs:
            check_name("an input", name)
            check_size(f"an input {name!r} of size", size)
        check_once("inputs and populations", [*dict(self.inputs), *(p.name for p in self.populations)], self._names)
        if self.output is None:
            object.__setattr__(self, "output", self.populations[-1].name)
        if self.output not in self.by_name:
            raise GradcertError(f"the output {self.output!r}", allowed=", ".join(self.by_name))
        for c in self.connections:
            self._check_connection(c)
        for population in self.populations:
            self._check_fed(population)
        ordered_within(tuple(self.by_name), self.pairs(lag=False))  # raises for a cycle without a lag
        check_reached(tuple(self.by_name), tuple(dict(self.inputs)), self.pairs(), str(self.output))
        self._check_directions()

    @property
    def _names(self) -> list[str]:
        return [*(name for name, _ in self.inputs), *(p.name for p in self.populations)]

    @property
    def by_name(self) -> dict[str, Population]:
        """The populations by name."""
        return {p.name: p for p in self.populations}

    @property
    def width(self) -> int:
        """Length of the network's input."""
        return sum(size for _, size in self.inputs)

    def pairs(self, *, lag: bool = True) -> list[tuple[str, str]]:
        """Return (source, target) of every connection, or of those within a step alone."""
        return [(c.origin[0], c.target) for c in self.connections if lag or not c.lag]

    def components(self) -> tuple[tuple[str, ...], ...]:
        """Return the populations of every layer, the lowest first; within one, in the order in which they compute."""
        names = tuple(self.by_name)
        pairs = [(a, b) for a, b in self.pairs() if a in self.by_name]
        within = [(a, b) for a, b in self.pairs(lag=False) if a in self.by_name]
        return tuple(ordered_within(part, within) for part in components(names, pairs))

    def into(self, population: str) -> tuple[Connection, ...]:
        """Return the connections that a population reads."""
        return tuple(c for c in self.connections if c.target == population)

    def size(self, source: str) -> int:
        """Return the length of what a population or an input gives."""
        return dict(self.inputs)[source] if source in dict(self.inputs) else self.by_name[source].units

    def weights(self, c: Connection) -> list[list[str]]:
        """Return the names of a connection's weights: for each node that reads it, one for each of its synapses."""
        incoming = self.into(c.target)
        suffix = "" if len(incoming) == 1 and c.name is None else f".{c.label}"
        links = self.by_name[c.target].cell.links
        read = [k for k in links if k.source == "x" and k.weight is not None and c.node in (None, k.target)]
        names = [f"{c.target}.{k.weight}{suffix}" for k in read]
        return [[name] if len(c.chain) < 2 else [f"{name}.{i}" for i in range(len(c.chain))] for name in names]

    def _check_connection(self, c: Connection) -> None:
        if c.target not in self.by_name:
            raise GradcertError(f"the connection {c} to {c.target!r}", allowed=", ".join(self.by_name))
        source, node = c.origin
        if source not in self._names:
            raise GradcertError(f"the connection {c} from {source!r}", allowed=", ".join(self._names))
        nodes = self.by_name[source].cell.nodes if source in self.by_name else ("z",)
        if node not in nodes or (source not in self.by_name and "." in c.source):
            raise GradcertError(f"the connection {c} from the node {node!r}", allowed=", ".join(nodes))
        reading = {link.target for link in self.by_name[c.target].cell.links if link.source == "x"}
        if c.node is not None and c.node not in reading:
            raise GradcertError(f"the connection {c} to the node {c.node!r}", allowed=", ".join(sorted(reading)))
        if (source, c.lag) == (c.target, 0):
            raise GradcertError(f"the connection {c} within a step", do="give it a lag of 1 or more")
        size = self.size(source)
        for k, synapse in enumerate(c.chain):
            units = self.by_name[c.target].units if k == len(c.chain) - 1 else synapse.units
            if (synapse.inputs, synapse.units) != (size, units):
                raise GradcertError(
                    f"a synapse from {synapse.inputs} to {synapse.units} units on the connection {c}",
                    allowed=f"from {size} to {units}",
                )
            size = synapse.units

    def _check_directions(self) -> None:
        for part in self.components():
            alone = [name for name in part if self.by_name[name].backwards]
            if alone and len(part) > 1:
                raise GradcertError(
                    f"the population {alone[0]!r}, which runs backwards, in a loop with others",
                    allowed="one on its own",
                )
        for c in self.connections:
            if c.lag and self.by_name[c.target].backwards:
                raise GradcertError(
                    f"the lag of the connection {c}, whose target runs backwards", do="let its cell be recurrent"
                )

    def _check_fed(self, population: Population) -> None:
        incoming = self.into(population.name)
        if not incoming:
            raise GradcertError(
                f"the population {population.name!r} has no connection", do="connect it, or leave it out"
            )
        what = f"connections to {population.name!r}"
        check_once(what, [c.label for c in incoming], [c.label for c in incoming])
        links = population.cell.links
        fed = {link.target for link in links if link.weight is not None and link.source != "x"}
        for link in links:
            here = any(c.node in (None, link.target) for c in incoming)
            if link.source == "x" and not here and link.target not in fed:
                raise GradcertError(
                    f"nothing feeds the node {link.target!r} of {population.name!r}", do="connect something to it"
                )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; `graph_from` reads it back."""
        return {
            "inputs": [{"name": name, "size": size} for name, size in self.inputs],
            "populations": [_population_to_dict(p) for p in self.populations],
            "connections": [_connection_to_dict(c) for c in self.connections],
            "output": self.output,
        }


def check_name(what: str, name: Any) -> None:
    """Raise unless something has a name that parameters can begin with."""
    if not isinstance(name, str) or not name.isidentifier() or name in RESERVED:
        allowed = f"letters, digits and underscores, no digit first, and none of {', '.join(RESERVED)}"
        raise GradcertError(f"{what} called {name!r}", allowed=allowed)


def check_once(what: str, names: list[str], every: list[str]) -> None:
    """Raise for a name that is there twice."""
    twice = sorted({name for name in every if every.count(name) > 1})
    if twice:
        raise GradcertError(f"{what} called {', '.join(twice)} twice", allowed="names of their own", do="pass name=")


def _population_to_dict(p: Population) -> dict[str, Any]:
    out: dict[str, Any] = {"name": p.name, "cell": p.cell.name, "units": p.units, "options": options_of(p.cell)}
    out |= {"synapses": {name: synapse_to_dict(s) for name, s in p.synapses}} if p.synapses else {}
    out |= {"shared": list(p.shared)} if p.shared else {}
    return out | ({"backwards": True} if p.backwards else {})


def _connection_to_dict(c: Connection) -> dict[str, Any]:
    out: dict[str, Any] = {"source": c.source, "target": c.target}
    out |= {"lag": c.lag} if c.lag else {}
    out |= {"synapses": [synapse_to_dict(s) for s in c.chain]} if c.chain else {}
    given = {"node": c.node, "name": c.name, "edge": None if c.edge is None else c.edge.value}
    return out | {name: value for name, value in given.items() if value is not None}


def graph_from(spec: Mapping[str, Any], *, run: bool = False, cells: Mapping[str, Cell] | None = None) -> Graph:
    """Read a graph from its JSON form.

    Parameters
    ----------
    run : as for `gradcert.reference.networks.from_dict`.
    cells : population -> its cell, where it is known; else it is made of its name and options.
    """
    made = cells or {}
    populations = tuple(
        Population(
            name=p["name"],
            cell=made[p["name"]] if p["name"] in made else cell_from(p["cell"], p.get("options", {}), run=run),
            units=p["units"],
            synapses=tuple((name, synapse_from_dict(s)) for name, s in p.get("synapses", {}).items()),
            shared=tuple(p.get("shared", ())),
            backwards=p.get("backwards", False),
        )
        for p in spec["populations"]
    )
    return Graph(
        inputs=tuple((i["name"], i["size"]) for i in spec["inputs"]),
        populations=populations,
        connections=tuple(_connection(c) for c in spec["connections"]),
        output=spec.get("output"),
    )


def _connection(spec: Mapping[str, Any]) -> Connection:
    chain = tuple(synapse_from_dict(s) for s in spec.get("synapses", ()))
    return Connection(
        source=spec["source"],
        target=spec["target"],
        lag=spec.get("lag", 0),
        synapse=None if not chain else chain[0] if len(chain) == 1 else chain,
        node=spec.get("node"),
        name=spec.get("name"),
        edge=Edge(spec["edge"]) if "edge" in spec else None,
    )
