"""Problems made ready to be judged: families of cases (`cases/`), circumstances that they meet, the budget of each.

A new family of cases goes to `cases/`, a circumstance that they have to meet to `cases/circumstances/`; what a right
implementation may return is derived in `budget/`. Nothing here knows subjects.
"""

from gradcert.certify.problems.budget.expected import PRECISIONS, Bounds, Expected, bounds_of, expect
from gradcert.certify.problems.budget.goal import TRUTH, proven
from gradcert.certify.problems.budget.shaken import ORDERS, Shaken, Sized, shaken
from gradcert.certify.problems.budget.stored import data_on_balls, parameters_on_balls, stored
from gradcert.certify.problems.cases import scale
from gradcert.certify.problems.cases.case import Case, Spec
from gradcert.certify.problems.cases.circumstances import long, make_case, outside, pairs, ruled_out, summary
from gradcert.certify.problems.cases.evaluated import evaluated
from gradcert.certify.problems.cases.generate import NOISE, generate
from gradcert.certify.problems.cases.owners import owners
from gradcert.certify.problems.cases.plan import alone, plan, profile_named
from gradcert.certify.problems.cases.plan import circumstances as circumstance_specs

__all__ = [
    "NOISE",
    "ORDERS",
    "PRECISIONS",
    "TRUTH",
    "Bounds",
    "Case",
    "Expected",
    "Shaken",
    "Sized",
    "Spec",
    "alone",
    "bounds_of",
    "circumstance_specs",
    "data_on_balls",
    "evaluated",
    "expect",
    "generate",
    "long",
    "make_case",
    "outside",
    "owners",
    "pairs",
    "parameters_on_balls",
    "plan",
    "profile_named",
    "proven",
    "ruled_out",
    "scale",
    "shaken",
    "stored",
    "summary",
]
