"""SymPy expressions with the methods that NumPy looks for in the elements of an object array: `exp` and `log`.

Code that calls ``np.exp`` and ``np.log`` (the value of a loss) runs on them as it runs on floats.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from gradcert.reference.numbers import Array


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

    def __add__(self, other: Any) -> Elementary:
        return Elementary(self.value + Elementary(other).value)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Elementary:
        return Elementary(self.value - Elementary(other).value)

    def __mul__(self, other: Any) -> Elementary:
        return Elementary(self.value * Elementary(other).value)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Elementary:
        return Elementary(self.value / Elementary(other).value)

    def exp(self) -> Elementary:
        """Return e to the power of it."""
        return Elementary(sympy.exp(self.value))

    def log(self) -> Elementary:
        """Return its natural logarithm."""
        return Elementary(sympy.log(self.value))


def wrapped(values: Array) -> Array:
    """Return an array of expressions as elements that know exp and log."""
    out = np.empty(values.shape, dtype=object)
    for index, value in np.ndenumerate(values):
        out[index] = Elementary(value)
    return out


def loss_value(loss: Any, outputs: Array, targets: Array, numbers: Any) -> Any:
    """Return what the code of a loss computes for symbols."""
    return Elementary(loss.value(wrapped(outputs), wrapped(targets), numbers)).value
