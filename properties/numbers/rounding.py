"""What rounding can do to a computation in another order, dtype or formula: enclosures that hold for all of them.

Between two non-linear functions a gradient program evaluates polynomials. A float program that rounds at most N times
on the way from an argument to a result is off by at most gamma_N times the polynomial in absolute values (Higham,
Accuracy and Stability of Numerical Algorithms, 3.1), on top of what the errors of the arguments do. So every number
here is a ball (``arb``) that holds all that earlier roundings could have made of it, and a majorant for the polynomial
under way; at a non-linear function the ball grows by gamma_N * majorant and a new polynomial begins. Each of the N
operations may underflow as well, by half the smallest subnormal number, times what it is multiplied by later: at most
the polynomial with every argument replaced by the larger of 1 and its absolute value (`reach`). A comparison that
a ball does not decide raises `Undecided`: the membrane potential is too close to its threshold for any verdict.

Assumption, stated because it is one: an elementary function of the subject is off by at most `ULPS` units in the last
place of the larger of 1 and the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb

from gradcert.properties.numbers.undecided import Undecided
from gradcert.reference.engines import UNIT_ROUNDOFF, gamma
from gradcert.reference.numbers import Activation, Array

ULPS = 4
HALF_OF_SMALLEST = {"float64": 2.0**-1074, "float32": 2.0**-150}  # float64 has no number for half of its smallest


class _Rounded:
    __slots__ = ("ball", "majorant", "reach")

    def __init__(self, ball: arb, majorant: arb, reach: arb) -> None:
        self.ball, self.majorant, self.reach = ball, majorant, reach

    def __add__(self, other: Any) -> _Rounded:
        if isinstance(other, np.ndarray):
            return NotImplemented
        o = _lift(other)
        return _Rounded(self.ball + o.ball, self.majorant + o.majorant, self.reach + o.reach)

    def __mul__(self, other: Any) -> _Rounded:
        if isinstance(other, np.ndarray):
            return NotImplemented
        o = _lift(other)
        return _Rounded(self.ball * o.ball, self.majorant * o.majorant, self.reach * o.reach)

    def __neg__(self) -> _Rounded:
        return _Rounded(-self.ball, self.majorant, self.reach)

    def __sub__(self, other: Any) -> _Rounded:
        if isinstance(other, np.ndarray):
            return NotImplemented
        o = _lift(other)
        return _Rounded(self.ball - o.ball, self.majorant + o.majorant, self.reach + o.reach)

    def __rsub__(self, other: Any) -> _Rounded:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _lift(other) - self

    def __truediv__(self, other: Any) -> _Rounded:
        if isinstance(other, np.ndarray):
            return NotImplemented
        inverse = 1 / _lift(other).ball  # a divisor is a count, a scale, or the sum of a softmax: bounded away from 0
        size = _upper(abs(inverse))
        return _Rounded(self.ball * inverse, self.majorant * size, self.reach * _upper(size.max(1)))

    def __rtruediv__(self, other: Any) -> _Rounded:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _lift(other) / self

    def __eq__(self, other: object) -> bool:
        ball = _lift(other).ball
        return bool(self.ball.rad() == 0 and ball.rad() == 0 and self.ball == ball)

    def __pow__(self, exponent: float) -> _Rounded:
        return _lift(self.ball**exponent)  # of a scale or of pi, whose own rounding the function's slack covers

    __radd__ = __add__
    __rmul__ = __mul__
    __hash__ = None  # type: ignore[assignment]


def _upper(x: arb) -> arb:
    return arb(x.upper())


def _lift(x: Any) -> _Rounded:
    if isinstance(x, _Rounded):
        return x
    ball = x if isinstance(x, arb) else arb(float(x))
    size = _upper(abs(ball))
    return _Rounded(ball, size, _upper(size.max(1)))


@dataclass(frozen=True)
class Rounding:
    """Object arrays of balls with majorants.

    Parameters
    ----------
    roundings : N, the longest chain of roundings between two non-linear functions.
    dtype : the subject's, ``float64`` or ``float32``.

    Examples
    --------
    >>> numbers = Rounding(roundings=10)
    >>> numbers.enclosure((numbers.array([1.0]) / 3).sum())[1] < 1e-14
    True
    """

    roundings: int
    dtype: str = "float64"

    @property
    def name(self) -> str:
        """Name shown in reports."""
        return f"{self.dtype} rounding"

    @property
    def pi(self) -> Any:
        """The circle constant, as the ball of its floats."""
        return self._settled(arb.pi())

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return zeros."""
        return self.array(np.zeros(shape))

    def array(self, values: Any) -> Array:
        """Convert floats, taken as they are."""
        return self._map(_lift, values)

    def enclosure(self, x: Any) -> tuple[float, float]:
        """Return the middle, and how far any admissible float result may lie from it."""
        settled = self._settle(_lift(x))
        middle, radius = float(settled.mid()), _upper(abs(settled - float(settled.mid())))
        return middle, 0.0 if radius.is_zero() else float(radius) * (1 + 2.0**-50) + 2.0**-1074

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return activation(x)."""
        return x if activation.name == "identity" else self._through(lambda y: activation.value(y, self), x)

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the (pseudo-)derivative at x."""
        return self._through(lambda y: activation.derivative(y, self), x)

    def exp(self, x: Array) -> Array:
        """Return e^x."""
        return self._map(lambda e: self._settled(self._settle(_lift(e)).exp()), x)

    def tanh(self, x: Array) -> Array:
        """Return tanh x."""
        return self._map(lambda e: self._settled(self._settle(_lift(e)).tanh()), x)

    def absolute(self, x: Array) -> Array:
        """Return |x|."""
        return self._map(lambda e: _Rounded(abs(_lift(e).ball), _lift(e).majorant, _lift(e).reach), x)

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Return a choice that no rounding can turn."""
        a, b, then, otherwise = np.broadcast_arrays(*(self.array(v) for v in (a, b, then, otherwise)))
        out = np.empty(a.shape, dtype=object)
        for index in np.ndindex(a.shape):
            difference = self._settle(a[index] - b[index])
            if difference > 0 or difference < 0:
                out[index] = then[index] if (difference > 0) == (relation[0] == ">") else otherwise[index]
            elif difference.rad() == 0:
                out[index] = then[index] if relation.endswith("=") else otherwise[index]
            else:
                raise Undecided("a comparison within rounding of a tie", do="draw another problem")
        return out

    def _settle(self, x: _Rounded) -> arb:
        """Let the polynomial under way be rounded."""
        rounding = gamma(self.roundings, self.dtype)
        slack = x.majorant * rounding + x.reach * (self.roundings * (1 + rounding) * HALF_OF_SMALLEST[self.dtype])
        return x.ball if x.ball.is_zero() and x.majorant.is_zero() else x.ball + arb(0, _upper(slack))

    def _settled(self, ball: arb) -> _Rounded:
        """Return the result of an elementary function, as floats may have it."""
        slack = ULPS * UNIT_ROUNDOFF[self.dtype] * max(1.0, float(_upper(abs(ball))))
        return _lift(ball + arb(0, slack))

    def _through(self, function: Callable[[Array], Array], x: Array) -> Array:
        settled = self._map(lambda e: _lift(self._settle(_lift(e))), x)
        # the formula of the function itself is rounded as well, whichever formula it is
        return self._map(lambda e: self._settled(self._settle(_lift(e))), function(settled))

    def _map(self, function: Callable[[Any], Any], x: Any) -> Array:
        x = np.asarray(x)
        out = np.empty(x.shape, dtype=object)
        for index in np.ndindex(x.shape):
            out[index] = function(x[index])
        return out
