"""Number systems: what an engine needs to know about the scalars that it computes with.

The engines and cells are written once. They add, multiply and take matrix products with NumPy's own operators, which
work on floats and on arrays of Python objects alike; everything else goes through the protocol below. `reference`
brings float64 and float32; rationals, prime fields, balls and symbols live in the rooms that need them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from gradcert.reference.functions import Activation

Array = np.ndarray[Any, Any]


class Numbers(Protocol):
    """What a number system provides. Every method works elementwise and keeps the shape."""

    @property
    def name(self) -> str:
        """Name shown in reports, such as ``float64``."""
        ...

    @property
    def pi(self) -> Any:
        """The circle constant in this number system."""
        ...

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return an array of zeros."""
        ...

    def array(self, values: Any) -> Array:
        """Convert values (floats, nested lists, arrays) into this number system, exactly where it can."""
        ...

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return activation(x)."""
        ...

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the derivative, or pseudo-derivative, of the activation at x."""
        ...

    def exp(self, x: Array) -> Array:
        """Return e^x."""
        ...

    def tanh(self, x: Array) -> Array:
        """Return tanh x."""
        ...

    def absolute(self, x: Array) -> Array:
        """Return |x|."""
        ...

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Return ``then`` where ``a relation b`` holds, else ``otherwise``; relation is one of ``<  <=  >  >=``."""
        ...


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

    def absolute(self, x: Array) -> Array:
        """Return |x|."""
        return np.asarray(np.abs(x))

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Return an elementwise choice in the dtype."""
        return np.where(RELATIONS[relation](a, b), self.array(then), self.array(otherwise))


FLOAT64 = Floats("float64")
FLOAT32 = Floats("float32")
