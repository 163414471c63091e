"""The prime field GF(p): equality of two algorithms on large random networks, without any tolerance.

There is no order and no limit in a field, so an activation and its derivative are two independent random functions
of the field, fixed by the activation's name and a seed. What two algorithms compute are then polynomials in the values
of these functions; two different polynomials of degree d agree at a random point with probability at most d / p
(Schwartz-Zippel), here below 1e-15. The identity keeps its meaning: cells leave it out of the graph.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq, nmod

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Activation, Array

PRIME = 9223372036854775783  # 2^63 - 25, the largest prime below 2^63


@dataclass(frozen=True)
class PrimeField:
    """Object arrays of ``flint.nmod``.

    Parameters
    ----------
    prime : the modulus, below 2^63.
    seed : chooses the random functions.

    Examples
    --------
    >>> field = PrimeField(prime=7)
    >>> field.array([3, 0.5, 6]) * 2
    array([6, 1, 5], dtype=object)
    """

    prime: int = PRIME
    seed: int = 0

    def __post_init__(self) -> None:
        if not 2 < self.prime < 2**63:
            raise GradcertError(f"the modulus {self.prime}", allowed="a prime between 3 and 2^63")

    @property
    def name(self) -> str:
        """Name shown in reports."""
        return f"GF({self.prime})"

    @property
    def pi(self) -> Any:
        """A random element: nothing but pi itself is pi."""
        return self._random("pi", 0)

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return zeros."""
        out = np.empty(shape, dtype=object)
        out.fill(nmod(0, self.prime))
        return out

    def array(self, values: Any) -> Array:
        """Convert whole numbers, fractions and floats (dyadic rationals); 1/2 is the inverse of 2."""
        values = np.asarray(values)
        out = np.empty(values.shape, dtype=object)
        for index in np.ndindex(values.shape):
            out[index] = self._element(values[index])
        return out

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Return uniform random elements."""
        drawn = rng.integers(0, self.prime, size=shape, dtype=np.int64)
        return self.array(drawn)

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return the random function of this name at x."""
        return x if activation.name == "identity" else self._map(f"{activation.name}/value", x)

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the random function that stands for the derivative, independent of the one of `apply`."""
        return x * 0 + 1 if activation.name == "identity" else self._map(f"{activation.name}/slope", x)

    def exp(self, x: Array) -> Array:
        """Return a random function."""
        return self._map("exp", x)

    def tanh(self, x: Array) -> Array:
        """Return a random function."""
        return self._map("tanh", x)

    def sqrt(self, x: Array) -> Array:
        """Return a random function."""
        return self._map("sqrt", x)

    def cos(self, x: Array) -> Array:
        """Return a random function."""
        return self._map("cos", x)

    def sin(self, x: Array) -> Array:
        """Return a random function."""
        return self._map("sin", x)

    def floor(self, x: Array) -> Array:
        """Return a random function."""
        return self._map("floor", x)

    def absolute(self, x: Array) -> Array:
        """Refuse: a field has no sign."""
        raise GradcertError("the absolute value in a prime field", do="use rationals or balls")

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Refuse: a field has no order."""
        raise GradcertError(f"the comparison {relation!r} in a prime field", do="use rationals or balls")

    def _element(self, value: Any) -> Any:
        if isinstance(value, nmod):
            return value
        if isinstance(value, (int, np.integer)):
            return nmod(int(value) % self.prime, self.prime)
        if isinstance(value, (float, np.floating)) and np.isfinite(value):
            value = fmpq(*float(value).as_integer_ratio())
        if isinstance(value, Fraction):
            value = fmpq(value.numerator, value.denominator)
        if isinstance(value, fmpq):
            return nmod(int(value.p) % self.prime, self.prime) / nmod(int(value.q) % self.prime, self.prime)
        raise GradcertError(f"{value!r} in a prime field", allowed="whole numbers, fractions, finite floats, nmod")

    def _random(self, key: str, x: Any) -> Any:
        digest = hashlib.blake2b(f"{self.seed}/{key}/{int(x)}".encode(), digest_size=16).digest()
        return nmod(int.from_bytes(digest, "big") % self.prime, self.prime)

    def _map(self, key: str, x: Array) -> Array:
        x = np.asarray(x, dtype=object)
        out = np.empty(x.shape, dtype=object)
        for index in np.ndindex(x.shape):
            out[index] = self._random(key, x[index])
        return out
