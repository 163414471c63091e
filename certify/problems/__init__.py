"""Problems made ready to be judged: families of cases (`cases/`), and the budget of each (`budget/`).

A new family of cases, or a circumstance that cases have to meet, goes to `cases/`; what a right implementation may
return is derived in `budget/`. Nothing here knows subjects.
"""

from gradcert.certify.problems.budget.expected import PRECISIONS, Bounds, Expected, bounds_of, expect
from gradcert.certify.problems.budget.goal import TRUTH, proven
from gradcert.certify.problems.budget.stored import stored
from gradcert.certify.problems.cases import scale
from gradcert.certify.problems.cases.case import Case, Spec
from gradcert.certify.problems.cases.draw import surrogate
from gradcert.certify.problems.cases.generate import NOISE, generate
from gradcert.certify.problems.cases.plan import plan, profile_named

__all__ = [
    "NOISE",
    "PRECISIONS",
    "TRUTH",
    "Bounds",
    "Case",
    "Expected",
    "Spec",
    "bounds_of",
    "expect",
    "generate",
    "plan",
    "profile_named",
    "proven",
    "scale",
    "stored",
    "surrogate",
]
