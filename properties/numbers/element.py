"""One number of a budget: an enclosure, and what rounding can do to it.

An `Element` stands for a polynomial in *atoms* (inputs, parameters, values of nonlinear functions). It carries

``ball``     an interval that holds the value of the polynomial for every admissible value of its atoms;
``bound``    M, the sum of the absolute values of its monomials, so that M does not depend on how they are arranged;
``count``    k, roundings met by any one monomial in our own order of evaluation, the longest order of a sum included;
``lattice``  e, such that every monomial is a multiple of 2^-e; None as soon as a sum could need more than the dtype's
             digits.

Under the standard model fl(a op b) = (a op b)(1 + d), |d| <= u, an implementation that multiplies and adds the same
monomials in any order, with at most `slack` times as many roundings on each, returns a value within gamma(slack k) M
of the ball, gamma(n) = n u / (1 - n u) (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). Where
the lattice is known it is exact: M 2^e < 2^(digits - 3) leaves every partial sum of every order representable.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb

SPARE_BITS = 3  # for rearrangements whose monomials add up to at most 8 times ours, such as v + (x - v) / tau
UPWARDS = 1.0 + 2.0**-40  # covers the roundings of the float64 bookkeeping itself, fewer than 2^12 on any path


@dataclass(frozen=True)
class Precision:
    """The arithmetic of a subject's dtype.

    Attributes
    ----------
    digits : significant binary digits, 53 or 24.
    slack : how many times our own number of roundings an implementation may use on a monomial. Measured re-evaluations
        (other orders, forward instead of reverse mode) stay far below 1.

    Examples
    --------
    >>> Precision(53).unit == 2.0**-53
    True
    """

    digits: int
    slack: int = 4

    @property
    def unit(self) -> float:
        """The unit roundoff u."""
        return 2.0**-self.digits

    def gamma(self, count: int) -> float:
        """Return gamma(slack count), rounded up."""
        nu = self.slack * count * self.unit
        return nu / (1 - nu) * UPWARDS if nu < 0.5 else math.inf


class Element:
    """A polynomial of atoms; see the module."""

    __slots__ = ("ball", "bound", "count", "lattice", "precision")

    def __init__(self, ball: Any, bound: float, count: int, lattice: int | None, precision: Precision) -> None:
        self.ball, self.bound, self.count, self.precision = ball, bound, count, precision
        fits = lattice is not None and (bound == 0 or math.log2(bound) + lattice < precision.digits - SPARE_BITS)
        self.lattice = lattice if fits else None

    def _other(self, other: Any) -> Element | None:
        if isinstance(other, Element):
            return other
        if isinstance(other, (int, float, np.integer, np.floating)):
            return constant(float(other), self.precision, count=0 if float(other).is_integer() else 1)
        return None

    def __add__(self, other: Any) -> Element:
        o = self._other(other)
        if o is None:
            return NotImplemented
        if o.bound == 0:  # an exact zero: adding it rounds nothing
            return self
        if self.bound == 0:
            return o
        lattice = None if self.lattice is None or o.lattice is None else max(self.lattice, o.lattice)
        count = max(self.count, o.count) + 1
        return Element(self.ball + o.ball, self.bound + o.bound, count, lattice, self.precision)

    __radd__ = __add__

    def __neg__(self) -> Element:
        return Element(-self.ball, self.bound, self.count, self.lattice, self.precision)

    def __sub__(self, other: Any) -> Element:
        o = self._other(other)
        return NotImplemented if o is None else self + (-o)

    def __rsub__(self, other: Any) -> Element:
        return (-self) + other

    def __mul__(self, other: Any) -> Element:
        o = self._other(other)
        if o is None:
            return NotImplemented
        if self.bound == 0 or o.bound == 0:  # an exact zero: so is the product
            return self if self.bound == 0 else o
        lattice = None if self.lattice is None or o.lattice is None else self.lattice + o.lattice
        for gate, other_factor in ((self, o), (o, self)):
            if gate.lattice is not None and gate.ball.is_zero():
                # 1 - z with z = 1: zero, or, multiplied out, two equal terms of opposite sign around other terms
                bound = gate.bound * float(abs(other_factor.inflated()).upper())
                return Element(gate.ball, bound, 2, lattice, self.precision)
        rounds = 0 if self.is_unit() or o.is_unit() else 1
        count = self.count + o.count + rounds
        return Element(self.ball * o.ball, self.bound * o.bound, count, lattice, self.precision)

    __rmul__ = __mul__

    def is_unit(self) -> bool:
        """Return whether multiplying by this is exact in every order: 0 and the powers of two known exactly."""
        if self.bound == 0:
            return True
        return self.count == 0 and bool(self.ball.is_exact()) and math.frexp(self.bound)[0] == 0.5

    def __truediv__(self, other: Any) -> Element:
        o = self._other(other)
        if o is None:
            return NotImplemented
        if o.is_unit() and o.bound:
            return self * Element(1 / o.ball, 1 / o.bound, 0, _exponent(1 / float(o.ball)), self.precision)
        return self * function(o, lambda x: 1 / x, ulps=1)

    def __rtruediv__(self, other: Any) -> Element:
        o = self._other(other)
        return NotImplemented if o is None else o / self

    def __pow__(self, power: Any) -> Element:
        if power != 0.5:
            return NotImplemented
        return function(self, lambda x: x.sqrt(), ulps=1)

    def __abs__(self) -> Element:
        return Element(abs(self.ball), self.bound, self.count, self.lattice, self.precision)

    def exp(self) -> Element:
        """Return e^x; the name lets NumPy's own exp find it on an array of elements."""
        return function(self, lambda x: x.exp(), ulps=EXP_ULPS)

    def log(self) -> Element:
        """Return log x."""
        return function(self, lambda x: x.log(), ulps=LIBM_ULPS, floor=1.0)

    def settled(self) -> Element:
        """Return this number as an atom: a value that every implementation computes and stores at this point."""
        if self.exact:
            value = float(self.ball)
            return Element(self.ball, abs(value), 0, _exponent(value), self.precision)
        ball = self.inflated()
        return Element(ball, float(abs(ball).upper()) * UPWARDS, 1, None, self.precision)

    @property
    def exact(self) -> bool:
        """Whether every implementation returns this number to the last bit."""
        return self.lattice is not None and bool(self.ball.is_exact())

    def rounding(self) -> float:
        """Return an upper bound of what rounding adds to the enclosure."""
        return 0.0 if self.lattice is not None else self.precision.gamma(self.count) * self.bound * UPWARDS

    def inflated(self) -> Any:
        """Return the ball of everything that an implementation may hold at this point."""
        rounding = self.rounding()
        return self.ball + arb(0, rounding) if rounding else self.ball

    def value(self) -> float:
        """Return the centre as a float."""
        return float(self.ball.mid())

    def budget(self) -> float:
        """Return the largest admissible distance from `value`, the rounding of `value` itself included."""
        if self.exact:
            return 0.0
        spread = float(self.ball.rad()) + self.rounding()
        return (spread + abs(self.value()) * 2.0**-53) * UPWARDS


LIBM_ULPS = 4  # the largest error that libm and vector libraries state for tanh, exp and log
EXP_ULPS = 64  # a softmax may shift its argument by the largest output first: |shift| u <= 16 u, twice, plus libm


def _exponent(value: float) -> int:
    """Return the least e for which value is a multiple of 2^-e."""
    return value.as_integer_ratio()[1].bit_length() - 1


def constant(value: float, precision: Precision, *, count: int = 0) -> Element:
    """Return a given number as an atom; `count` roundings may lie between the given number and its use.

    Examples
    --------
    >>> (constant(0.5, Precision(53)) * constant(0.25, Precision(53))).lattice
    3
    """
    return Element(arb(value), abs(value), count, _exponent(value), precision)


def function(x: Element, f: Any, *, ulps: int, floor: float = 0.0) -> Element:
    """Return f(x) as a new atom: the argument inflated by its rounding, f enclosed, and the error of f itself.

    Parameters
    ----------
    f : maps a ball to a ball.
    ulps : relative error of an implementation of f, in units of 2u, that is in ulp at most.
    floor : size below which the error is absolute (a logarithm near 1).
    """
    argument = x.inflated()
    y = f(argument)
    size = float(abs(y).upper())
    if argument.is_exact() and y.is_exact() and float(y.mid()).is_integer():
        return Element(y, size, 0, 0, x.precision)  # tanh 0, exp 0: exact in every libm
    error = 2 * ulps * x.precision.unit * max(size, floor) * UPWARDS
    return Element(y + arb(0, error), (size + error) * UPWARDS, 1, None, x.precision)
