"""Intervals: what a number can be, for every input within bounds. The cells' own code runs on them.

An interval is closed, its ends are floats, and every operation moves its ends outward to the next float, so that the
true range lies inside. Activations: a smooth one is non-decreasing, so that its ends go to its ends (moved outward by
2^-48, more than the error of any library's tanh or exp); a spike is 0, 1 or either. Slopes are not evaluated: they lie
in [0, L], L being the largest slope, or in [-L, L] for the two pseudo-derivatives that change sign. Hence all that an
a-priori bound takes from an activation is its Lipschitz constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import FLOAT64, Activation, Array

SIGNED = ("signed_step", "multi_gaussian")


def down(x: float) -> float:
    """Return the next float below; 0 stays 0 where it is an exact end."""
    return math.nextafter(x, -math.inf)


def up(x: float) -> float:
    """Return the next float above."""
    return math.nextafter(x, math.inf)


@dataclass(frozen=True)
class Interval:
    """The closed interval [low, high].

    Examples
    --------
    >>> x = Interval(0.0, 1.0)
    >>> 2 * x - 1, (x - x).high >= 1
    (Interval(low=-1.0, high=1.0000000000000002), True)
    """

    low: float
    high: float

    def __add__(self, other: Any) -> Interval:
        if isinstance(other, np.ndarray):
            return NotImplemented  # the array adds element by element
        other = interval(other)
        return Interval(_sum(self.low, other.low, down), _sum(self.high, other.high, up))

    __radd__ = __add__

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Any) -> Interval:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self + (-interval(other))

    def __rsub__(self, other: Any) -> Interval:
        return interval(other) + (-self)

    def __mul__(self, other: Any) -> Interval:
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = interval(other)
        ends = [(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(_product(a, b, down) for a, b in ends), max(_product(a, b, up) for a, b in ends))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Interval:
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = interval(other)
        if other.low <= 0 <= other.high:
            raise GradcertError(f"a division by {other}", allowed="an interval without 0")
        return self * Interval(down(1 / other.high), up(1 / other.low))

    def __rtruediv__(self, other: Any) -> Interval:
        return interval(other) / self

    def __abs__(self) -> Interval:
        if self.low >= 0:
            return self
        return -self if self.high <= 0 else Interval(0.0, max(-self.low, self.high))

    @property
    def size(self) -> float:
        """Largest absolute value."""
        return max(abs(self.low), abs(self.high))

    def join(self, other: Interval) -> Interval:
        """Return the smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))


def join(a: Array, b: Array) -> Array:
    """Return the smallest intervals that hold both, element by element."""
    out = np.empty(a.shape, dtype=object)
    for index in np.ndindex(a.shape):
        out[index] = interval(a[index]).join(interval(b[index]))
    return out


def _sum(a: float, b: float, outward: Any) -> float:
    return a + b if a == 0 or b == 0 else outward(a + b)  # adding 0 is exact


def _product(a: float, b: float, outward: Any) -> float:
    if a == 0 or b == 0:
        return 0.0
    return a * b if abs(a) == 1 or abs(b) == 1 else outward(a * b)


def interval(value: Any) -> Interval:
    """Return a number as an interval of one point."""
    return value if isinstance(value, Interval) else Interval(float(value), float(value))


def _each(function: Any, x: Any) -> Any:
    x = np.asarray(x, dtype=object)
    out = np.empty(x.shape, dtype=object)
    for index in np.ndindex(x.shape):
        out[index] = function(interval(x[index]))
    return out


@dataclass(frozen=True)
class Intervals:
    """The number system of intervals; see the module docstring."""

    name: str = "intervals"

    @property
    def pi(self) -> Interval:
        """The circle constant."""
        return Interval(math.pi, up(math.pi))

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return intervals [0, 0]."""
        return self.array(np.zeros(shape))

    def array(self, values: Any) -> Array:
        """Convert numbers to intervals of one point."""
        return np.asarray(_each(lambda x: x, values))

    def _monotone(self, function: Any, x: Array) -> Array:
        def ends(i: Interval) -> Interval:
            low, high = (float(function(np.asarray(end))) for end in (i.low, i.high))
            slack = 2.0**-48
            return Interval(low - slack * abs(low) - 5e-324, high + slack * abs(high) + 5e-324)

        return np.asarray(_each(ends, x))

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return the range of the activation."""
        if activation.name == "identity":
            return x
        if activation.smooth:
            return self._monotone(lambda v: activation.value(v, FLOAT64), x)
        return np.asarray(_each(lambda i: Interval(float(i.low > 0), float(i.high >= 0)), x))

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the range of any slope of the activation, wherever it is taken."""
        if activation.name == "identity":
            return self.array(np.ones(np.shape(x)))
        if activation.lipschitz is None:
            raise GradcertError(f"the derivative of {activation.name} has no bound", allowed="a bounded derivative")
        # a minus sign in the name is that of a scale (or of an exponent: then the interval is wider than it need be)
        signed = not activation.smooth and ("-" in activation.name or any(s in activation.name for s in SIGNED))
        top = up(activation.lipschitz)
        return np.asarray(_each(lambda _: Interval(-top if signed else 0.0, top), x))

    def exp(self, x: Array) -> Array:
        """Return the range of e^x."""
        return self._monotone(np.exp, x)

    def tanh(self, x: Array) -> Array:
        """Return the range of tanh."""
        return self._monotone(np.tanh, x)

    def absolute(self, x: Array) -> Array:
        """Return the range of |x|."""
        return np.asarray(_each(abs, x))

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Return the range of both choices: which is taken is not asked."""
        shape = np.broadcast_shapes(*(np.shape(v) for v in (a, b, then, otherwise)))
        left, right = (np.broadcast_to(self.array(v), shape) for v in (then, otherwise))
        return join(left, right)


INTERVALS = Intervals()
