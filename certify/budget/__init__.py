"""Number systems with derived budgets: what every correct implementation of a dtype may return, and no more."""

from gradcert.certify.budget.balls import Balls, Undecided
from gradcert.certify.budget.expected import Bounds, Expected, expect
from gradcert.certify.budget.rationals import RATIONALS, Rationals

__all__ = ["RATIONALS", "Balls", "Bounds", "Expected", "Rationals", "Undecided", "expect"]
