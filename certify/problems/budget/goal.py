"""What a claim's class compares with: the claimed row within its rounding budget, or BPTT within the row's bound."""

from __future__ import annotations

from gradcert.certify.claims import Claim
from gradcert.certify.problems.budget.expected import Bounds, Expected, expect
from gradcert.properties.numbers.element import UPWARDS
from gradcert.reference.bounds import entries
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array
from gradcert.reference.published import Claimed
from gradcert.reference.rules import RULES, Rule

TRUTH = RULES["bptt"]


def expectation(problem: Problem, rule: Claimed, claim: Claim) -> Expected:
    """Return what a case is judged against (`gradcert.certify.judging.acceptance`).

    A bounded claim is judged against BPTT: an entry's budget is its own rounding budget plus the bound proven for the
    rule, unless the subject declares a bound of its own.

    Raises
    ------
    Undecided : as `expect`.
    """
    if claim.acceptance != "bounded":
        return expect(problem, rule, claim.dtype)
    truth = expect(problem, TRUTH, claim.dtype)
    if "error" in claim.within:
        return truth
    assert isinstance(rule, Rule), rule  # `check_algorithm` lets no other claim be bounded
    bound = proven(problem, rule)
    gradients = {
        # where the bound is zero the budget stays what it was: exact stays exact
        k: Bounds(b.value, (b.budget + bound[k]) * UPWARDS) if bound[k].any() else b
        for k, b in truth.gradients.items()
    }
    return Expected(truth.outputs, truth.loss, gradients)


def proven(problem: Problem, rule: Rule) -> dict[str, Array]:
    """Return the bound on the error of a rule against BPTT, entry by entry, in float64 and rounded outward."""
    p = problem.floats()
    given = (p.network, p.parameters, p.inputs, p.targets)
    return entries(*given, rule=rule, feedback=dict(p.feedback) or None, **p.data)
