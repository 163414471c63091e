"""A circuit: the populations of one layer as one cell, with the nodes and links of each and those between them.

Nodes are named ``population.node``. Beside those of the members there are registers, which hold what another node was a
step before, linear nodes between the synapses of one connection, and the larger of two, which max pooling is made of.
The output z is one member's node, or several, one after the other, where later layers read several.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.cells.masked import Masked, masked
from gradcert.reference.networks.cells.protocol import Cell, Drive, Nodes
from gradcert.reference.networks.edges import Link, Use
from gradcert.reference.numbers import Array, Numbers


@dataclass(frozen=True)
class Member:
    """A population of a circuit."""

    name: str
    cell: Cell
    units: int

    def full(self, name: str) -> str:
        """Return a node's or parameter's name in the circuit."""
        return f"{self.name}.{name}"

    @cached_property
    def links(self) -> dict[Link, Link]:
        """The cell's own links that stay inside, as they are in the circuit."""
        own = [link for link in self.cell.links if link.source != "x"]
        return {
            k: Link(self.full(k.target), self.full(k.source), k.lag, k.edge, self.full(k.weight) if k.weight else None)
            for k in own
        }


@dataclass(frozen=True)
class Wire:
    """A node between populations: a register (one link of lag 1, no weight), a linear node (links with weights).

    Or the larger of two nodes (two links without weights), the first where they are equal.
    """

    node: str
    size: int
    links: tuple[Link, ...]

    @property
    def larger(self) -> bool:
        """Whether it is the larger of two nodes."""
        return len(self.links) == 2 and self.links[0].weight is None


@dataclass(frozen=True)
class Circuit:
    """Several populations, or one that reads several sources, as one cell; made by `wired`.

    Parameters
    ----------
    parts : members and wires in the order in which they compute.
    into : the links of connections into the members' linear nodes.
    out : the links into the output z: one without a weight, or several through fixed synapses.
    """

    parts: tuple[Member | Wire, ...]
    into: tuple[Link, ...]
    out: tuple[Link, ...]

    @property
    def name(self) -> str:
        """The member's, where there is one, so that rules know a readout; else ``circuit``."""
        return self.members[0].cell.name if len(self.members) == 1 else "circuit"

    @property
    def owner(self) -> str:
        """The names of the populations together."""
        return "+".join(m.name for m in self.members)

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The populations."""
        return tuple(part for part in self.parts if isinstance(part, Member))

    @property
    def output(self) -> Member:
        """The population that the output z is of, the first where there are several."""
        owner = self.out[0].source.partition(".")[0]
        return next(m for m in self.members if m.name == owner)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Node -> units."""
        out: dict[str, int] = {}
        for part in self.parts:
            if isinstance(part, Wire):
                out[part.node] = part.size
            else:
                out |= {part.full(node): part.units for node in part.cell.nodes}
        return {**out, "z": sum(out[link.source] for link in self.out)}

    @cached_property
    def groups(self) -> dict[str, str]:
        """Node -> whose unit its unit i is: the population's, or of a wire the wire's own."""
        out = {part.node: part.node for part in self.parts if isinstance(part, Wire)}
        return {**out, **{m.full(node): m.name for m in self.members for node in m.cell.nodes}, "z": "z"}

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Node names in topological order."""
        return tuple(self.sizes)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """All links: of wires, of connections, of the members, to the output."""
        out: list[Link] = []
        for part in self.parts:
            if isinstance(part, Wire):
                out += part.links
            else:
                out += [link for link in self.into if link.target in self._nodes_of[part.name]]
                out += part.links.values()
        return (*out, *self.out)

    @cached_property
    def _nodes_of(self) -> dict[str, frozenset[str]]:
        return {m.name: frozenset(map(m.full, m.cell.nodes)) for m in self.members}

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """Those of the members."""
        return tuple(Use(m.full(use.target), m.full(use.parameter)) for m in self.members for use in m.cell.uses)

    @cached_property
    def trained(self) -> tuple[str, ...]:
        """Those of the members."""
        return tuple(m.full(name) for m in self.members for name in m.cell.trained)

    @cached_property
    def plain_nodes(self) -> tuple[str, ...]:
        """The nodes as users name them: without those that masks add."""
        wires = [part.node for part in self.parts if isinstance(part, Wire)]
        return (*(m.full(k) for m in self.members for k in getattr(m.cell, "cell", m.cell).nodes), *wires)

    def left(self, node: str) -> str:
        """Return the name of what a node leaves to the next step: its own, but for a node with a mask."""
        return self._renamed(node, "left")

    def new(self, node: str) -> str:
        """Return the name of what a node was computed to be: its own, but for a node with a mask."""
        return self._renamed(node, "new")

    def _renamed(self, node: str, how: str) -> str:
        owner, _, own = node.partition(".")
        cell = next((m.cell for m in self.members if m.name == owner and own in m.cell.nodes), None)
        rename = getattr(cell, how, None)
        return node if rename is None else f"{owner}.{rename(own)}"

    def masked(self, names: Collection[str], output: str) -> Circuit:
        """Return the circuit with masks on its populations (`cells.masked`), and another node as its output.

        What a population gives to others, later layers and the loss passes its mask; what it gives itself does not.
        """
        cells: dict[str, Any] = {m.name: masked(m.cell, m.name, names) for m in self.members}
        if all(cells[m.name] is m.cell for m in self.members) and output == "z":
            return self

        def end(node: str, lag: int, reader: str) -> str:
            owner, _, own = node.partition(".")
            cell = cells.get(owner)
            if not isinstance(cell, Masked) or own not in cell.cell.nodes or (own == "z" and owner != reader):
                return node
            return f"{owner}.{cell.left(own) if lag else cell.new(own)}"

        def moved(link: Link) -> Link:
            reader = link.target.partition(".")[0]
            return replace(link, source=end(link.source, link.lag, reader), target=end(link.target, 0, reader))

        parts = tuple(
            replace(part, cell=cells[part.name])
            if isinstance(part, Member)
            else replace(part, links=tuple(map(moved, part.links)))
            for part in self.parts
        )
        out = tuple(replace(link, source=end(link.source, 1, "")) for link in self.out)
        if output != "z":
            owner = out[0].source.partition(".")[0]
            if owner in names:
                raise GradcertError(
                    f"a mask of {owner!r}, whose {output!r} is the output", allowed="a mask of one of its nodes"
                )
            if output == "v" and getattr(self.output.cell, "reported", None):
                raise GradcertError(
                    f"the membrane potential of {owner!r} after its reset as the output, from a population in a loop"
                    " with others, or with several connections",
                    allowed="stored='pre'",
                    do="a cell of your own, one of whose nodes is v after the reset",
                )
            out = (replace(out[0], source=end(f"{owner}.{output}", 1, owner)),)
        return Circuit(parts, tuple(map(moved, self.into)), out)

    def constants(self) -> Mapping[str, Any]:
        """Return those of the members."""
        return {m.full(name): value for m in self.members for name, value in m.cell.constants().items()}

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step, part by part."""
        now: dict[str, Array] = {}
        for part in self.parts:
            if isinstance(part, Member):
                now |= self._step_of(part, n, p, drive, prev, now)
            elif part.larger:
                first, second = (now[link.source] for link in part.links)
                now[part.node] = n.where(first, ">=", second, first, second)
            elif part.links[0].weight is None:
                now[part.node] = prev[part.links[0].source]
            else:
                read = {k.source: (prev if k.lag else now)[k.source] for k in part.links if k.source != "x"}
                now[part.node] = drive(part.node, **read)
        if self.out[0].weight is None:
            return {**now, "z": now[self.out[0].source]}
        return {**now, "z": drive("z", **{link.source: now[link.source] for link in self.out})}

    def _step_of(
        self, m: Member, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes, now: Nodes
    ) -> dict[str, Array]:
        """Compute one member's step."""

        def wired(node: str, **sources: Array) -> Array:
            given = {m.full(source): value for source, value in sources.items()}
            for link in self._reads.get(m.full(node), ()):
                given[link.source] = (prev if link.lag else now)[link.source]
            return drive(m.full(node), **given)

        before = {node: prev[m.full(node)] for node in m.cell.nodes}
        return {m.full(node): v for node, v in m.cell.step(n, self._own(m, p), wired, before).items()}

    @cached_property
    def _reads(self) -> dict[str, list[Link]]:
        """The links of connections by their target, but those from the layer's input, which is known beforehand."""
        out: dict[str, list[Link]] = {}
        for link in self.into:
            if link.source != "x":
                out.setdefault(link.target, []).append(link)
        return out

    def _own(self, m: Member, p: Mapping[str, Array]) -> dict[str, Array]:
        return {name: p[m.full(name)] for name in (*m.cell.constants(), *m.cell.trained)}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives: the members', of the larger of two, and 1 along registers and to the output."""
        out: dict[Link | Use, Any] = {}
        for m in self.members:
            before, after = ({node: values[m.full(node)] for node in m.cell.nodes} for values in (prev, now))
            for key, factor in m.cell.factors(n, self._own(m, p), before, after).items():
                if isinstance(key, Link):
                    out[m.links[key]] = factor
                else:
                    out[Use(m.full(key.target), m.full(key.parameter))] = factor
        wires = [part for part in self.parts if isinstance(part, Wire)]
        links = [link for part in wires for link in part.links]
        out |= {link: 1 for link in (*links, *self.out) if link.weight is None}
        for part in wires:
            if part.larger:
                first, second = (now[link.source] for link in part.links)
                out[part.links[0]] = n.where(first, ">=", second, 1, 0)
                out[part.links[1]] = n.where(first, ">=", second, 0, 1)
        return out
