"""One number of a budget: an enclosure, and what rounding can do to it.

An `Element` stands for a polynomial in *atoms* (inputs, parameters, values of nonlinear functions). It carries

``ball``     an interval that holds the value of the polynomial for every admissible value of its atoms;
``bound``    M, the sum of the absolute values of its monomials, so that M does not depend on how they are arranged;
``count``    k, roundings met by any one monomial in our own order of evaluation, the longest order of a sum included;
``lattice``  e, such that every monomial is a multiple of 2^-e; None as soon as a sum could need more than the dtype's
             digits, or a product more than its range;
``reach``    R, the same sum with every atom a replaced by max(1, |a|): what an absolute error of a partial product can
             be multiplied by later, in any order;
``steps``    s, operations met by any one monomial, those by powers of two included.

Under the model fl(a op b) = (a op b)(1 + d) + h, |d| <= u, |h| <= `least` (Higham, Accuracy and Stability of Numerical
Algorithms, sections 2.1 and 3.1), an implementation that multiplies and adds the same monomials in any order, with at
most `slack` times as many roundings on each, returns a value within

    gamma(slack k) M + slack s least R (1 + gamma(slack k)),        gamma(n) = n u / (1 - n u)

of the ball. The second term is underflow: each of the slack s operations on a monomial leaves at most `least`, which
is multiplied by a part of the monomial's atoms, at most by its share of R. Where the lattice is known all is exact:
M 2^e < 2^(digits - 3) leaves every partial sum of every order representable. Whether a number is an exact zero is read
from its ball: a float bound may itself have underflowed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb

from gradcert.reference.numbers import FORMATS

NORMAL = {made.digits: made.normal for made in FORMATS.values()}
SPARE_BITS = 3  # for rearrangements whose monomials add up to at most 8 times ours, such as v + (x - v) / tau
TINY = 2.0**-960  # a product below may have underflowed
SMALLEST = 2.0**-1074  # float64's own: what bookkeeping in float64 may have lost to underflow
UPWARDS = 1.0 + 2.0**-40  # covers the roundings of the float64 bookkeeping itself, fewer than 2^12 on any path


@dataclass(frozen=True)
class Precision:
    """The arithmetic of a subject's dtype.

    Attributes
    ----------
    digits : significant binary digits, those of a format (`gradcert.reference.numbers.FORMATS`); of no format: as
        many as what is meant to be exact needs, with the range of float64.
    slack : how many times our own number of roundings an implementation may use on a monomial. Measured re-evaluations
        (other orders, forward instead of reverse mode) stay far below 1.
    flushes : whether an implementation may take subnormal numbers for zero, as XLA and many GPU libraries do. IEEE 754
        has gradual underflow.

    Examples
    --------
    >>> Precision(53).unit == 2.0**-53
    True
    >>> Precision(24).least == 2.0**-150, Precision(24, flushes=True).least == 2.0**-126
    (True, True)
    """

    digits: int
    slack: int = 4
    flushes: bool = False

    @cached_property
    def normal(self) -> int:
        """The exponent of the smallest normal number."""
        return NORMAL.get(self.digits, NORMAL[53])

    @cached_property
    def libm(self) -> int:
        """The largest error of tanh, exp and log, in ulp: in 16 bits they are those of float32, rounded."""
        return LIBM_ULPS if self.digits >= 24 else 1

    @cached_property
    def finest(self) -> int:
        """The exponent of the spacing near zero: everything exact is a multiple of it."""
        return self.normal if self.flushes else self.normal - self.digits + 1

    @cached_property
    def least(self) -> float:
        """What one underflow can cost: half the smallest subnormal number, or the smallest normal one."""
        return max(2.0**self.normal if self.flushes else 2.0 ** (self.finest - 1), SMALLEST)

    @cached_property
    def largest(self) -> float:
        """The largest finite number."""
        return (2.0 - 2.0 ** (1 - self.digits)) * 2.0 ** (1 - self.normal)

    @cached_property
    def unit(self) -> float:
        """The unit roundoff u."""
        return 2.0**-self.digits

    @cached_property
    def constants(self) -> dict[float, Element]:
        """The numbers that formulas are written with, as atoms: each is made once."""
        return {}

    def gamma(self, count: int) -> float:
        """Return gamma(slack count), rounded up."""
        nu = self.slack * count * self.unit
        return nu / (1 - nu) * UPWARDS if nu < 0.5 else math.inf


class Element:
    """A polynomial of atoms; see the module."""

    __slots__ = ("ball", "bound", "count", "lattice", "precision", "reach", "steps")

    def __init__(
        self,
        ball: Any,
        bound: float,
        count: int,
        lattice: int | None,
        precision: Precision,
        reach: float | None = None,
        steps: int | None = None,
    ) -> None:
        self.ball, self.bound, self.count, self.precision = ball, bound, count, precision
        self.reach = max(1.0, bound) if reach is None else reach
        self.steps = count if steps is None else steps
        if lattice is not None:
            fits = lattice <= -precision.finest
            fits = fits and (bound == 0 or math.log2(bound) + lattice < precision.digits - SPARE_BITS)
            lattice = lattice if fits else None
        self.lattice = lattice

    def _other(self, other: Any) -> Element | None:
        if isinstance(other, Element):
            return other
        if isinstance(other, (int, float, np.integer, np.floating)):
            value = float(other)
            if (known := self.precision.constants.get(value)) is None:
                places = _exponent(value)
                held = places < 64 and math.frexp(value)[1] + places <= self.precision.digits
                known = constant(value, self.precision, count=0 if held else 1)
                self.precision.constants[value] = known
            return known
        return None

    def __add__(self, other: Any) -> Element:
        o = other if type(other) is Element else self._other(other)
        if o is None:
            return NotImplemented
        if o.bound == 0 and o.is_nothing():  # adding it rounds nothing
            return self
        if self.bound == 0 and self.is_nothing():
            return o
        lattice = None if self.lattice is None or o.lattice is None else max(self.lattice, o.lattice)
        count, steps = max(self.count, o.count) + 1, max(self.steps, o.steps) + 1
        reach = self.reach + o.reach
        return Element(self.ball + o.ball, self.bound + o.bound, count, lattice, self.precision, reach, steps)

    __radd__ = __add__

    def __neg__(self) -> Element:
        return Element(-self.ball, self.bound, self.count, self.lattice, self.precision, self.reach, self.steps)

    def __sub__(self, other: Any) -> Element:
        o = other if type(other) is Element else self._other(other)
        return NotImplemented if o is None else self + (-o)

    def __rsub__(self, other: Any) -> Element:
        return (-self) + other

    def __mul__(self, other: Any) -> Element:
        o = other if type(other) is Element else self._other(other)
        if o is None:
            return NotImplemented
        if self.bound == 0 and self.is_nothing():  # so is the product
            return self
        if o.bound == 0 and o.is_nothing():
            return o
        reach, steps = self.reach * o.reach, self.steps + o.steps + 1
        lattice = None if self.lattice is None or o.lattice is None else self.lattice + o.lattice
        gate = self if self.lattice is not None and self.ball.is_zero() else None
        gate = o if gate is None and o.lattice is not None and o.ball.is_zero() else gate
        if gate is not None:
            # 1 - z with z = 1: zero, or, multiplied out, two equal terms of opposite sign around other terms
            bound = _up(gate.bound * float(abs((o if gate is self else self).inflated()).upper()))
            return Element(gate.ball, bound, 2, lattice, self.precision, max(reach, bound), steps)
        rounds = 0 if (not self.count and self.is_unit()) or (not o.count and o.is_unit()) else 1
        count, bound = self.count + o.count + rounds, self.bound * o.bound
        bound = bound if bound > TINY else bound + SMALLEST  # `_up`
        return Element(self.ball * o.ball, bound, count, lattice, self.precision, reach, steps)

    __rmul__ = __mul__

    def is_nothing(self) -> bool:
        """Return whether this is zero in every implementation; a bound that has underflowed says nothing."""
        return self.bound == 0 and bool(self.ball.is_zero())

    def is_unit(self) -> bool:
        """Return whether multiplying by this rounds nothing, underflow apart: 0 and the powers of two known exactly."""
        if self.bound == 0:
            return bool(self.ball.is_zero())
        return self.count == 0 and math.frexp(self.bound)[0] == 0.5 and bool(self.ball.is_exact())

    def __truediv__(self, other: Any) -> Element:
        o = self._other(other)
        if o is None:
            return NotImplemented
        if o.is_unit() and not o.is_nothing():
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
        return Element(abs(self.ball), self.bound, self.count, self.lattice, self.precision, self.reach, self.steps)

    def exp(self) -> Element:
        """Return e^x; the name lets NumPy's own exp find it on an array of elements."""
        # a softmax may shift its argument by the largest output first: |shift| u, twice, where |shift| is part of M
        shifted = EXP_ULPS if self.precision.digits >= 24 else min(EXP_ULPS, math.ceil(self.bound) + 1)
        return function(self, lambda x: x.exp(), ulps=shifted)

    def log(self) -> Element:
        """Return log x."""
        return function(self, lambda x: x.log(), ulps=self.precision.libm, floor=1.0)

    def settled(self) -> Element:
        """Return this number as an atom: a value that every implementation computes and stores at this point."""
        if self.exact:
            value = float(self.ball)
            return Element(self.ball, abs(value), 0, _exponent(value), self.precision)
        ball = self.inflated()
        return Element(ball, _up(float(abs(ball).upper()) * UPWARDS), 1, None, self.precision)

    def rearranged(self, count: int) -> Element:
        """Return this number as what an implementation has of it that rounds it `count` times more: never exact."""
        count = self.count + count
        if self.is_nothing():
            return self
        return Element(self.ball, self.bound, count, None, self.precision, self.reach, max(self.steps, count))

    @property
    def exact(self) -> bool:
        """Whether every implementation returns this number to the last bit."""
        return self.lattice is not None and bool(self.ball.is_exact())

    def rounding(self) -> float:
        """Return an upper bound of what rounding adds to the enclosure."""
        return 0.0 if self.lattice is not None or self.is_nothing() else self.error()

    def error(self) -> float:
        """Return what rounding and underflow can do in an arrangement that is not exact."""
        relative = self.precision.gamma(self.count)
        underflow = self.precision.slack * self.steps * self.precision.least * self.reach
        return _up((relative * self.bound + underflow * (1 + relative)) * UPWARDS)

    def inflated(self) -> Any:
        """Return the ball of everything that an implementation may hold at this point."""
        rounding = self.rounding()
        return self.ball + arb(0, rounding) if rounding else self.ball

    def value(self) -> float:
        """Return the centre as a float."""
        return float(self.ball.mid())

    def budget(self) -> float:
        """Return the largest admissible distance from `value`, the rounding of `value` itself included."""
        if self.exact or self.is_nothing():
            return 0.0
        spread = float(self.ball.rad()) + self.rounding()
        return (spread + abs(self.value()) * 2.0**-53) * UPWARDS + 2 * SMALLEST

    def overflows(self) -> bool:
        """Return whether some order of a sum may leave the range of the dtype."""
        return not self.bound * (1 + self.precision.gamma(self.count)) < self.precision.largest


LIBM_ULPS = 4  # the largest error that libm and vector libraries state for tanh, exp and log
EXP_ULPS = 64  # a softmax may shift its argument by the largest output first: |shift| u <= 16 u, twice, plus libm


def _exponent(value: float) -> int:
    """Return the least e for which value is a multiple of 2^-e."""
    return value.as_integer_ratio()[1].bit_length() - 1


def _up(bound: float) -> float:
    """Return an upper bound of a product of positive floats, which may have underflowed."""
    return bound if bound > TINY else bound + SMALLEST


def constant(value: float, precision: Precision, *, count: int = 0) -> Element:
    """Return a given number as an atom; `count` roundings may lie between the given number and its use.

    Examples
    --------
    >>> (constant(0.5, Precision(53)) * constant(0.25, Precision(53))).lattice
    3
    """
    if precision.flushes and 0 < abs(value) < 2.0**precision.normal:  # subnormal: this number, or zero
        return Element(arb(value) + arb(0, abs(value)), abs(value), count, None, precision)
    return Element(arb(value), abs(value), count, _exponent(value), precision)


class Decay(float):
    """A number that libraries keep in forms of their own: see `decay`."""


def decay(value: float, precision: Precision) -> Element:
    """Return a leak, or another decay in [0, 1], which libraries keep in forms of their own.

    1 - leak, the time constant 1 / (1 - leak), a logit, a logarithm: 0, 1/2 and 1 come back from each of them as they
    were, whatever the library's functions; nothing else does from all of them. In floats with elementary functions that
    are off by `LIBM_ULPS`, that is by 8 u, the other values come back with an error of at most 3 u + 8 u leak: three
    roundings of numbers up to 1 for the first two; leak (1 - leak) |logit| < 0.23 and leak |log| < 0.37, times 8 u, for
    an error of the others' arguments, and 8 u leak for the function itself.

    Examples
    --------
    >>> decay(0.5, Precision(24)).exact, decay(0.75, Precision(24)).exact
    (True, False)
    """
    if value in (0.0, 0.5, 1.0):
        return constant(value, precision)
    error = (3 + 2 * precision.libm * value) * precision.unit
    if value < 1 / 16:  # the error is large beside the value itself
        return Element(arb(value) + arb(0, error), value + error, 1, None, precision)
    count = math.ceil(error / (precision.slack * precision.unit * value))
    return Element(arb(value), value, count, None, precision)


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
    error = _up(2 * ulps * (x.precision.unit * max(size, floor) + x.precision.least) * UPWARDS)
    return Element(y + arb(0, error), (size + error) * UPWARDS, 1, None, x.precision)
