"""Number systems: what an engine needs to know about the scalars that it computes with.

The engines and cells are written once. They add, multiply and take matrix products with NumPy's own operators, which
work on floats and on arrays of Python objects alike; everything else goes through the protocol below. `reference`
brings float64 and float32; rationals, prime fields, balls and symbols live in the rooms that need them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Activation:
    """A named pair of elementwise functions; two activations of one name are the same function.

    Attributes
    ----------
    name : identifies the function for every number system (a symbolic one maps it to an undefined function).
    value : ``value(x, numbers)``.
    derivative : ``derivative(x, numbers)``; for a spike this is the pseudo-derivative, not the derivative of value.
    smooth : whether `derivative` truly is the derivative of `value`.
    lipschitz : an upper bound of |derivative| over the reals, or None where there is none.
    step : for a spike, the relation ``>`` or ``>=`` to 0 under which it fires.
    """

    name: str
    value: Callable[[Array, Numbers], Array]
    derivative: Callable[[Array, Numbers], Array]
    smooth: bool = True
    lipschitz: float | None = 1.0
    step: str | None = None


class Numbers(Protocol):
    """What a number system provides. Every method works elementwise and keeps the shape.

    Formulas (`gradcert.reference.numbers.formula`, cells of one's own) may ask for ``sqrt``, ``cos``, ``sin`` and
    ``floor`` besides, which floats, balls, the prime field and dual numbers have.
    """

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
        """Return the derivative of the activation at x; of a spike, or of a `Surrogate`, the pseudo-derivative."""
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
