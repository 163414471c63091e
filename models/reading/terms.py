"""Expressions as a graph in which equal ones are one: what the operations of a step come to. Knows no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

LARGER = "max"  # of two, the first where they are equal: a function of two
ELEMENTWISE = ("add", "sub", "mul", "div", "neg", "pow", "fn", "spike", "cut")


@dataclass(frozen=True, eq=False)
class Term:
    """One value.

    Attributes
    ----------
    op : ``x``; ``number``; ``static`` (made of parameters and constants); ``prev`` (a state, as the step before left
        it); ``linear`` (a weight and what it multiplies), ``pool``; ``add``, ``sub``, ``mul``, ``div``, ``neg``,
        ``pow``, ``fn``; ``spike``; ``cut``; ``random``; ``cat``, ``stack``; ``drive``; ``mix``, which is anything else.
    args : what it is made of.
    data : number, node, slot, exponent, name or kind, by the op.
    shape : of the value, with the batch.
    where : file and line.
    """

    op: str
    args: tuple[Term, ...] = ()
    data: Any = None
    shape: tuple[int, ...] = ()
    where: str = field(default="", repr=False)

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)


class Terms:
    """Makes terms, each once.

    Examples
    --------
    >>> terms = Terms()
    >>> v = terms.make("prev", data=0, shape=(2, 3))
    >>> terms.mul(v, terms.number(0.9)) is terms.mul(v, terms.number(0.9))
    True
    """

    def __init__(self) -> None:
        self._known: dict[Any, Term] = {}

    def make(
        self, op: str, args: tuple[Term, ...] = (), data: Any = None, shape: tuple[int, ...] = (), where: str = ""
    ) -> Term:
        """Return the term, an earlier one if there is an equal one."""
        key = (op, tuple(map(id, args)), data, shape, where * (op == "cut"))  # a cut is said with its own line
        return self._known.setdefault(key, Term(op, args, data, shape, where))

    def number(self, value: float) -> Term:
        """Return a number."""
        return self.make("number", data=float(value))

    def binary(self, op: str, a: Term, b: Term, shape: tuple[int, ...], where: str = "") -> Term:
        """Return a sum, difference, product or quotient; ones and zeros that say nothing are left out."""
        if a.op == b.op == "number":
            x, y = a.data, b.data
            return self.number({"add": x + y, "sub": x - y, "mul": x * y, "div": x / y if y else float("nan")}[op])
        if op in ("mul", "div") and b.op == "number" and b.data == 1:
            return a
        if op == "mul" and a.op == "number" and a.data == 1:
            return b
        if op == "mul" and any(t.op == "number" and t.data == 0 for t in (a, b)):
            return self.number(0.0)
        if op in ("add", "sub") and b.op == "number" and b.data == 0:
            return a
        if op == "add" and a.op == "number" and a.data == 0:
            return b
        return self.make(op, (a, b), None, shape, where)

    def mul(self, a: Term, b: Term, where: str = "") -> Term:
        """Return a product of the shape of the larger factor."""
        return self.binary("mul", a, b, max(a.shape, b.shape, key=lambda s: (prod(s), len(s))), where)

    def one_minus(self, a: Term, where: str = "") -> Term:
        """Return 1 - a."""
        return self.binary("sub", self.number(1.0), a, a.shape, where)


def dynamic(term: Term) -> bool:
    """Return whether a term depends on the input, a state or a draw."""
    if term.op in ("number", "static"):
        return False
    return term.op in ("x", "prev", "random") or any(dynamic(a) for a in term.args)


def uncut(term: Term) -> Term:
    """Return what lies below cuts."""
    while term.op == "cut":
        (term,) = term.args
    return term


def below(term: Term, seen: dict[int, Term] | None = None) -> dict[int, Term]:
    """Return a term and all that it is made of within the step, by id."""
    seen = {} if seen is None else seen
    if id(term) not in seen:
        seen[id(term)] = term
        for part in term.args:
            below(part, seen)
    return seen
