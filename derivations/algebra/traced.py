"""Scalars that remember how they were computed: a cell's step runs on them and leaves the graph of its own arithmetic.

SymPy simplifies as it goes (sums are flattened, factors merged) and so forgets which variable a value came from. Here
every operation makes a new object, and an object that the code uses twice is one object: what the code computes
*from the node u* can be told from what it computes from the same numbers anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.symbols import SYMBOLS, each
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Activation, Array


class Traced:
    """A node of the code's arithmetic: `op` applied to `args`; a leaf holds a SymPy expression.

    Examples
    --------
    >>> x = Traced.leaf(sympy.Symbol("x"))
    >>> y = (1 - x) * x
    >>> y.expression(lambda node: None)
    x*(1 - x)
    """

    __slots__ = ("args", "op")

    def __init__(self, op: Any, *args: Any) -> None:
        self.op, self.args = op, args

    @staticmethod
    def leaf(value: Any) -> Traced:
        """Return a leaf."""
        return Traced("leaf", value)

    def expression(self, stop: Callable[[Traced], Any]) -> Any:
        """Return the SymPy expression; where ``stop(node)`` is not None it stands for the node."""
        known: dict[int, Any] = {}

        def visit(node: Traced, top: bool) -> Any:
            if id(node) not in known:
                held = None if top else stop(node)
                known[id(node)] = node._compute(visit) if held is None else held
            return known[id(node)]

        return visit(self, True)

    def _compute(self, visit: Callable[[Traced, bool], Any]) -> Any:
        if self.op == "leaf":
            return self.args[0]
        values = [visit(a, False) if isinstance(a, Traced) else a for a in self.args]
        return self.op(*values)

    def __add__(self, other: Any) -> Traced:
        if isinstance(other, np.ndarray):  # NumPy goes through the elements
            return NotImplemented
        return Traced(lambda a, b: a + b, self, traced(other))

    __radd__ = __add__

    def __mul__(self, other: Any) -> Traced:
        if isinstance(other, np.ndarray):  # NumPy goes through the elements
            return NotImplemented
        return Traced(lambda a, b: a * b, self, traced(other))

    __rmul__ = __mul__

    def __neg__(self) -> Traced:
        return Traced(lambda a: -a, self)

    def __sub__(self, other: Any) -> Traced:
        if isinstance(other, np.ndarray):  # NumPy goes through the elements
            return NotImplemented
        return Traced(lambda a, b: a - b, self, traced(other))

    def __rsub__(self, other: Any) -> Traced:
        if isinstance(other, np.ndarray):  # NumPy goes through the elements
            return NotImplemented
        return Traced(lambda a, b: b - a, self, traced(other))

    def __truediv__(self, other: Any) -> Traced:
        if isinstance(other, np.ndarray):  # NumPy goes through the elements
            return NotImplemented
        return Traced(lambda a, b: a / b, self, traced(other))

    def __rtruediv__(self, other: Any) -> Traced:
        if isinstance(other, np.ndarray):  # NumPy goes through the elements
            return NotImplemented
        return Traced(lambda a, b: b / a, self, traced(other))


def traced(value: Any) -> Traced:
    """Return a value as a traced scalar."""
    return value if isinstance(value, Traced) else Traced.leaf(sympy.sympify(value))


@dataclass(frozen=True)
class TracedNumbers:
    """The number system of a cell's step; everything elementary is SymPy's undefined functions."""

    name: str = "traced"

    @property
    def pi(self) -> Any:
        """The circle constant."""
        return Traced.leaf(sympy.pi)

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return zeros."""
        return each(traced, SYMBOLS.zeros(shape))

    def array(self, values: Any) -> Array:
        """Convert exactly."""
        return each(traced, SYMBOLS.array(values))

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return h(x); the identity is a computation too, so that its result is a node of its own."""
        return each(lambda v: Traced(lambda a: _scalar(SYMBOLS.apply(activation, _box(a))), v), x)

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return h'(x)."""
        return each(lambda v: Traced(lambda a: _scalar(SYMBOLS.slope(activation, _box(a))), v), x)

    def exp(self, x: Array) -> Array:
        """Return e^x."""
        return each(lambda v: Traced(sympy.exp, v), x)

    def tanh(self, x: Array) -> Array:
        """Return tanh x."""
        return each(lambda v: Traced(lambda a: _scalar(SYMBOLS.tanh(_box(a))), v), x)

    def absolute(self, x: Array) -> Array:
        """Refuse."""
        return SYMBOLS.absolute(x)

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Refuse."""
        return SYMBOLS.where(a, relation, b, then, otherwise)


def _box(value: Any) -> Array:
    out = np.empty((1,), dtype=object)
    out[0] = value
    return out


def _scalar(values: Array) -> Any:
    return values[0]


TRACED = TracedNumbers()


def check_same(given: Array, node: Array, what: str) -> None:
    """Raise unless the code handed over the very objects that it returned as a node."""
    if any(a is not b for a, b in zip(given.reshape(-1), node.reshape(-1), strict=True)):
        raise GradcertError(f"{what} is not the node itself", do="pass the node to drive() as it is returned by step()")
