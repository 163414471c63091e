"""SymPy as a number system: the engine's own code runs on symbols.

An activation becomes an undefined function h whose derivative is *another* undefined function h'. For a spike this
is the point: the pseudo-derivative has nothing to do with the derivative of the step, and an identity that is proved
here holds for every pair (h, h'). For a smooth activation it is merely more general than needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
import sympy

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Activation, Array

_LETTERS = {"tanh": "phi", "sigmoid": "sigma", "relu": "g"}


@cache
def function_pair(name: str) -> tuple[type[sympy.Function], type[sympy.Function]]:
    """Return (h, h'), two undefined SymPy functions; ``h(x).diff(x)`` is ``h'(x)``.

    Parameters
    ----------
    name : the activation's name; two activations of one name are one function.

    Examples
    --------
    >>> h, slope = function_pair("tanh")
    >>> x = sympy.Symbol("x")
    >>> h(x**2).diff(x)
    2*x*phi'(x**2)
    """
    letter = _LETTERS.get(name, "h" if name.startswith("spike[") else name)
    taken = [pair[0] for pair in _made if pair[0].__name__.rstrip("0123456789") == letter]
    letter = letter if not taken else f"{letter}{len(taken) + 1}"
    slope = type(f"{letter}'", (sympy.Function,), {"nargs": 1})

    def fdiff(self: Any, argindex: int = 1) -> Any:
        return slope(self.args[0])

    value = type(letter, (sympy.Function,), {"nargs": 1, "fdiff": fdiff})
    _made.append((value, slope))
    return value, slope


_made: list[tuple[Any, Any]] = []


@lru_cache(maxsize=200_000)
def _canonical(x: Any) -> Any:
    # One argument, one form: otherwise h(a (b + c)) and h(a b + a c) would be two unrelated symbols.
    return sympy.expand(x)


def each(f: Callable[[Any], Any], x: Any) -> Array:
    """Apply a function to every element of an object array."""
    x = np.asarray(x, dtype=object)
    out = np.empty(x.shape, dtype=object)
    out.reshape(-1)[:] = [f(value) for value in x.reshape(-1)]
    return out


@dataclass(frozen=True)
class Symbols:
    """SymPy expressions in object arrays.

    Examples
    --------
    >>> from gradcert.reference.numbers import TANH
    >>> SYMBOLS.apply(TANH, symbols("a", (2,)))
    array([phi(a[0]), phi(a[1])], dtype=object)
    """

    @property
    def name(self) -> str:
        """Name shown in reports."""
        return "sympy"

    @property
    def pi(self) -> Any:
        """The circle constant, exactly."""
        return sympy.pi

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return zeros."""
        return each(lambda _: sympy.S.Zero, np.zeros(shape))

    def array(self, values: Any) -> Array:
        """Convert exactly: a float becomes the rational number that it is."""
        return each(_exact, values)

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return h(x), h undefined; the identity stays what it is."""
        if activation.name == "identity":
            return x
        return each(lambda value: function_pair(activation.name)[0](_canonical(value)), x)

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return h'(x), a function of its own."""
        if activation.name == "identity":
            return each(lambda _: sympy.S.One, x)
        return each(lambda value: function_pair(activation.name)[1](_canonical(value)), x)

    def exp(self, x: Array) -> Array:
        """Return e^x."""
        return each(sympy.exp, x)

    def tanh(self, x: Array) -> Array:
        """Return tanh x."""
        return each(lambda value: sympy.tanh(_canonical(value)), x)

    def absolute(self, x: Array) -> Array:
        """Refuse: |x| of a symbol has no derivative at 0."""
        raise _refused("|x|")

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Refuse: a comparison of symbols has no answer."""
        raise _refused(f"a choice by a {relation} b")


def _exact(value: Any) -> Any:
    return sympy.Rational(*value.as_integer_ratio()) if isinstance(value, float) else sympy.sympify(value)


def _refused(what: str) -> GradcertError:
    return GradcertError(
        f"{what} of symbols",
        allowed="sums, products, exp, tanh and activations",
        do="put the choice into an Activation, which becomes an undefined function with its own pseudo-derivative",
    )


SYMBOLS = Symbols()


def symbols(name: str, shape: Iterable[int]) -> Array:
    """Return an array of fresh symbols ``name[i,j]``.

    Examples
    --------
    >>> symbols("W", (1, 2))
    array([[W[0,0], W[0,1]]], dtype=object)
    """
    out = np.empty(tuple(shape), dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = sympy.Symbol(f"{name}[{','.join(map(str, index))}]")
    return out
