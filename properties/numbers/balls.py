"""Balls: the number system in which a budget is computed; the engine of `gradcert.reference` runs on it unchanged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import flint
import numpy as np
from flint import arb

from gradcert.properties.numbers.element import Decay, Element, Precision, constant, decay, function
from gradcert.properties.numbers.undecided import Undecided
from gradcert.reference.numbers import Array

if TYPE_CHECKING:
    from gradcert.reference.numbers import Activation

WORKING_BITS = 192  # exact for the products and sums of dyadic cases; elsewhere far below any budget
CONVERSIONS = 4  # a constant that is scaled, inverted or squared before it is used comes back with a few roundings


@contextmanager
def working_precision() -> Iterator[None]:
    """Set the precision of ball arithmetic for a while.

    An enclosure, or a budget, that is no number any more is seen to where it is read (`Undecided`, `exact`): what NumPy
    sees of it on the way, in the flags that C code leaves behind, says nothing to anybody.
    """
    before = flint.ctx.prec
    flint.ctx.prec = WORKING_BITS
    try:
        with np.errstate(invalid="ignore"):
            yield
    finally:
        flint.ctx.prec = before


class Balls:
    """Arrays of `Element`.

    Parameters
    ----------
    precision : the arithmetic of the subject's dtype.

    Examples
    --------
    >>> balls = Balls(Precision(53))
    >>> x = balls.exactly([0.5, 0.25])
    >>> [element.exact for element in x * x]
    [True, True]
    """

    def __init__(self, precision: Precision) -> None:
        self.precision = precision

    @property
    def name(self) -> str:
        """Name shown in reports."""
        return f"balls({self.precision.digits})"

    @property
    def pi(self) -> Element:
        """Pi, which the subject rounds once."""
        return Element(arb.pi(), 3.1415926535897936, 1, None, self.precision)

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return exact zeros."""
        out = np.empty(shape, dtype=object)
        out.fill(constant(0.0, self.precision))
        return out

    def exactly(self, values: Any) -> Array:
        """Convert numbers that the subject is given and uses as they are: parameters, inputs, targets."""
        return self._convert(values, count=0)

    def array(self, values: Any) -> Array:
        """Convert constants of a cell, which a library may store in another form."""
        return self._convert(values, count=CONVERSIONS)

    def _convert(self, values: Any, *, count: int) -> Array:
        def one(value: Any) -> Element:
            if isinstance(value, Element):
                return value
            if isinstance(value, Decay):
                return decay(float(value), self.precision)
            value = float(value)
            # a power of two survives every such conversion
            plain = value == 0 or abs(value) in (0.25, 0.5, 1.0, 2.0, 4.0)
            return constant(value, self.precision, count=0 if plain else count)

        return elementwise(one, np.asarray(values))

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return activation(x)."""
        return activation.value(x, self)

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the (pseudo-)derivative at x."""
        return activation.derivative(x, self)

    def exp(self, x: Array) -> Array:
        """Return e^x."""
        return elementwise(lambda e: e.exp(), x)

    def tanh(self, x: Array) -> Array:
        """Return tanh x."""
        return elementwise(lambda e: function(e, lambda ball: ball.tanh(), ulps=e.precision.libm), x)

    def sqrt(self, x: Array) -> Array:
        """Return the square root of x."""
        return elementwise(lambda e: e**0.5, x)

    def cos(self, x: Array) -> Array:
        """Return the cosine of x."""
        return elementwise(lambda e: function(e, lambda ball: ball.cos(), ulps=e.precision.libm), x)

    def sin(self, x: Array) -> Array:
        """Return the sine of x."""
        return elementwise(lambda e: function(e, lambda ball: ball.sin(), ulps=e.precision.libm), x)

    def floor(self, x: Array) -> Array:
        """Return the largest whole number up to x, which all correct implementations agree about.

        Raises
        ------
        Undecided : if x is closer to a whole number than rounding, and not certainly equal.
        """
        return elementwise(self._floor, x)

    def _floor(self, e: Element) -> Element:
        low, high = (math.floor(float(end)) for end in (e.inflated().lower(), e.inflated().upper()))
        if low != high:
            raise Undecided(f"floor {e.ball}")
        return constant(float(low), self.precision)

    def absolute(self, x: Array) -> Array:
        """Return |x|."""
        return elementwise(abs, x)

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Choose elementwise; every choice is one that all correct implementations make, or both are the same number.

        Where the two are one number but for rounding, as on the border of a clamp, it is enclosed whichever is chosen.

        Raises
        ------
        Undecided : if a and b are closer than rounding, and not certainly equal.
        """
        a, b, then, otherwise = (np.asarray(v, dtype=object) for v in (a, b, then, otherwise))

        def one(x: Element, y: Any, yes: Any, no: Any) -> Any:
            try:
                chosen = yes if decide(x - y, relation) else no
            except Undecided:
                if not isinstance(yes, Element) or not isinstance(no, Element):
                    raise
                return _either(yes, no)
            return chosen if isinstance(chosen, Element) else constant(float(chosen), self.precision)

        return np.asarray(np.frompyfunc(one, 4, 1)(a, b, then, otherwise), dtype=object)


def _either(a: Element, b: Element) -> Element:
    """Return an enclosure of both of two numbers that an implementation may hold for one; raise where they differ."""
    if not a.inflated().overlaps(b.inflated()):
        raise Undecided(f"{a.ball} or {b.ball}")
    bound, reach, steps = max(a.bound, b.bound), max(a.reach, b.reach), max(a.steps, b.steps)
    count = max(a.count, b.count)
    return Element(a.ball.union(b.ball), bound, count, None, a.precision, reach, steps)


def settle(x: Any) -> Any:
    """Make every element an atom; numbers that are no elements stay what they are."""
    if isinstance(x, np.ndarray) and x.dtype == object:
        return elementwise(settle, x)
    return x.settled() if isinstance(x, Element) else x


def decide(difference: Element, relation: str) -> bool:
    """Return whether ``difference relation 0`` holds, for every value that an implementation may hold."""
    ball = difference.inflated()
    if ball > 0:
        return relation in (">", ">=")
    if ball < 0:
        return relation in ("<", "<=")
    if ball.is_zero():  # a tie that no rounding can break
        return relation in (">=", "<=")
    raise Undecided(f"{difference.ball} {relation} 0")


def elementwise(f: Callable[[Any], Any], x: Array) -> Array:
    """Map a function over an array of objects."""
    return np.asarray(np.frompyfunc(f, 1, 1)(np.asarray(x)), dtype=object)
