"""A cell's equations and local derivatives as formulas, and cells in which one formula is another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.equations.derivative import derivative
from gradcert.certify.diagnosis.equations.term import LEAVES, ONE, Given, Symbols, Term, evaluate, replaced, term
from gradcert.properties.numbers import settle
from gradcert.reference.networks import Drive, Edge, Link, Nodes, Use
from gradcert.reference.numbers import Array, Numbers


@dataclass(frozen=True)
class Formulas:
    """What a cell computes; cells that differ in their constants alone have the same.

    Attributes
    ----------
    step : node -> its formula in values of the step before and of nodes before it.
    factors : unweighted link or use -> local derivative, that of a function written in its value where there is a node
        for it.
    """

    step: tuple[tuple[str, Term], ...]
    factors: tuple[tuple[Link | Use, Term], ...]


def formulas(cell: Any) -> Formulas | None:
    """Return the formulas of a cell; None where its code does more than compute."""
    inner = getattr(cell, "_cell", cell)  # of one whose values are stored
    try:
        return _traced(inner)
    except (TypeError, ValueError, AttributeError, KeyError):
        return None


@cache
def _traced(cell: Any) -> Formulas:
    names = {*cell.constants(), *cell.trained}
    p: Any = {name: Term("p", name=name) for name in sorted(names)}
    prev: Any = {node: Term("prev", name=node) for node in cell.nodes}
    now: Any = {node: Term("now", name=node) for node in cell.nodes}
    symbols: Any = Symbols()

    def drive(node: str, **sources: Any) -> Any:
        return Term("drive", tuple(map(term, sources.values())), (node, tuple(sources)))

    computed = cell.step(symbols, p, drive, prev)
    known: dict[Term, Term] = {}
    step: dict[str, Term] = {}
    for node in cell.nodes:
        step[node] = replaced(computed[node], known)
        known[computed[node]] = now[node]
    values = {t: now[node] for node, t in step.items() if t.op not in LEAVES}
    factors = cell.factors(symbols, p, prev, now)
    return Formulas(tuple(step.items()), tuple((origin, replaced(term(f), values)) for origin, f in factors.items()))


class Rewritten:
    """A cell in which one node has another formula.

    Its local derivatives are those of the new formula, as a library would differentiate it.
    """

    def __init__(self, cell: Any, node: str, new: Term) -> None:
        known = formulas(cell)
        assert known is not None
        self._inner, self._node, self._new = cell, node, new
        self._step = {**dict(known.step), node: new}
        self._old = dict(known.step)[node]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # not ready yet: being copied
            raise AttributeError(name)
        return getattr(self._inner, name)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The links of the cell, and what the new formula reads besides."""
        return (*self._inner.links, *self._more())

    def _more(self) -> tuple[Link, ...]:
        known = {(k.source, k.lag) for k in self._inner.links if k.target == self._node and k.weight is None}
        out = []
        for leaf in sorted((x for x in self._new.leaves if x.op in ("prev", "now")), key=str):
            lag = int(leaf.op == "prev")
            if (leaf.name, lag) not in known and derivative(self._new, leaf) is not None:
                edge = {"edge": Edge.RESET if leaf.name == "z" else Edge.STATE} if lag else {}
                out.append(Link(self._node, leaf.name, lag=lag, **edge))
        return tuple(out)

    @property
    def differentiable(self) -> bool:
        """Whether what the weights add up enters the formula as it did, so that links can carry the derivative."""
        drives = [x for x in self._old.leaves if x.op == "drive"]
        return all(derivative(self._new, x) == ONE for x in drives)

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        now: dict[str, Array] = {}

        def driven(target: str, **sources: Any) -> Array:
            return drive(target, **{k: _shaped(v, shape, nothing) for k, v in sources.items()})

        nothing = 0 * prev["z"]
        shape, prev = np.shape(nothing), {node: prev.get(node, nothing) for node in self._step}
        for node, formula in self._step.items():
            value = evaluate(formula, Given(p, prev, now, driven), n)
            now[node] = _settled(_shaped(value, shape, nothing))
        return now

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        out = dict(self._inner.factors(n, p, prev, now))
        origins: list[Any] = [k for k in self.links if k.target == self._node and k.weight is None]
        driven = any(x.op == "drive" for x in self._old.leaves)
        # a parameter that the weighted sum brings along acts as it did
        origins += [u for u in self.uses if u.target == self._node and u in out and not (driven and out[u] is ONE_SAID)]
        for origin in origins:
            if isinstance(origin, Use):
                leaf = Term("p", name=origin.parameter)
                if leaf not in self._old.leaves:
                    continue
            else:
                leaf = Term("prev" if origin.lag else "now", name=origin.source)
            found = derivative(self._new, leaf)
            value = 0 * now["z"] if found is None else evaluate(found, Given(p, prev, now), n)
            out[origin] = _settled(value)
        return out


def _shaped(value: Any, shape: tuple[int, ...], nothing: Array) -> Any:
    return value if np.shape(value) == shape else value + nothing


def _settled(value: Any) -> Any:
    return settle(value) if isinstance(value, np.ndarray) and value.dtype == object else value


ONE_SAID = 1  # what cells return for the derivative of a sum by a bias
