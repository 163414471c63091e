"""Number systems in which a statement about gradients can be decided.

Rationals and a prime field: equality is exact. Dyadics: how many bits exactness needs. Rounding: enclosures of what any
float program can return. Duals: derivatives over any of them.
"""

from gradcert.properties.numbers.dual import Duals
from gradcert.properties.numbers.dyadic import SIGNIFICAND, Dyadics
from gradcert.properties.numbers.prime_field import PRIME, PrimeField
from gradcert.properties.numbers.rationals import RATIONALS, Rationals, to_rational
from gradcert.properties.numbers.rounding import Rounding, Undecided

__all__ = [
    "PRIME",
    "RATIONALS",
    "SIGNIFICAND",
    "Duals",
    "Dyadics",
    "PrimeField",
    "Rationals",
    "Rounding",
    "Undecided",
    "to_rational",
]
