"""The forward code, run on symbols and written down definition by definition.

`Named` wraps a cell. The engine calls it as it calls the cell; it runs the cell's own ``step`` on traced scalars,
reads off how each node was computed from the nodes that it is linked to, and gives every node a name, so that no
expression grows with the length of the sequence. What a name stands for goes into the `Ledger`. A value of the step
before is replaced, in each node that uses it, by a copy with a name of its own (an *occurrence*): that is how an edge
can be cut afterwards without touching the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import sympy

from gradcert.derivations.algebra.scaling import rescaled, scale_of
from gradcert.derivations.algebra.symbols import each
from gradcert.derivations.algebra.traced import TRACED, Traced, check_same, traced
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Cell, Drive, Link, Nodes, Use
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
    """One use of a value of the step before: the value's name, and the link along which it is used."""

    source: Any
    link: Link


@dataclass
class Ledger:
    """All definitions, in an order in which each uses earlier ones only; and the code's local derivatives.

    Attributes
    ----------
    opaque : whether the engine gets each local derivative as one symbol. That the symbol is the derivative of the
        code's own step is proved separately (`derivative.differentiate`), so nothing is lost, and products of
        Jacobians stay as short as the number of their paths.
    factors : (name of the target, link or use) -> (what the engine was given, what the cell's code returned).
    clock, cells : layer -> steps taken so far, name of its cell.
    """

    opaque: bool = True
    definitions: dict[Any, Definition] = field(default_factory=dict)
    occurrences: dict[Any, Occurrence] = field(default_factory=dict)
    factors: dict[tuple[Any, Link | Use], tuple[Any, Any]] = field(default_factory=dict)
    clock: dict[int, int] = field(default_factory=dict)
    cells: dict[int, str] = field(default_factory=dict)

    def resolved(self, expression: Any) -> Any:
        """Replace occurrences by the values that they are copies of."""
        e = sympy.sympify(expression)
        return e.xreplace({s: self.occurrences[s].source for s in e.free_symbols if s in self.occurrences})


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

    def __getattr__(self, key: str) -> Any:
        # options of the cell, which rules with a trace of their own look at
        return getattr(object.__getattribute__(self, "cell"), key)

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
        """Run the cell's step; name its nodes and its drives."""
        t = self.ledger.clock.get(self.layer, 0)
        self.ledger.clock[self.layer], self.ledger.cells[self.layer] = t + 1, self.name
        return _StepRun(self, t, drive, prev).run(p)

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Run the cell's factors on the names; write them down, and hand them on as symbols."""
        return {key: self._factor(key, f, now[key.target]) for key, f in self.cell.factors(n, p, prev, now).items()}

    def _factor(self, key: Link | Use, factor: Any, targets: Array) -> Any:
        """Return a factor in the form in which the cell returned it: a scalar stays one, an array keeps its shape."""
        values = np.asarray(factor, dtype=object)
        given = np.empty(values.shape, dtype=object)
        # an array without time and batch axes is the same for all steps and samples, and so is its symbol
        whole = np.broadcast_to(values, targets.shape)
        for index in np.ndindex(values.shape):
            value = sympy.sympify(values[index])
            place = str(targets[index]) if values.shape == targets.shape else f"{self.layer},{index}"
            plain = not self.ledger.opaque or value.is_number or values.ndim == 0
            given[index] = value if plain else sympy.Symbol(f"<{_label(key)}|{place}>")
        spread = np.broadcast_to(given, targets.shape)
        for index, target in np.ndenumerate(targets):
            self.ledger.factors[target, key] = (sympy.sympify(spread[index]), sympy.sympify(whole[index]))
        return factor if values.ndim == 0 else given


def _label(key: Link | Use) -> str:
    """Return a name for a local derivative."""
    if isinstance(key, Use):
        return f"d{key.target}/d{key.parameter}"
    return f"d{key.target}/d{key.source}" + (f":{key.edge.value}" if key.lag else "")


class _StepRun:
    """One call of a cell's step."""

    def __init__(self, cell: Named, t: int, drive: Drive, prev: Nodes) -> None:
        self.cell, self.t, self.drive, self.prev = cell, t, drive, prev
        self.leaves = {node: each(lambda v: Traced.leaf(v), values) for node, values in prev.items()}
        self.came_from = {id(leaf): (k, i) for k, a in self.leaves.items() for i, leaf in np.ndenumerate(a)}
        self.given: list[tuple[str, str, Array]] = []
        self.drives: dict[str, list[tuple[Any, Any]]] = {}
        self.p: Mapping[str, Array] = {}

    def run(self, p: Mapping[str, Array]) -> dict[str, Array]:
        self.p = p
        wrapped = {name: each(traced, values) for name, values in p.items()}
        now = self.cell.cell.step(TRACED, wrapped, self._drive, self.leaves)
        if set(now) != set(self.cell.nodes):
            given = f"the step of {self.cell.name} returns {sorted(now)}"
            raise GradcertError(given, allowed=", ".join(self.cell.nodes))
        for target, source, values in self.given:
            check_same(values, now[source], f"what the step of {self.cell.name} gives as {source} to drive({target!r})")
        out: dict[str, Array] = {}
        for node in self.cell.nodes:
            for fed, entries in list(self.drives.items()):
                # a drive is written down as soon as the nodes that it multiplies are
                sources = {k.source for k in self.cell.links if k.target == fed and k.weight and not k.lag} - {"x"}
                if sources <= set(out):
                    for symbol, expression in entries:
                        self._write(symbol, expression, f"+{fed}")
                    del self.drives[fed]
            out[node] = self._node(node, now)
        return out

    def _symbol(self, node: str, index: tuple[int, ...]) -> Any:
        return sympy.Symbol(f"{node}{self.cell.layer}^{self.t}[{','.join(map(str, index))}]")

    def _write(self, symbol: Any, expression: Any, node: str) -> None:
        self.cell.ledger.definitions[symbol] = Definition(symbol, expression, self.cell.layer, self.t, node)

    def _drive(self, node: str, **sources: Array) -> Array:
        """Let the engine compute a drive from occurrences and from names; return names."""
        weighted = {k.source: k for k in self.cell.links if k.target == node and k.weight is not None}
        arguments = {}
        for source, values in sources.items():
            link = weighted.get(source)
            if link is not None and link.lag == 0:
                self.given.append((node, source, values))
                symbols = [self._symbol(source, i) for i in np.ndindex(values.shape)]
            else:
                check_same(values, self.leaves[source], f"what drive({node!r}) gets as the previous {source}")
                symbols = [self._occurrence(link, source, i, node) for i in np.ndindex(values.shape)]
            arguments[source] = np.array(symbols, dtype=object).reshape(values.shape)
        result = self.drive(node, **arguments)
        out = np.empty(result.shape, dtype=object)
        for index in np.ndindex(result.shape):
            symbol = self._symbol(f"+{node}", index)
            self.drives.setdefault(node, []).append((symbol, sympy.sympify(result[index])))
            out[index] = Traced.leaf(symbol)
        return out

    def _occurrence(self, link: Link | None, source: str, index: tuple[int, ...], target: str) -> Any:
        value = self.prev[source][index]
        weight = "w" if link is not None and link.weight is not None else ""
        copy = sympy.Symbol(f"{value}>{weight}{target}{self.cell.layer}^{self.t}")
        if link is not None:
            self.cell.ledger.occurrences[copy] = Occurrence(value, link)
        return copy

    def _node(self, node: str, now: Nodes) -> Array:
        """Write a node's definition in terms of the nodes that it is linked to; return its names."""
        same = [k.source for k in self.cell.links if k.target == node and k.lag == 0 and k.weight is None]
        earlier = {k.source: k for k in self.cell.links if k.target == node and k.lag == 1 and k.weight is None}
        out = np.empty(now[node].shape, dtype=object)
        for index in np.ndindex(out.shape):
            held = {id(now[source][index]): self._symbol(source, index) for source in same}

            def stop(value: Traced, held: Mapping[int, Any] = held) -> Any:
                if id(value) in held:
                    return held[id(value)]
                if id(value) in self.came_from:
                    source, place = self.came_from[id(value)]
                    if source not in earlier:
                        raise GradcertError(
                            f"the step of {self.cell.name} uses the previous {source} in {node}, which is no link",
                            allowed=", ".join(f"{k.source} -> {k.target}" for k in self.cell.links if k.lag),
                        )
                    return self._occurrence(earlier[source], source, place, node)
                return None

            value: Any = now[node][index]
            # a node that is another one, or what one was: a register, the output of a circuit
            whole = stop(value) if id(value) in self.came_from or id(value) in held else None
            expression = value.expression(stop) if whole is None else whole
            scale = self._scale(node, index, out.shape[-1])
            expression = expression if scale is None else rescaled(expression, scale)
            out[index] = self._symbol(node, index)
            self._write(out[index], sympy.sympify(expression), node)
        return out

    def _scale(self, node: str, index: tuple[int, ...], units: int) -> Any:
        return scale_of(self.cell.cell, self.p, node, index, units, lambda other: self._symbol(other, index))
