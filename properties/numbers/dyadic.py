"""How many bits an exact computation needs: the proof that a float has to agree to the last bit.

Every number carries its exact value, the exponent of a power of two that it is a multiple of, and a majorant (the same
computation on absolute values). Sums and products of such numbers, in any order and any association, are multiples of
the smallest exponent and at most the majorant; if ``log2(majorant) - exponent`` never exceeds the significand, nothing
is ever rounded. A zero that is exact (an absent spike) stays exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import fmpq

from gradcert.properties.numbers.rationals import RATIONALS, to_rational
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Activation, Array

_NEVER = 10**9  # exponent of an exact zero
SIGNIFICAND = {"float64": 53, "float32": 24, "bfloat16": 8, "float16": 11}


def _exponent(value: fmpq) -> int:
    if value == 0:
        return _NEVER
    p, q = abs(int(value.p)), int(value.q)
    if q & (q - 1):
        raise GradcertError(f"{value} is not dyadic", allowed="whole numbers over a power of two")
    return (p & -p).bit_length() - 1 - (q.bit_length() - 1)


@dataclass
class _Extremes:
    low: int = _NEVER
    high: float = 0.0

    def bits(self) -> int:
        return 0 if self.low == _NEVER else math.floor(math.log2(self.high)) + 1 - self.low


class _Tracked:
    __slots__ = ("exponent", "extremes", "majorant", "value")

    def __init__(self, value: fmpq, exponent: int, majorant: float, extremes: _Extremes) -> None:
        self.value, self.exponent, self.majorant, self.extremes = value, exponent, majorant, extremes
        if majorant:
            extremes.low = min(extremes.low, exponent)
            extremes.high = max(extremes.high, majorant)

    def _other(self, other: Any) -> _Tracked:
        return other if isinstance(other, _Tracked) else _fresh(to_rational(other), self.extremes)

    def __add__(self, other: Any) -> _Tracked:
        if isinstance(other, np.ndarray):
            return NotImplemented
        o = self._other(other)
        return _Tracked(self.value + o.value, min(self.exponent, o.exponent), self.majorant + o.majorant, self.extremes)

    def __mul__(self, other: Any) -> _Tracked:
        if isinstance(other, np.ndarray):
            return NotImplemented
        o = self._other(other)
        if not (self.majorant and o.majorant):
            return _Tracked(fmpq(0), _NEVER, 0.0, self.extremes)
        return _Tracked(self.value * o.value, self.exponent + o.exponent, self.majorant * o.majorant, self.extremes)

    def __truediv__(self, other: Any) -> _Tracked:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self * (1 / to_rational(other.value if isinstance(other, _Tracked) else other))

    def __eq__(self, other: object) -> bool:
        return bool(self.value == self._other(other).value)

    def __neg__(self) -> _Tracked:
        return _Tracked(-self.value, self.exponent, self.majorant, self.extremes)

    def __sub__(self, other: Any) -> _Tracked:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self + -self._other(other)

    def __rsub__(self, other: Any) -> _Tracked:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self._other(other) + -self

    __radd__ = __add__
    __rmul__ = __mul__
    __hash__ = None  # type: ignore[assignment]


def _fresh(value: fmpq, extremes: _Extremes) -> _Tracked:
    return _Tracked(value, _exponent(value), abs(float(value)), extremes)


@dataclass(frozen=True)
class Dyadics:
    """Object arrays of tracked dyadic rationals; `bits` is the significand that everything so far has needed.

    Examples
    --------
    >>> numbers = Dyadics()
    >>> product = numbers.array([0.75]) * numbers.array([5.0]) + 16
    >>> numbers.bits
    7
    """

    extremes: _Extremes = field(default_factory=_Extremes, compare=False)

    @property
    def name(self) -> str:
        """Name shown in reports."""
        return "dyadics"

    @property
    def bits(self) -> int:
        """Bits between the largest majorant and the smallest exponent seen."""
        return self.extremes.bits()

    @property
    def pi(self) -> Any:
        """Refuse, as the rationals do."""
        return RATIONALS.pi

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return exact zeros."""
        return self.array(np.zeros(shape, dtype=int))

    def array(self, values: Any) -> Array:
        """Convert numbers that are dyadic; tracked numbers pass."""
        x = np.asarray(values)
        out = np.empty(x.shape, dtype=object)
        for index in np.ndindex(x.shape):
            e = x[index]
            out[index] = e if isinstance(e, _Tracked) else _fresh(to_rational(e), self.extremes)
        return out

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return activation(x); what an exact argument gives is a new exact number."""
        return x if activation.name == "identity" else self.array(RATIONALS.apply(activation, self._values(x)))

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the (pseudo-)derivative at x."""
        return self.array(RATIONALS.slope(activation, self._values(x)))

    def exp(self, x: Array) -> Array:
        """Refuse, as the rationals do."""
        return RATIONALS.exp(x)

    def tanh(self, x: Array) -> Array:
        """Refuse, as the rationals do."""
        return RATIONALS.tanh(x)

    def absolute(self, x: Array) -> Array:
        """Return |x|."""
        return self.array(RATIONALS.absolute(self._values(x)))

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Return an elementwise choice, by value."""
        chosen = RATIONALS.where(self._values(a), relation, b, 1, 0) == 1
        return np.where(chosen, self.array(then), self.array(otherwise))

    def _values(self, x: Any) -> Array:
        x = np.asarray(x, dtype=object)
        out = np.empty(x.shape, dtype=object)
        for index in np.ndindex(x.shape):
            out[index] = x[index].value if isinstance(x[index], _Tracked) else to_rational(x[index])
        return out
