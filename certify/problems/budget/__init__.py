"""Number systems with derived budgets: what every correct implementation of a dtype may return, and no more."""

from gradcert.certify.problems.budget.expected import Bounds, Expected, expect
from gradcert.properties.numbers import Balls, Undecided

__all__ = ["Balls", "Bounds", "Expected", "Undecided", "expect"]
