"""Number systems in which a statement about gradients can be decided.

Rationals and a prime field: equality is exact. Balls (python-flint), with a count of roundings: what every correct
implementation may return. Dyadics: how many bits exactness needs. Rounding: enclosures of what any
float program can return. Duals: derivatives over any of them.
"""

from gradcert.properties.numbers.balls import Balls, settle, working_precision
from gradcert.properties.numbers.dual import Duals
from gradcert.properties.numbers.dyadic import SIGNIFICAND, Dyadics
from gradcert.properties.numbers.element import Decay, Element, Precision
from gradcert.properties.numbers.prime_field import PRIME, PrimeField
from gradcert.properties.numbers.rationals import RATIONALS, Rationals, to_rational
from gradcert.properties.numbers.rounding import Rounding
from gradcert.properties.numbers.undecided import Undecided

__all__ = [
    "PRIME",
    "RATIONALS",
    "SIGNIFICAND",
    "Balls",
    "Decay",
    "Duals",
    "Dyadics",
    "Element",
    "Precision",
    "PrimeField",
    "Rationals",
    "Rounding",
    "Undecided",
    "settle",
    "to_rational",
    "working_precision",
]
