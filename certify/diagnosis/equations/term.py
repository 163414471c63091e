"""A formula as a tree, recorded by running a cell's own code on symbols: what a mistake is an edit of.

Cells compute with operators and with `Numbers`; both are given symbols here. Nothing is simplified but a factor of one
and a term of zero, so that the tree is what the cell says.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradcert.reference.networks import Nodes
from gradcert.reference.numbers import SIGMOID, Activation, Array, Numbers, called

LEAVES = ("number", "pi", "p", "prev", "now", "drive")
PRODUCTS = (("/",), ("neg", "/"))  # what stands in brackets at the left and at the right of a product
BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "neg": 2, "**": 3}


@dataclass(frozen=True)
class Term:
    """A node of a formula.

    Attributes
    ----------
    op : an operator, ``neg``, ``apply``, ``slope``, ``exp``, ``tanh``, ``sqrt``, ``absolute``, ``where``, or a leaf: a
        ``number``, a value of the layer's parameters ``p``, of a node in the step before (``prev``) or in this one
        (``now``), or the weighted sum (``drive``) of a node, whose arguments are what the weights multiply.
    args : what it is made of.
    name : of a leaf, an activation or a relation.
    """

    op: str
    args: tuple[Term, ...] = ()
    name: Any = None

    __array_ufunc__ = None  # NumPy's numbers leave the operators to us

    def __add__(self, other: Any) -> Term:
        return _sum("+", self, term(other))

    def __radd__(self, other: Any) -> Term:
        return _sum("+", term(other), self)

    def __sub__(self, other: Any) -> Term:
        return _sum("-", self, term(other))

    def __rsub__(self, other: Any) -> Term:
        return _sum("-", term(other), self)

    def __mul__(self, other: Any) -> Term:
        return _product(self, term(other))

    def __rmul__(self, other: Any) -> Term:
        return _product(term(other), self)

    def __truediv__(self, other: Any) -> Term:
        return Term("/", (self, term(other)))

    def __rtruediv__(self, other: Any) -> Term:
        return Term("/", (term(other), self))

    def __pow__(self, other: Any) -> Term:
        return Term("**", (self, term(other)))

    def __neg__(self) -> Term:
        return Term("number", name=-self.name) if self.op == "number" else Term("neg", (self,))

    @cached_property
    def leaves(self) -> frozenset[Term]:
        """All leaves, what a weighted sum is made of included."""
        own = frozenset({self}) if self.op in LEAVES else frozenset[Term]()
        return own.union(*(a.leaves for a in self.args))

    def __str__(self) -> str:
        return written(self)


ONE, ZERO, MINUS_ONE = Term("number", name=1), Term("number", name=0), Term("number", name=-1)


def term(value: Any) -> Term:
    """Return a term, or a number as one."""
    return value if isinstance(value, Term) else Term("number", name=value)


def _sum(op: str, a: Term, b: Term) -> Term:
    return a if b == ZERO else b if op == "+" and a == ZERO else Term(op, (a, b))


def _product(a: Term, b: Term) -> Term:
    if MINUS_ONE in (a, b):
        return Term("neg", (b if a == MINUS_ONE else a,))
    return a if b == ONE else b if a == ONE else Term("*", (a, b))


class Symbols:
    """The protocol of `Numbers`, on terms."""

    name = "terms"
    pi = Term("pi")

    def apply(self, activation: Activation, x: Any) -> Term:
        """Return activation(x)."""
        return term(x) if activation.name == "identity" else Term("apply", (term(x),), activation)

    def slope(self, activation: Activation, x: Any) -> Term:
        """Return the derivative, of a smooth function in terms of its value."""
        if activation.name == "identity":
            return ONE
        if activation.name == "tanh":
            y = self.apply(activation, x)
            return 1 - y * y
        if activation.name == "sigmoid":
            y = self.apply(activation, x)
            return y * (1 - y)
        return Term("slope", (term(x),), activation)

    def exp(self, x: Any) -> Term:
        """Return e^x."""
        return Term("exp", (term(x),))

    def tanh(self, x: Any) -> Term:
        """Return tanh x."""
        return Term("tanh", (term(x),))

    def __getattr__(self, name: str) -> Any:
        """Functions that not every number system has."""
        if name not in ("sqrt", "cos", "sin", "floor"):
            raise AttributeError(name)
        return lambda x: Term(name, (term(x),))

    def absolute(self, x: Any) -> Term:
        """Return |x|."""
        return Term("absolute", (term(x),))

    def where(self, a: Any, relation: str, b: Any, then: Any, otherwise: Any) -> Term:
        """Return a choice."""
        return Term("where", (term(a), term(b), term(then), term(otherwise)), relation)


@dataclass(frozen=True)
class Given:
    """What the leaves of a formula stand for."""

    p: Mapping[str, Array]
    prev: Nodes
    now: Nodes
    drive: Callable[..., Array] | None = None


def evaluate(t: Term, given: Given, n: Numbers) -> Any:
    """Return the value of a formula; a number where it holds for all units and steps."""
    value = _evaluate(t, given, n)
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _evaluate(t: Term, given: Given, n: Numbers) -> Any:
    a = [_evaluate(x, given, n) for x in t.args]
    match t.op:
        case "number":
            return t.name
        case "pi":
            return n.pi
        case "p" | "prev" | "now":
            return getattr(given, t.op)[t.name]
        case "drive":
            assert given.drive is not None
            node, sources = t.name
            return given.drive(node, **dict(zip(sources, a, strict=True)))
        case "+":
            return a[0] + a[1]
        case "-":
            return a[0] - a[1]
        case "*":
            return a[0] * a[1]
        case "/":
            return a[0] / a[1]
        case "**":
            return a[0] ** a[1]
        case "neg":
            return -1 * a[0]
        case "apply":
            return n.apply(t.name, _array(a[0], n))
        case "slope":
            return n.slope(t.name, _array(a[0], n))
        case "where":
            return n.where(_array(a[0], n), t.name, *a[1:])
        case "sqrt" | "cos" | "sin" | "floor":
            return called(n, t.op)(_array(a[0], n))
        case _:
            return getattr(n, t.op)(_array(a[0], n))


def _array(value: Any, n: Numbers) -> Any:
    return value if isinstance(value, np.ndarray) else n.array(value)


def replaced(t: Term, known: Mapping[Term, Term]) -> Term:
    """Return a formula in which some formulas are others, the largest first."""
    if t in known:
        return known[t]
    return Term(t.op, tuple(replaced(a, known) for a in t.args), t.name) if t.args else t


def tidied(t: Term) -> Term:
    """Return a formula in which a sigmoid that is written by a tanh is a sigmoid."""
    if t.op == "/" and t.args[1].name == 2 and t.args[0].op == "+" and t.args[0].args[1] == ONE:
        tanh = t.args[0].args[0]
        if tanh.op == "tanh" and tanh.args[0].op == "/" and tanh.args[0].args[1].name == 2:
            return Term("apply", (tidied(tanh.args[0].args[0]),), SIGMOID)
    return Term(t.op, tuple(map(tidied, t.args)), t.name) if t.args else t


RELATION = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
OPERATION = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def folded(t: Term) -> Term:
    """Return a formula without what is known: a factor of one, a term of zero, an operation on numbers.

    Examples
    --------
    >>> v = Term("prev", name="v")
    >>> str(folded(Term("*", (ONE, Term("-", (v, ZERO))))))
    "v'"
    """
    if not t.args:
        return t
    a = tuple(map(folded, t.args))
    values = [x.name if x.op == "number" else None for x in a]
    known = [isinstance(v, (int, float)) for v in values]
    number: Any = values
    if t.op in OPERATION and all(known):
        return Term("number", name=OPERATION[t.op](*values))
    match t.op:
        case "+" if ZERO in a:
            return a[1] if a[0] == ZERO else a[0]
        case "-" if a[1] == ZERO:
            return a[0]
        case "*" if ZERO in a:
            return ZERO
        case "*" if ONE in a:
            return a[1] if a[0] == ONE else a[0]
        case "neg" if known[0]:
            return Term("number", name=-number[0])
        case "/" if a[1] == ONE:
            return a[0]
        case "where" if known[0] and known[1]:
            return a[2] if RELATION[t.name](number[0], number[1]) else a[3]
    return Term(t.op, a, t.name)


def written(t: Term) -> str:
    """Return a formula as text; ' is the step before.

    Examples
    --------
    >>> v, leak, z = Term("prev", name="v"), Term("p", name="leak"), Term("prev", name="z")
    >>> written(leak * (v - z) + 1)
    "leak (v' - z') + 1"
    >>> written(1 + -z)
    "1 - z'"
    """

    def inside(x: Term, least: int) -> str:
        return f"({written(x)})" if BINDING.get(x.op, 9) < least else written(x)

    a = t.args
    match t.op:
        case "number":
            return f"{t.name:g}" if isinstance(t.name, (int, float)) else "c"
        case "prev":
            return f"{t.name}'"
        case "p" | "now":
            return str(t.name)
        case "drive":
            return f"drive_{t.name[0]}({', '.join(map(written, a))})" if a else f"drive_{t.name[0]}"
        case "+":
            if a[1].op == "neg":
                return f"{written(a[0])} - {inside(a[1].args[0], 2)}"
            return f"{written(a[0])} + {written(a[1])}"
        case "-":
            return f"{written(a[0])} - {inside(a[1], 2)}"
        case "*":
            first, second = (inside(x, 3 if x.op in binding else 2) for x, binding in zip(a, PRODUCTS, strict=True))
            return f"{first} {second}"
        case "/":
            return f"{inside(a[0], 2)} / {inside(a[1], 3)}"
        case "**":
            return f"{inside(a[0], 4)}^{inside(a[1], 4)}"
        case "neg":
            return f"-{inside(a[0], 2)}"
        case "apply":
            return f"{'step' if t.name.step else t.name.name}({written(a[0])})"
        case "slope":
            return f"{'psi' if t.name.step else t.name.name + '_slope'}({written(a[0])})"
        case "absolute":
            return f"|{written(a[0])}|"
        case "where":
            return f"({written(a[2])} where {written(a[0])} {t.name} {written(a[1])}, else {written(a[3])})"
        case _:
            return f"{t.op}({', '.join(map(written, a))})" if a else t.op


def shorter(t: Term) -> Term:
    """Return a formula with squares for products of one thing with itself: for people, not for the search.

    Examples
    --------
    >>> x = Term("now", name="x")
    >>> str(shorter(1 - x * x))
    '1 - x^2'
    """
    args = tuple(shorter(a) for a in t.args)
    if t.op == "*" and args[0] == args[1]:
        return Term("**", (args[0], Term("number", name=2)))
    return Term(t.op, args, t.name)
