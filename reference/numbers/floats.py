"""IEEE floating point as a number system: float64, and float32 for whom it is enough."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.numbers.protocol import Activation, Array

RELATIONS = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


@dataclass(frozen=True)
class Floats:
    """IEEE floating point.

    Examples
    --------
    >>> FLOAT32.array([1.0, 2.0]).dtype
    dtype('float32')
    """

    dtype: str = "float64"

    @property
    def name(self) -> str:
        """Name shown in reports."""
        return self.dtype

    @property
    def pi(self) -> float:
        """The circle constant, as a Python float (weak under NumPy's promotion rules)."""
        return math.pi

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return zeros of the dtype."""
        return np.zeros(shape, dtype=self.dtype)

    def array(self, values: Any) -> Array:
        """Convert, rounding to the dtype."""
        return np.asarray(values, dtype=self.dtype)

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return activation(x)."""
        if activation.step is not None:
            return np.asarray(RELATIONS[activation.step](x, 0)).astype(self.dtype)
        return activation.value(x, self)

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the (pseudo-)derivative at x."""
        return activation.derivative(x, self)

    def exp(self, x: Array) -> Array:
        """Return e^x."""
        return np.asarray(np.exp(x))

    def tanh(self, x: Array) -> Array:
        """Return tanh x."""
        return np.asarray(np.tanh(x))

    def sqrt(self, x: Array) -> Array:
        """Return the square root of x."""
        return np.asarray(np.sqrt(x))

    def cos(self, x: Array) -> Array:
        """Return the cosine of x."""
        return np.asarray(np.cos(x))

    def sin(self, x: Array) -> Array:
        """Return the sine of x."""
        return np.asarray(np.sin(x))

    def floor(self, x: Array) -> Array:
        """Return the largest whole number up to x."""
        return np.asarray(np.floor(x))

    def absolute(self, x: Array) -> Array:
        """Return |x|."""
        return np.asarray(np.abs(x))

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Return an elementwise choice in the dtype."""
        return np.where(RELATIONS[relation](a, b), self.array(then), self.array(otherwise))


FLOAT64 = Floats("float64")
FLOAT32 = Floats("float32")
