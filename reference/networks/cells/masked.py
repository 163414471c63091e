"""A cell whose values pass masks on their way: dropout, zoneout, and another node than z as the output.

The masks of a sequence are nodes of the cell that are given rather than computed, so that engines, residual and bounds
see ordinary nodes and links. ~ is a node's new value within its step, ^ what the next step finds::

    z = mask z~             dropout between layers: the layer gives z~ back to itself, and z to others
    c = m c~ + (1 - m) c'   zoneout (Krueger et al., arXiv 1606.01305): nodes of the same step still read c~
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from gradcert.reference.networks.cells.protocol import Cell, Drive, Nodes
from gradcert.reference.networks.edges import Edge, Link, Use
from gradcert.reference.numbers import Array, Numbers

DROPPED = "mask"


@dataclass(frozen=True)
class Masked:
    """A cell with masks.

    Parameters
    ----------
    cell : the neuron model.
    held : the nodes with zoneout.
    dropped : whether the output passes a mask.
    output : the node that leaves the layer. The membrane potential v leaves as the cell stores it: after the reset of
        its step where that is said (``stored="post"``, `Lif`).

    Examples
    --------
    >>> from gradcert.reference.networks import Rnn
    >>> Masked(Rnn(), held=("z",), dropped=True).nodes
    ('a', 'z~', 'mask.z', 'z^', 'mask', 'z')
    """

    cell: Cell
    held: tuple[str, ...] = ()
    dropped: bool = False
    output: str = "z"

    def __getattr__(self, name: str) -> Any:
        """Whatever else somebody asks a cell (its name, its threshold) is the inner cell's."""
        if name.startswith("__") or name == "cell":
            raise AttributeError(name)
        return getattr(self.cell, name)

    def new(self, node: str) -> str:
        """Return the name of a node's new value, which nodes of the same step read."""
        return f"{node}~" if node in self.held or node == "z" else node

    def left(self, node: str) -> str:
        """Return the name of what a node leaves to the next step."""
        return self.new(node) if node not in self.held else "z^" if node == "z" else node

    @property
    def nodes(self) -> tuple[str, ...]:
        """Those of the cell, each followed by its mask and by what is left; at the end what leaves the layer."""
        out: list[str] = []
        for node in self.cell.nodes:
            out += [self.new(node), *((f"{DROPPED}.{node}", self.left(node)) if node in self.held else ())]
        return (*out, *((DROPPED,) if self.dropped else ()), "z")

    @property
    def links(self) -> tuple[Link, ...]:
        """Those of the cell, and those through the masks."""
        held = [link for node in self.held for link in self._holding(node)]
        return (*(self._link(link) for link in self.cell.links), *held, *self._out)

    def _link(self, link: Link) -> Link:
        source = link.source if link.source == "x" else self.left(link.source) if link.lag else self.new(link.source)
        return Link(self.new(link.target), source, link.lag, link.edge, link.weight)

    def _holding(self, node: str) -> tuple[Link, Link]:
        left = self.left(node)
        return Link(left, self.new(node)), Link(left, left, lag=1, edge=Edge.STATE)

    @property
    def _stored(self) -> tuple[Link | Use, ...]:
        """What the output depends on, where it is a stored membrane potential that is not v."""
        return getattr(self.cell, "reported", ()) if self.output == "v" else ()

    @property
    def _out(self) -> tuple[Link, ...]:
        stored = tuple(self._moved(key) for key in self._stored)
        return tuple(k for k in stored if isinstance(k, Link)) or (Link("z", self.left(self.output)),)

    def _moved(self, key: Link | Use) -> Link | Use:
        """Return what a stored membrane potential depends on as what the output does: v as it is left, z as it is."""
        if isinstance(key, Use):
            return Use("z", key.parameter)
        return Link("z", self.left(key.source) if key.source == "v" else self.new(key.source))

    @property
    def uses(self) -> tuple[Use, ...]:
        """Those of the cell, and of its output."""
        own = tuple(Use(self.new(use.target), use.parameter) for use in self.cell.uses)
        return (*own, *(k for k in map(self._moved, self._stored) if isinstance(k, Use)))

    @property
    def trained(self) -> tuple[str, ...]:
        """Those of the cell."""
        return self.cell.trained

    def constants(self) -> Mapping[str, Any]:
        """Return those of the cell."""
        return self.cell.constants()

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step of the cell, and pass its nodes through the masks."""

        def renamed(node: str, **sources: Array) -> Array:
            # a weighted link within a step reads the new value, one from the step before what was left
            given = {**{self.left(k): v for k, v in sources.items()}, **{self.new(k): v for k, v in sources.items()}}
            return drive(self.new(node), **given)

        now = self.cell.step(n, p, renamed, {k: prev[self.left(k)] for k in self.cell.nodes})
        out = {self.new(node): value for node, value in now.items()}
        for node in self.held:
            mask = out[f"{DROPPED}.{node}"] = drive(f"{DROPPED}.{node}")
            out[self.left(node)] = mask * now[node] + (1 - mask) * prev[self.left(node)]
        leaving = out[self.left(self.output)]
        if self._stored:
            leaving = self.cell.stored_state(p, self._reported(out))  # type: ignore[attr-defined]
        if self.dropped:
            out[DROPPED] = drive(DROPPED)
        return {**out, "z": out[DROPPED] * leaving if self.dropped else leaving}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        before = {node: prev[self.left(node)] for node in self.cell.nodes}
        after = {node: now[self.new(node)] for node in self.cell.nodes}
        out: dict[Link | Use, Any] = {}
        for key, factor in self.cell.factors(n, p, before, after).items():
            out[self._link(key) if isinstance(key, Link) else Use(self.new(key.target), key.parameter)] = factor
        for node in self.held:
            new, old = self._holding(node)
            out[new], out[old] = now[f"{DROPPED}.{node}"], 1 - now[f"{DROPPED}.{node}"]
        gate: Any = now[DROPPED] if self.dropped else 1
        if not self._stored:
            out[self._out[0]] = gate
            return out
        own = self.cell.reported_factors(p, self._reported(now))  # type: ignore[attr-defined]
        return out | {self._moved(key): gate * factor for key, factor in own.items()}

    def _reported(self, now: Nodes) -> Nodes:
        return {"v": now[self.left("v")], "z": now[self.new("z")]}


def masked_nodes(own: str, cell: Cell) -> Iterator[str]:
    """Yield the names that a mask of a layer or population may have: its own, and those of its nodes."""
    yield own
    yield from (f"{own}.{node}" for node in cell.nodes)


def masked(cell: Cell, own: int | str, names: Collection[str], *, output: str = "z") -> Cell:
    """Return the cell of a layer with the masks of these names, and with another node as its output.

    `own` is the layer's number, or its name. A cell that has its masks already is what it is.

    Examples
    --------
    >>> from gradcert.reference.networks import Lif
    >>> masked(Lif(), 0, ["layers.1"]) == Lif(), masked(Lif(), 1, ["layers.1"]).dropped
    (True, True)
    """
    if hasattr(cell, "left") and hasattr(cell, "new"):
        return cell
    own = f"layers.{own}" if isinstance(own, int) else own
    dropped = own in names
    held = tuple(node for node in cell.nodes if f"{own}.{node}" in names)
    return cast(Cell, Masked(cell, held, dropped, output)) if dropped or held or output != "z" else cell


def masks_of(own: int | str, masks: Mapping[str, Array] | None) -> dict[str, Array]:
    """Return the masks of a layer, by its number or name, by the names of the nodes that they are."""
    own, out = f"layers.{own}" if isinstance(own, int) else own, {}
    for name, mask in (masks or {}).items():
        if name == own:
            out[DROPPED] = np.asarray(mask)
        elif name.rpartition(".")[0] == own:
            out[f"{DROPPED}.{name.rpartition('.')[2]}"] = np.asarray(mask)
    return out
