"""Links between the equations, and the populations that they make: the layers of rules, found and not declared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gradcert.models.reading.choose import Chosen
from gradcert.models.reading.terms import Term, dynamic

X = -1  # the number of the input among the nodes


@dataclass(frozen=True)
class Path:
    """One way in which a value enters an equation.

    Attributes
    ----------
    target, source : nodes by number; `X` is the input. `lag` : 0 or 1.
    weight : the term of the weight on the way, a number where it is a pooling or a mean; or None.
    mixes : names of operations that mix units otherwise.
    cuts : where the user's code cuts it.
    gated : whether it is multiplied by something that moves.
    averaged : whether it is a mean over units, which each of them is given.
    """

    target: int
    source: int
    lag: int
    weight: Term | None = None
    mixes: tuple[str, ...] = ()
    cuts: tuple[str, ...] = ()
    gated: bool = False
    averaged: bool = False

    @property
    def elementwise(self) -> bool:
        """Whether it mixes no units."""
        return self.weight is None and not self.mixes

    @property
    def inside(self) -> bool:
        """Whether it mixes no units but by an average over those of a population (a normalisation)."""
        return not self.mixes and (self.weight is None or self.averaged)


def paths(chosen: Chosen) -> tuple[Path, ...]:
    """Return every path into every equation, equal ones once."""
    found: list[Path] = []
    for k, term in enumerate(chosen.order):
        found += _into(chosen.equations[id(term)], Path(k, X, 0))
    return tuple(dict.fromkeys(found))


def _into(term: Term, so_far: Path) -> Iterator[Path]:
    if term.op == "x":
        yield replace(so_far, source=X, lag=0)
    elif term.op == "node":
        yield replace(so_far, source=term.data[0], lag=term.data[1])
    elif term.op == "linear":
        averaged = term.args[0].op == "number" and term.data[0] == "mean"
        yield from _into(term.args[1], replace(so_far, weight=term.args[0], averaged=averaged))
    elif term.op == "cut":
        yield from _into(term.args[0], replace(so_far, cuts=(*so_far.cuts, term.where)))
    else:
        called = str(term.data[0]) if term.op == "mix" else term.op
        mixes = (*so_far.mixes, called) if term.op in ("mix", "cat", "stack") else so_far.mixes
        for part in term.args:
            others = [p for p in term.args if p is not part]
            gated = so_far.gated or (term.op in ("mul", "div") and any(_moves(p) for p in others))
            yield from _into(part, replace(so_far, mixes=mixes, gated=gated))


def _moves(term: Term) -> bool:
    return term.op == "node" or dynamic(term) or any(_moves(a) for a in term.args)


def populations(chosen: Chosen, links: tuple[Path, ...]) -> list[list[int]]:
    """Return the nodes of every population, in the order of computation.

    Nodes that reach each other, now or later, and without a weight between them are one; a spike goes with its
    potential; a weighted sum, and a function of one population alone, with the population that it belongs to.
    """
    count = len(chosen.order)
    after: list[set[int]] = [set() for _ in range(count)]
    for link in links:
        if link.source != X:
            after[link.source].add(link.target)
    reach = [_reach(k, after) for k in range(count)]
    parent = list(range(count))

    def root(k: int) -> int:
        while parent[k] != k:
            k = parent[k]
        return k

    def join(a: int, b: int) -> None:
        parent[root(a)] = root(b)

    def alone(k: int) -> bool:
        return sum(root(i) == root(k) for i in range(count)) == 1 and k not in reach[k]

    inner = [k for k in links if k.source != X]
    for link in inner:
        if link.elementwise and link.target in reach[link.source] and link.source in reach[link.target]:
            join(link.source, link.target)
    for k, term in enumerate(chosen.order):
        membrane = chosen.membranes.get(id(term))
        if membrane is not None and chosen.has(membrane):
            join(k, chosen.number(membrane))
    for k in reversed(range(count)):  # a weighted sum, or a function of one, that feeds one population
        fed = {root(link.target) for link in inner if link.source == k}
        plain = all(link.inside and not link.lag for link in inner if link.source == k)
        if alone(k) and len(fed) == 1 and plain:
            join(k, fed.pop())
    for k in reversed(range(count)):  # a state that feeds one population, one unit to one (a synaptic current)
        out = [link for link in inner if root(link.source) == root(k) != root(link.target)]
        spiking = any(chosen.order[link.source].op == "spike" for link in out)
        if out and not spiking and all(link.elementwise for link in out):
            if len({root(link.target) for link in out}) == 1:
                join(k, out[0].target)
    for k in range(count):  # a function of one population alone (what a mask leaves of its spikes)
        into = [link for link in links if link.target == k]
        origin = {root(link.source) if link.source != X else X for link in into}
        if alone(k) and len(origin) == 1 and X not in origin and all(p.elementwise and not p.lag for p in into):
            join(k, origin.pop())
    groups: dict[int, list[int]] = {}
    for k in range(count):
        groups.setdefault(root(k), []).append(k)
    return sorted(groups.values(), key=min)


def _reach(k: int, after: list[set[int]]) -> set[int]:
    out: set[int] = set()
    todo = list(after[k])
    while todo:
        i = todo.pop()
        if i not in out:
            out.add(i)
            todo += after[i]
    return out
