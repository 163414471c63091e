"""Exact rationals: golden values, and the oracle of the cases whose every intermediate a float can hold.

Only what is rational can be computed: identity, relu, spikes, and the pseudo-derivatives without exp, tanh or pi.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import total_ordering
from typing import Any, NoReturn

import numpy as np
from flint import fmpq

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import RELATIONS, Activation, Array

_DO = "use balls, or an activation and a pseudo-derivative that are rational: identity, relu, triangle, fast_sigmoid"


def to_rational(value: Any) -> fmpq:
    """Convert one number exactly; a float is the dyadic rational that it stores.

    Examples
    --------
    >>> to_rational(0.75), to_rational(3)
    (3/4, 3)
    """
    if isinstance(value, fmpq):
        return value
    if isinstance(value, _Mixed):
        return value.value
    if isinstance(value, (int, np.integer, np.bool_)):
        return fmpq(int(value))
    if isinstance(value, (float, np.floating)) and np.isfinite(value):
        return fmpq(*float(value).as_integer_ratio())
    if isinstance(value, Fraction):
        return fmpq(value.numerator, value.denominator)
    raise GradcertError(f"{value!r} as a rational", allowed="finite floats, whole numbers, Fraction, fmpq")


@total_ordering
class _Mixed:
    """A rational that also takes floats, exactly: scales of a pseudo-derivative are floats."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = to_rational(value)

    def __add__(self, other: Any) -> _Mixed:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _Mixed(self.value + to_rational(other))

    def __sub__(self, other: Any) -> _Mixed:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _Mixed(self.value - to_rational(other))

    def __rsub__(self, other: Any) -> _Mixed:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _Mixed(to_rational(other) - self.value)

    def __mul__(self, other: Any) -> _Mixed:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _Mixed(self.value * to_rational(other))

    def __truediv__(self, other: Any) -> _Mixed:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _Mixed(self.value / to_rational(other))

    def __rtruediv__(self, other: Any) -> _Mixed:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return _Mixed(to_rational(other) / self.value)

    def __neg__(self) -> _Mixed:
        return _Mixed(-self.value)

    def __abs__(self) -> _Mixed:
        return _Mixed(abs(self.value))

    def __eq__(self, other: object) -> bool:
        return bool(self.value == to_rational(other))

    def __lt__(self, other: Any) -> bool:
        return bool(self.value < to_rational(other))

    __radd__ = __add__
    __rmul__ = __mul__
    __hash__ = None  # type: ignore[assignment]


def _refuse(what: str) -> NoReturn:
    raise GradcertError(f"{what} of a rational is not rational", do=_DO)


def _elementwise(function: Callable[[Any], Any], x: Any) -> Array:
    x = np.asarray(x, dtype=object)
    out = np.empty(x.shape, dtype=object)
    for index in np.ndindex(x.shape):
        out[index] = function(x[index])
    return out


@dataclass(frozen=True)
class Rationals:
    """Object arrays of ``flint.fmpq``.

    Examples
    --------
    >>> (RATIONALS.array([0.5, 0.25]) / 3).tolist()
    [1/6, 1/12]
    """

    @property
    def name(self) -> str:
        """Name shown in reports."""
        return "rationals"

    @property
    def pi(self) -> NoReturn:
        """Refuse: the circle constant is not rational."""
        raise GradcertError("the circle constant is not rational", do=_DO)

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return zeros."""
        out = np.empty(shape, dtype=object)
        out.fill(fmpq(0))
        return out

    def array(self, values: Any) -> Array:
        """Convert floats, whole numbers and fractions, exactly."""
        return _elementwise(to_rational, values)

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return activation(x), exactly."""
        return self.array(activation.value(_elementwise(_Mixed, x), self))

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the (pseudo-)derivative at x, exactly."""
        return self.array(activation.derivative(_elementwise(_Mixed, x), self))

    def exp(self, x: Array) -> Array:
        """Refuse."""
        return _refuse("the exponential")

    def tanh(self, x: Array) -> Array:
        """Refuse."""
        return _refuse("tanh")

    def absolute(self, x: Array) -> Array:
        """Return |x|."""
        return np.asarray(np.abs(x))

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Return an elementwise choice."""
        a = np.asarray(a, dtype=object)
        mask = np.asarray(RELATIONS[relation](a, self.array(b) if not isinstance(b, int) else b), dtype=bool)
        return np.where(mask, self.array(then), self.array(otherwise))


RATIONALS = Rationals()
