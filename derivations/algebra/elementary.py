"""SymPy expressions with the methods that NumPy looks for in the elements of an object array: `exp`, `log`, `sqrt`.

Code that calls ``np.exp``, ``np.log`` (the value of a loss) or ``np.sqrt`` (the normalisers of the random estimators)
runs on them as it runs on floats. A root is a positive symbol of its own, one for every polynomial under it: two roots
of one polynomial are the same symbol, and an identity that holds for the symbols holds for the roots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.symbols import SYMBOLS, Symbols
from gradcert.reference.numbers import Activation, Array


def root(expression: Any) -> Any:
    """Return the square root of a non-negative polynomial as a symbol.

    Examples
    --------
    >>> x = sympy.Symbol("x")
    >>> root((x + 1) * x) == root(x**2 + x), root(x**2 + x)
    (True, √(x**2 + x))
    """
    return sympy.Symbol(f"√({sympy.expand(expression)})", positive=True)


class Elementary:
    """One expression.

    Examples
    --------
    >>> x = wrapped(np.array([sympy.Symbol("x")], dtype=object))
    >>> np.log(np.exp(x) + 1)[0].value
    log(exp(x) + 1)
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: Any = sympy.sympify(getattr(value, "value", value))

    def _with(self, other: Any, f: Callable[[Any, Any], Any]) -> Any:
        # NumPy goes through the elements of an array
        return NotImplemented if isinstance(other, np.ndarray) else Elementary(f(self.value, Elementary(other).value))

    def __add__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a + b)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a / b)

    def __eq__(self, other: object) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else self.value == Elementary(other).value

    def __hash__(self) -> int:
        return hash(self.value)

    def exp(self) -> Elementary:
        """Return e to the power of it."""
        return Elementary(sympy.exp(self.value))

    def log(self) -> Elementary:
        """Return its natural logarithm."""
        return Elementary(sympy.log(self.value))

    def sqrt(self) -> Elementary:
        """Return its square root."""
        return Elementary(root(self.value))


def wrapped(values: Any) -> Array:
    """Return an array of expressions as elements that know exp, log and sqrt."""
    values = np.asarray(values, dtype=object)
    out = np.empty(values.shape, dtype=object)
    for index, value in np.ndenumerate(values):
        out[index] = Elementary(value)
    return out


def plain(values: Array) -> Array:
    """Return the expressions of elements."""
    out = np.empty(values.shape, dtype=object)
    for index, value in np.ndenumerate(values):
        out[index] = Elementary(value).value
    return out


@dataclass(frozen=True)
class Elements(Symbols):
    """`Symbols` whose scalars are `Elementary`."""

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return zeros."""
        return wrapped(SYMBOLS.zeros(shape))

    def array(self, values: Any) -> Array:
        """Convert exactly."""
        return wrapped(SYMBOLS.array(plain(np.asarray(values, dtype=object))))

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return h(x)."""
        return wrapped(SYMBOLS.apply(activation, plain(x)))

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return h'(x)."""
        return wrapped(SYMBOLS.slope(activation, plain(x)))


ELEMENTS = Elements()


def loss_value(loss: Any, outputs: Array, targets: Array) -> Any:
    """Return what the code of a loss computes for symbols."""
    return Elementary(loss.value(wrapped(outputs), wrapped(targets), ELEMENTS)).value
