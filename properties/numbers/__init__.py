"""Number systems in which equality is exact: rationals, a prime field, and dual numbers over any of them."""

from gradcert.properties.numbers.rationals import RATIONALS, Rationals, to_rational

__all__ = ["RATIONALS", "Rationals", "to_rational"]
