"""Bounded: exact where the rule is, and within the proven bound elsewhere.

A rule that drops edges is not BPTT; `gradcert.reference.bounds` proves by how much at most, entry by entry: the sum of
the dropped paths in absolute values (`componentwise.entries`), which is zero where nothing is dropped, as for the last
layer of a stack. The reference is BPTT's gradient, and an entry's budget is its own rounding budget plus that bound.
The claimed row is inside by the bound's proof; a subject may be any estimator that is as near.

With ``within={"error": e}`` the subject declares its own bound: the norm of each parameter's error is at most e times
that of BPTT's gradient, beside the rounding that it is allowed anyway; a rule that is exact is held to that too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gradcert.certify.certificates import Finding
from gradcert.certify.claims import Claim
from gradcert.certify.judging.checks import gradient
from gradcert.certify.problems import TRUTH, Case, proven
from gradcert.certify.subjects import Answer
from gradcert.properties.numbers.element import UPWARDS
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule


def check(case: Case, answer: Answer, claim: Claim) -> list[Finding]:
    """Return the worst entry that is too far from BPTT, or the first parameter that is, in norm."""
    if "error" not in claim.within:
        return [_said(case, finding) for finding in gradient.check(case, answer)]
    given = {k: v for k, v in answer.gradients.items() if isinstance(v, np.ndarray)}
    for name, error, allowed in outside(case, given, claim):
        reason = f"the gradient of {name} is {error:.3g} of its norm away from {TRUTH.name}; {allowed:.3g} is claimed"
        where = {"parameter": name, "relative error": error, "claimed": allowed}
        return [Finding("gradient", case.id, reason, where=where)]
    return []


def _said(case: Case, finding: Finding) -> Finding:
    name = finding.where["array"]
    assert isinstance(case.rule, Rule), case.rule  # no other claim is bounded (`check_algorithm`)
    exact = not proven(case.problem, case.rule)[name].any()
    what = f"{case.rule.name} is exact there" if exact else f"farther than the bound proven for {case.rule.name}"
    return Finding("gradient", case.id, f"{finding.reason}: {what}", where=finding.where)


def outside(case: Case, given: Mapping[str, Array], claim: Claim) -> Iterator[tuple[str, float, float]]:
    """Yield (parameter, relative error, allowed) where the subject leaves the bound that it declares."""
    allowed = float(claim.within["error"])
    for name, b in case.expected.gradients.items():
        size, slack = float(np.linalg.norm(b.value)), float(np.linalg.norm(b.budget))
        error = float(np.linalg.norm(np.asarray(given[name], dtype=float) - b.value))
        if not error <= allowed * size + slack * UPWARDS:
            yield name, error / size if size else float("inf"), allowed


def variants(case: Case, claim: Claim) -> Iterator[tuple[str, bool | None]]:
    """Yield known-wrong gradients: a bound that lets all of them pass says nothing."""
    right = {k: b.value for k, b in case.expected.gradients.items()}
    wrong: dict[str, Mapping[str, Array]] = {
        "zero": {k: 0 * v for k, v in right.items()},
        "sign reversed": {k: -v for k, v in right.items()},
        "doubled": {k: 2 * v for k, v in right.items()},
        "twice as far as the bound": {
            k: b.value + 2 * b.budget + 2 * float(claim.within.get("error", 0)) * abs(b.value)
            for k, b in case.expected.gradients.items()
        },
    }
    for name, gradients in wrong.items():
        if all((gradients[k] == right[k]).all() for k in right):
            yield name, None  # the bound is zero to the last bit
        else:
            yield name, bool(check(case, Answer(gradients=gradients), claim))
