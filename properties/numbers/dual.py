"""Dual numbers a + b eps over any number system: a derivative by running a cell's own step, not its local Jacobians.

An activation acts as value + slope * b eps with the value and the slope of the base, so that a spike passes its
pseudo-derivative on; in a prime field both are random functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.numbers import Activation, Array, Numbers, called


class Dual:
    """One dual number; mixes with plain numbers of the base.

    Examples
    --------
    >>> x = Dual(3, 1)
    >>> y = x * x / 2 + 1 - x
    >>> y.a, y.b
    (2.5, 2.0)
    """

    __slots__ = ("a", "b")

    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b

    def __add__(self, other: Any) -> Dual:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Dual(self.a + other.a, self.b + other.b) if isinstance(other, Dual) else Dual(self.a + other, self.b)

    def __sub__(self, other: Any) -> Dual:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Dual(self.a - other.a, self.b - other.b) if isinstance(other, Dual) else Dual(self.a - other, self.b)

    def __rsub__(self, other: Any) -> Dual:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Dual(other - self.a, -self.b)

    def __mul__(self, other: Any) -> Dual:
        if isinstance(other, np.ndarray):
            return NotImplemented
        if isinstance(other, Dual):
            return Dual(self.a * other.a, self.a * other.b + self.b * other.a)
        return Dual(self.a * other, self.b * other)

    def __truediv__(self, other: Any) -> Dual:
        if isinstance(other, np.ndarray):
            return NotImplemented
        if isinstance(other, Dual):
            quotient = self.a / other.a
            return Dual(quotient, (self.b - quotient * other.b) / other.a)
        return Dual(self.a / other, self.b / other)

    def __rtruediv__(self, other: Any) -> Dual:
        if isinstance(other, np.ndarray):
            return NotImplemented
        quotient = other / self.a
        return Dual(quotient, -quotient * self.b / self.a)

    def __neg__(self) -> Dual:
        return Dual(-self.a, -self.b)

    __radd__ = __add__
    __rmul__ = __mul__


def make(a: Array, b: Array) -> Array:
    """Return an array of dual numbers from values and derivatives."""
    out = np.empty(a.shape, dtype=object)
    for index in np.ndindex(a.shape):
        out[index] = Dual(a[index], b[index])
    return out


def primal(x: Array) -> Array:
    """Return the values; plain numbers pass."""
    return _part(x, lambda e: e.a, lambda e: e)


def tangent(x: Array, zero: Any) -> Array:
    """Return the derivatives; that of a plain number is `zero`."""
    return _part(x, lambda e: e.b, lambda _: zero)


def _part(x: Array, dual: Callable[[Any], Any], plain: Callable[[Any], Any]) -> Array:
    x = np.asarray(x, dtype=object)
    out = np.empty(x.shape, dtype=object)
    for index in np.ndindex(x.shape):
        element = x[index]
        out[index] = dual(element) if isinstance(element, Dual) else plain(element)
    return out


@dataclass(frozen=True)
class Duals:
    """Object arrays of `Dual` and of plain numbers of the base."""

    base: Numbers

    @property
    def name(self) -> str:
        """Name shown in reports."""
        return f"dual {self.base.name}"

    @property
    def pi(self) -> Any:
        """The circle constant of the base."""
        return self.base.pi

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return plain zeros."""
        return self.base.zeros(shape).astype(object)

    def array(self, values: Any) -> Array:
        """Convert to plain numbers of the base; dual numbers pass."""
        x = np.asarray(values)
        if x.dtype == object and any(isinstance(e, Dual) for e in x.flat):
            return x
        return self.base.array(values).astype(object)

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return the value, and the slope times the derivative."""
        if activation.name == "identity":
            return x
        return self._chain(x, lambda a: self.base.apply(activation, a), lambda a, _: self.base.slope(activation, a))

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the slope of the value: first derivatives only."""
        return self.base.slope(activation, self._plain(x)).astype(object)

    def exp(self, x: Array) -> Array:
        """Return e^x."""
        return self._chain(x, self.base.exp, lambda _, y: y)

    def tanh(self, x: Array) -> Array:
        """Return tanh x."""
        return self._chain(x, self.base.tanh, lambda _, y: 1 - y * y)

    def sqrt(self, x: Array) -> Array:
        """Return the square root of x."""
        return self._chain(x, called(self.base, "sqrt"), lambda _, y: 1 / (2 * y))

    def cos(self, x: Array) -> Array:
        """Return the cosine of x."""
        return self._chain(x, called(self.base, "cos"), lambda a, _: -called(self.base, "sin")(a))

    def sin(self, x: Array) -> Array:
        """Return the sine of x."""
        return self._chain(x, called(self.base, "sin"), lambda a, _: called(self.base, "cos")(a))

    def floor(self, x: Array) -> Array:
        """Return the largest whole number up to x, a constant."""
        return self._chain(x, called(self.base, "floor"), lambda a, _: 0 * a)

    def absolute(self, x: Array) -> Array:
        """Return |x|."""
        sign = self.base.where(self._plain(x), "<", 0, -1, 1)
        return x * sign

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Return a choice by the value."""
        chosen = self.base.where(self._plain(a), relation, b, 1, 0)
        return self.array(then) * chosen + self.array(otherwise) * (1 - chosen)

    def _plain(self, x: Array) -> Array:
        return self.base.array(primal(x))

    def _chain(self, x: Array, value: Callable[[Array], Array], slope: Callable[[Array, Array], Array]) -> Array:
        a = self._plain(x)
        y = value(a)
        return make(y, slope(a, y) * tangent(x, 0))
