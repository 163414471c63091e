"""Break one term of a local derivative of a cell, or of a map of a synapse, and see that a proof fails and names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import sympy

from gradcert.derivations.algebra.symbols import each
from gradcert.derivations.proving.proof import Problem, Result, problem, prove
from gradcert.reference.networks import Cell, Layer, Link, Network, Nodes, Synapse, Use
from gradcert.reference.numbers import Array, Numbers
from gradcert.reference.rules import rule_named


@dataclass(frozen=True)
class Broken:
    """A cell with the first term of one local derivative left out (a derivative of one term becomes 0)."""

    name: ClassVar[str] = "broken"
    cell: Cell
    key: Link | Use

    def __getattribute__(self, key: str) -> Any:
        # all of the cell but what is broken
        if key in ("cell", "key", "factors") or key.startswith("__"):
            return object.__getattribute__(self, key)
        return getattr(object.__getattribute__(self, "cell"), key)

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the cell's local derivatives, one of them wrong."""
        out = self.cell.factors(n, p, prev, now)
        broken = each(_without_first_term, out[self.key])
        return {**out, self.key: broken if np.ndim(out[self.key]) else broken.item()}


def _without_first_term(value: Any) -> Any:
    terms = sympy.Add.make_args(sympy.expand(value))
    return sympy.Add(*sorted(terms, key=str)[1:])


@dataclass(frozen=True)
class Mutation:
    """One broken local derivative and the proof that met it."""

    cell: str
    rule: str
    key: Link | Use
    result: Result

    @property
    def named(self) -> bool:
        """Whether the proof fails and names the cell and the edge (or the explicit path) that was broken."""
        start = f"{self.cell}: {describe(self.key)}"
        return not self.result.proved and any(sentence.startswith(start) for sentence in self.result.failed)


def describe(key: Link | Use) -> str:
    """Return how a failed proof names a local derivative."""
    if isinstance(key, Use):
        return f"d{key.target}/d{key.parameter} (explicit)"
    return f"d{key.target}/d{key.source} ({f'edge {key.edge.value.upper()}' if key.lag else 'within the step'})"


def keys(cell: Cell) -> list[Link | Use]:
    """Return the local derivatives of a cell that a proof can be about: all links, and the uses of what is trained."""
    return [*(k for k in cell.links if k.weight is None), *(u for u in cell.uses if u.parameter in cell.trained)]


def tiny(cell: Cell) -> Problem:
    """Return one layer of two units over two steps."""
    return problem(Network(layers=(Layer(cell, inputs=1, units=2),)), steps=2)


def mutations(cell: Cell, rule: str = "ostl") -> Iterator[Mutation]:
    """Break every local derivative of a cell in turn.

    Examples
    --------
    >>> from gradcert.reference import Rnn
    >>> [(m.named, m.result.failed[0].split(":")[1]) for m in mutations(Rnn())]
    [(True, ' dz/da (within the step)'), (True, ' da/db (explicit)')]
    """
    for key in keys(cell):
        result = prove(tiny(Broken(cell, key)), rule_named(rule), "reverse")
        yield Mutation(cell.name, rule, key, result)


@dataclass(frozen=True)
class BrokenSynapse:
    """A synapse one of whose maps lacks the first term of the first entry that is not 0."""

    synapse: Synapse
    method: str

    def __getattribute__(self, key: str) -> Any:
        # all of the synapse but what is broken
        if key in ("synapse", "method") or key.startswith("__"):
            return object.__getattribute__(self, key)
        found = getattr(object.__getattribute__(self, "synapse"), key)
        if key != object.__getattribute__(self, "method"):
            return found
        return lambda *arguments: _without_one_entry(found(*arguments))


def _without_one_entry(values: Array) -> Array:
    out = np.array(values, dtype=object)
    for index, value in np.ndenumerate(out):
        if sympy.sympify(value) != 0:
            out[index] = _without_first_term(value)
            break
    return out
