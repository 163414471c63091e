"""Counting: what the forward engine stores and multiplies at one step, as polynomials in the sizes of a layer.

The counts are the code's own: the shapes of its traces, and a number system whose scalars count their products. A
polynomial of degree d in each size is fixed by d + 1 sizes; it is interpolated on a grid and checked on another.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.symbols import each
from gradcert.reference.engines import Learner
from gradcert.reference.networks import Layer, Network
from gradcert.reference.numbers import FLOAT64, Activation, Array
from gradcert.reference.rules import Rule

N, M = sympy.symbols("n m", positive=True)


class Tally:
    """How many products were formed."""

    products = 0


class Counted:
    """A real number that counts the products that it takes part in."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: float = float(getattr(value, "value", value))

    def __mul__(self, other: Any) -> Counted:
        if isinstance(other, np.ndarray):
            return NotImplemented
        Tally.products += 1
        return Counted(self.value * Counted(other).value)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Counted:
        if isinstance(other, np.ndarray):
            return NotImplemented
        Tally.products += 1
        return Counted(self.value / Counted(other).value)

    def __add__(self, other: Any) -> Counted:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Counted(self.value + Counted(other).value)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Counted:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Counted(self.value - Counted(other).value)

    def __rsub__(self, other: Any) -> Counted:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Counted(Counted(other).value - self.value)

    def __neg__(self) -> Counted:
        return Counted(-self.value)


@dataclass(frozen=True)
class Counting:
    """float64 in objects that count; what an activation costs is not counted."""

    name: str = "counting"
    pi: float = float(np.pi)

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return zeros."""
        return each(Counted, np.zeros(shape))

    def array(self, values: Any) -> Array:
        """Convert."""
        return each(Counted, values)

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return activation(x)."""
        return each(lambda v: Counted(activation.value(np.array([v.value]), FLOAT64)[0]), x)

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the (pseudo-)derivative."""
        return each(lambda v: Counted(activation.derivative(np.array([v.value]), FLOAT64)[0]), x)

    def exp(self, x: Array) -> Array:
        """Return e^x."""
        return each(lambda v: Counted(np.exp(v.value)), x)

    def tanh(self, x: Array) -> Array:
        """Return tanh x."""
        return each(lambda v: Counted(np.tanh(v.value)), x)

    def absolute(self, x: Array) -> Array:
        """Return |x|."""
        return each(lambda v: Counted(abs(v.value)), x)

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Return an elementwise choice."""
        plain = each(lambda v: v.value, a).astype(float)
        return each(Counted, FLOAT64.where(plain, relation, b, then, otherwise))


COUNTING = Counting()


@dataclass(frozen=True)
class Cost:
    """Numbers stored in traces, and products per step, of one layer."""

    memory: int
    products: int


def measure(cell: Any, rule: Rule, *, units: int, inputs: int, warm: int = 2) -> Cost:
    """Run the forward engine on one layer and count its third step.

    Examples
    --------
    >>> from gradcert.reference import RULES, Lif
    >>> measure(Lif(bias=False), RULES["ottt"], units=5, inputs=4).memory
    4
    """
    network = Network(layers=(Layer(cell, inputs=inputs, units=units),))
    parameters = network.parameters(seed=0, numbers=COUNTING)
    learner = Learner(network, parameters, rule=rule, steps=warm + 1, batch=1, numbers=COUNTING)
    x, y = COUNTING.array(np.ones((1, inputs))), COUNTING.array(np.ones((1, units)))
    for _ in range(warm):
        learner.step(x, y)
    Tally.products = 0
    learner.step(x, y)
    stored = sum(t.array.size for trace in learner.traces[0].values() for t in trace.values())
    return Cost(stored, Tally.products)


def polynomial(cell: Any, rule: Rule, what: str, *, degrees: tuple[int, int]) -> Any:
    """Return a count as a polynomial in n (units) and m (inputs), interpolated and checked beyond the grid.

    Raises
    ------
    ArithmeticError : if the counts are no polynomial of these degrees.
    """

    def count(n: int, m: int) -> int:
        return int(getattr(measure(cell, rule, units=n, inputs=m), what))

    ns, ms = range(2, degrees[0] + 3), range(1, degrees[1] + 2)
    unknowns = sympy.symbols(f"c0:{(degrees[0] + 1) * (degrees[1] + 1)}")
    monomials = [N**a * M**b for a, b in product(range(degrees[0] + 1), range(degrees[1] + 1))]
    guess = sum(c * m for c, m in zip(unknowns, monomials, strict=True))
    found = sympy.solve([guess.subs({N: n, M: m}) - count(n, m) for n in ns for m in ms], unknowns, dict=True)
    if not found:
        raise ArithmeticError(f"{what} of {rule.name} is no polynomial of degrees {degrees}")
    result = sympy.expand(guess.subs(found[0]))
    n, m = degrees[0] + 3, degrees[1] + 3
    if result.subs({N: n, M: m}) != count(n, m):
        raise ArithmeticError(f"{what} of {rule.name} leaves its polynomial at n = {n}, m = {m}")
    return result
