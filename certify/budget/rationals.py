"""Exact rationals: a second, independent way to the reference of a case in which no irrational number occurs."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import RELATIONS, Array

if TYPE_CHECKING:
    from gradcert.reference.functions import Activation


class Rationals:
    """Arrays of `fractions.Fraction`.

    Examples
    --------
    >>> RATIONALS.array([0.5, 3])
    array([Fraction(1, 2), Fraction(3, 1)], dtype=object)
    """

    name = "rationals"

    @property
    def pi(self) -> Any:
        """Pi is not rational."""
        raise _irrational("pi")

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return zeros."""
        out = np.empty(shape, dtype=object)
        out.fill(Fraction(0))
        return out

    def array(self, values: Any) -> Array:
        """Convert; a float stands for the number that it is."""
        return np.asarray(np.frompyfunc(_fraction, 1, 1)(np.asarray(values)), dtype=object)

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return activation(x)."""
        return activation.value(x, self)

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the (pseudo-)derivative at x."""
        return activation.derivative(x, self)

    def exp(self, x: Array) -> Array:
        """Not rational."""
        raise _irrational("exp")

    def tanh(self, x: Array) -> Array:
        """Not rational."""
        raise _irrational("tanh")

    def absolute(self, x: Array) -> Array:
        """Return |x|."""
        return np.abs(x)

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Choose elementwise."""
        chosen = np.where(
            RELATIONS[relation](a, b), np.asarray(then, dtype=object), np.asarray(otherwise, dtype=object)
        )
        return self.array(chosen)


def _fraction(value: Any) -> Fraction:
    return (
        value
        if isinstance(value, Fraction)
        else Fraction(float(value))
        if isinstance(value, float)
        else Fraction(int(value))
    )


def _irrational(what: str) -> GradcertError:
    return GradcertError(
        f"{what} in exact rationals", allowed="cells and pseudo-derivatives that are piecewise rational"
    )


RATIONALS = Rationals()
