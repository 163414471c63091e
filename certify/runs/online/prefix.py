"""Prefix consistency: after t steps the gradients are those of the first t steps under the claimed rule.

Each prefix is a problem of its own, with a reference and a budget of its own. Where the loss counts at the last step
alone, nothing may have been credited before it. Asking on the way may not change the end: it has to be the same, to the
last bit, as without asking.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcert.certify.judging.checks import gradient, structure
from gradcert.certify.problems import Bounds, Case, Expected, expect
from gradcert.certify.runs.online.outcome import Outcome, differing, interrupted, refuted
from gradcert.certify.runs.run import Run
from gradcert.certify.runs.steps import prefix
from gradcert.properties.numbers import Undecided
from gradcert.reference.errors import GradcertError


def check(run: Run, case: Case) -> Outcome:
    """Ask after every step, and compare each answer with the reference of that prefix."""
    steps = len(case.problem.inputs)
    played = run.play(case.problem, ask=range(1, steps + 1))
    if (stopped := interrupted("prefix", case, played)) is not None:
        return stopped
    assert played is not None
    judged = 0
    for t in range(1, steps + 1):
        expected = expectation(case, t)
        if expected is None:
            continue
        part = replace(case, problem=prefix(case.problem, t), expected=expected)
        answer = replace(played.credited[t], outputs=None)
        found = structure.check(part, answer) or (gradient.check(part, answer) if run.claim.entrywise else [])
        if found:
            reason = f"after step {t} of {steps}: {found[0].reason}"
            return refuted("prefix", case, reason, cause="", **{**found[0].where, "step": t})
        judged += 1
    silent = run.play(case.problem, ask=[steps])
    if (stopped := interrupted("prefix", case, silent)) is not None:
        return stopped
    assert silent is not None
    if names := differing(played.credited[steps], silent.credited[steps]):
        reason = f"asked after every step, the learner ends with another {', '.join(names)} than when left alone"
        return refuted("prefix", case, reason, cause="gradients() changes the learner, or chance does", arrays=names)
    how = (
        "inside their budgets"
        if run.claim.entrywise
        else f"of the right form; {run.claim.acceptance} on whole sequences"
    )
    return Outcome("passed", f"{judged} of {steps} prefixes {how}", {"prefixes": judged})


def expectation(case: Case, t: int) -> Expected | None:
    """Return the reference of the first t steps, or None where a comparison has no margin."""
    if case.spec.when == "last" and t < len(case.problem.inputs):
        nothing = {
            k: Bounds(np.zeros_like(b.value), np.zeros_like(b.value)) for k, b in case.expected.gradients.items()
        }
        return replace(case.expected, gradients=nothing)
    if t == len(case.problem.inputs):
        return case.expected
    try:
        return expect(prefix(case.problem, t), case.rule, case.problem.dtype)
    except (Undecided, GradcertError):  # no margin; steps none of which counts
        return None
