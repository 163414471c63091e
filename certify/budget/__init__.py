"""Number systems with derived budgets: what every correct implementation of a dtype may return, and no more."""

from gradcert.certify.budget.balls import Balls, Undecided
from gradcert.certify.budget.expected import Bounds, Expected, expect

__all__ = ["Balls", "Bounds", "Expected", "Undecided", "expect"]
