"""The forward code, run on symbols and written down definition by definition.

`Named` wraps a cell. The engine calls it as it calls the cell; it calls the cell's own ``step`` and ``factors`` and
gives every result a name, so that no expression grows with the length of the sequence. What a name stands for goes
into the `Ledger`. Each time the code reads a value of the step before, it is handed a copy with a name of its own (an
*occurrence*): that is how an edge can be cut afterwards without touching the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import sympy

from gradcert.derivations.symbols import each
from gradcert.reference.cells.protocol import Cell, Drive, Nodes
from gradcert.reference.edges import Link, Use
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array, Numbers


@dataclass(frozen=True)
class Definition:
    """What a name stands for.

    Attributes
    ----------
    symbol, expression : the name, and what the code computed for it, in terms of occurrences and earlier names.
    layer, step : where; `node` names the node, with a ``+`` in front where it is the weighted drive into that node.
    """

    symbol: Any
    expression: Any
    layer: int
    step: int
    node: str


@dataclass(frozen=True)
class Occurrence:
    """One reading of a value of the step before: the value's name and the link along which it was read."""

    source: Any
    link: Link


@dataclass
class Ledger:
    """All definitions, in the order in which the code made them."""

    definitions: dict[Any, Definition] = field(default_factory=dict)
    occurrences: dict[Any, Occurrence] = field(default_factory=dict)
    clock: dict[int, int] = field(default_factory=dict)

    def value(self, symbol: Any) -> Any:
        """Return the definition of a name with every occurrence replaced by what was read; other symbols stay."""
        if symbol not in self.definitions:
            return symbol
        return self.resolved(self.definitions[symbol].expression)

    def resolved(self, expression: Any) -> Any:
        """Replace occurrences by the values that they are copies of."""
        e = sympy.sympify(expression)
        return e.xreplace({s: self.occurrences[s].source for s in e.free_symbols if s in self.occurrences})


class _Reads(Mapping[str, Array]):
    """Previous values, a fresh occurrence at every reading."""

    def __init__(self, prev: Nodes, place: str) -> None:
        self.prev, self.place = prev, place
        self.made: dict[Any, tuple[str, Any]] = {}  # occurrence -> (node, source)
        self.count = 0

    def __getitem__(self, node: str) -> Array:
        self.count += 1
        return each(lambda source: self._copy(node, source), self.prev[node])

    def _copy(self, node: str, source: Any) -> Any:
        if not getattr(source, "is_Symbol", False):
            return source
        copy = sympy.Symbol(f"{source}@{self.place}#{self.count}")
        self.made[copy] = (node, source)
        return copy

    def __iter__(self) -> Iterator[str]:
        return iter(self.prev)

    def __len__(self) -> int:
        return len(self.prev)


@dataclass(frozen=True)
class Named:
    """A cell that writes a ledger; see the module."""

    name: ClassVar[str] = "named"
    cell: Cell
    layer: int
    ledger: Ledger = field(compare=False)

    def __getattribute__(self, key: str) -> Any:
        # rules ask for the cell's name (a leaky readout keeps its state): it is the wrapped cell's
        if key == "name":
            return object.__getattribute__(self, "cell").name
        return object.__getattribute__(self, key)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The cell's."""
        return self.cell.nodes

    @property
    def links(self) -> tuple[Link, ...]:
        """The cell's."""
        return self.cell.links

    @property
    def uses(self) -> tuple[Use, ...]:
        """The cell's."""
        return self.cell.uses

    @property
    def trained(self) -> tuple[str, ...]:
        """The cell's."""
        return self.cell.trained

    def constants(self) -> Mapping[str, Any]:
        """Return the cell's."""
        return self.cell.constants()

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Run the cell's step on occurrences; name its nodes and its drives."""
        t = self.ledger.clock.get(self.layer, 0)
        self.ledger.clock[self.layer] = t + 1
        reads = _Reads(prev, f"{self.layer}.{t}")
        weighted: dict[Any, str] = {}

        def named_drive(node: str, **sources: Array) -> Array:
            for values in sources.values():
                weighted.update({s: node for s in values.reshape(-1) if s in reads.made})
            return self._name(f"+{node}", t, drive(node, **sources))

        now = self.cell.step(n, p, named_drive, reads)
        if set(now) != set(self.cell.nodes):
            raise GradcertError(f"the step of {self.name} returns {sorted(now)}", allowed=", ".join(self.cell.nodes))
        out = {node: self._name(node, t, now[node]) for node in self.cell.nodes}
        for copy, (node, source) in reads.made.items():
            self.ledger.occurrences[copy] = Occurrence(source, self._link(copy, node, now, weighted))
        return out

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Run the cell's factors; the nodes of the step itself are given as what they stand for."""
        return self.cell.factors(n, p, prev, {k: each(self.ledger.value, v) for k, v in now.items()})

    def _name(self, node: str, t: int, values: Array) -> Array:
        out = np.empty(values.shape, dtype=object)
        for index in np.ndindex(values.shape):
            place = ",".join(map(str, (*index[:-1], index[-1])))
            symbol = sympy.Symbol(f"{node}{self.layer}^{t}[{place}]")
            self.ledger.definitions[symbol] = Definition(symbol, sympy.sympify(values[index]), self.layer, t, node)
            out[index] = symbol
        return out

    def _link(self, copy: Any, source: str, now: Nodes, weighted: Mapping[Any, str]) -> Link:
        """Return the declared link along which an occurrence was read."""
        if copy in weighted:
            target, has_weight = weighted[copy], True
        else:
            inside = [k for k in self.cell.nodes if any(copy in sympy.sympify(e).free_symbols for e in now[k].flat)]
            if not inside:  # read and not used
                return Link(source, source, lag=1)
            target, has_weight = inside[0], False
        for link in self.cell.links:
            if (link.target, link.source, link.lag, link.weight is not None) == (target, source, 1, has_weight):
                return link
        raise GradcertError(
            f"the step of {self.cell.name} reads the previous {source} into {target}, and no such link is declared",
            allowed=", ".join(f"{k.source} -> {k.target}" for k in self.cell.links if k.lag),
        )
