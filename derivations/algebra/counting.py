"""Counting: what the forward engine stores and multiplies at one step, as polynomials in the sizes of a layer.

The counts are the code's own: the shapes of its traces, and a number system whose scalars count their products. A
polynomial of degree d in each size is fixed by d + 1 sizes; it is interpolated on a grid and checked on another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.symbols import each
from gradcert.reference.engines import Learner, reverse
from gradcert.reference.networks import Layer, Network
from gradcert.reference.numbers import FLOAT64, Activation, Array
from gradcert.reference.rules import Rule

N, M, K = sympy.symbols("n m K", positive=True)


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
    """Numbers stored in traces, and products per step, of a layer or of a stack of layers."""

    memory: int
    products: int


def measure(cell: Any, rule: Rule, *, units: int, inputs: int, depth: int = 1, warm: int = 2) -> Cost:
    """Run the forward engine on `depth` layers of the same cell and count its third step.

    Examples
    --------
    >>> from gradcert.reference import RULES, Lif
    >>> measure(Lif(bias=False), RULES["ottt"], units=5, inputs=4).memory
    4
    """
    network = Network(layers=tuple(Layer(cell, inputs=units if k else inputs, units=units) for k in range(depth)))
    parameters = network.parameters(seed=0, numbers=COUNTING)
    learner = Learner(network, parameters, rule=rule, steps=warm + 1, batch=1, numbers=COUNTING)
    x, y = COUNTING.array(np.ones((1, inputs))), COUNTING.array(np.ones((1, units)))
    for _ in range(warm):
        learner.step(x, y)
    Tally.products = 0
    learner.step(x, y)
    stored = sum(t.array.size for layer in learner.traces for trace in layer.values() for t in trace.values())
    return Cost(stored, Tally.products)


def backward(cell: Any, rule: Rule, *, units: int, inputs: int, steps: int = 3) -> int:
    """Return the products of the reverse engine that one step more of a sequence costs, in a layer.

    Examples
    --------
    >>> from gradcert.reference import RULES, Snu
    >>> backward(Snu(bias=False), RULES["bptt"], units=2, inputs=1)
    30
    """
    network = Network(layers=(Layer(cell, inputs=inputs, units=units),))
    parameters = network.parameters(seed=0, numbers=COUNTING)
    found = []
    for length in (steps, steps + 1):
        x, y = COUNTING.array(np.ones((length, 1, inputs))), COUNTING.array(np.ones((length, 1, units)))
        Tally.products = 0
        reverse.gradients(network, parameters, x, y, rule=rule, numbers=COUNTING)
        found.append(Tally.products)
    return found[1] - found[0]


def backwards(cell: Any, rule: Rule, *, degrees: tuple[int, int]) -> Any:
    """Return `backward` as a polynomial in n and m, as `polynomial` does."""

    def count(n: int, m: int) -> int:
        return backward(cell, rule, units=n, inputs=m)

    return _laid(count, (N, M), degrees, f"products of {rule.name}, backwards")


def polynomial(cell: Any, rule: Rule, what: str, *, degrees: tuple[int, int]) -> Any:
    """Return a count as a polynomial in n (units) and m (inputs), interpolated and checked beyond the grid.

    Raises
    ------
    ArithmeticError : if the counts are no polynomial of these degrees.
    """

    def count(n: int, m: int) -> int:
        return int(getattr(measure(cell, rule, units=n, inputs=m), what))

    return _laid(count, (N, M), degrees, f"{what} of {rule.name}")


def stacked(cell: Any, rule: Rule, what: str, *, degrees: tuple[int, int]) -> Any:
    """Return a count of K layers of n units with n inputs each as a polynomial in n and K, as `polynomial` does."""

    def count(n: int, k: int) -> int:
        return int(getattr(measure(cell, rule, units=n, inputs=n, depth=k), what))

    return _laid(count, (N, K), degrees, f"{what} of {rule.name}, in layers")


def _laid(
    count: Callable[[int, int], int],
    sizes: tuple[Any, Any],
    degrees: tuple[int, int],
    what: str,
) -> Any:
    """Lay a polynomial through counts on the smallest grid that fixes it, from (2, 1) on; check one size beyond."""
    grid = [range(begin, begin + degree + 1) for begin, degree in zip((2, 1), degrees, strict=True)]
    powers = list(product(range(degrees[0] + 1), range(degrees[1] + 1)))
    unknowns = sympy.symbols(f"c0:{len(powers)}")
    guess = sum(c * sizes[0] ** a * sizes[1] ** b for c, (a, b) in zip(unknowns, powers, strict=True))
    at = [dict(zip(sizes, point, strict=True)) for point in product(*grid)]
    found = sympy.solve([guess.subs(point) - count(*point.values()) for point in at], unknowns, dict=True)
    if not found:
        raise ArithmeticError(f"{what} is no polynomial of degrees {degrees}")
    result = sympy.expand(guess.subs(found[0]))
    beyond = {size: values[-1] + 1 for size, values in zip(sizes, grid, strict=True)}
    if result.subs(beyond) != count(*beyond.values()):
        raise ArithmeticError(f"{what} leaves its polynomial at {beyond}")
    return result
