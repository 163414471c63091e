"""Cases for algorithms that no claim can name yet: drawn for a row, with what the algorithm itself returns on balls.

The network is drawn as for any claim; the expectation is the published algorithm of the reference, run on balls, so
that its budget is derived as all budgets are. Checks and judge are those of certify.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.certify.claims import Claim
from gradcert.certify.problems import PRECISIONS, Case, Spec, bounds_of, generate, parameters_on_balls, plan, stored
from gradcert.certify.runs import Prepared
from gradcert.certify.variations import VARIATIONS
from gradcert.properties.gallery.entry import Entry
from gradcert.properties.numbers import Balls, Undecided, working_precision
from gradcert.reference.networks import Problem

DRAWN = {"fptt": "bptt"}  # the row whose cases are drawn; for rules with a trace of their own, OTTT's
FREE = ("leak", "threshold")  # constants that the cases draw for each layer


def claim_of(entry: Entry) -> Claim | None:
    """Return the claim that the member's cases are drawn for, or None if it is no published algorithm known here."""
    rule = entry.claim["rule"]
    if entry.expected is None or rule not in VARIATIONS:
        return None
    options = {k: v for k, v in entry.claim.get("options", {}).items() if k not in FREE}
    names = ("cells", "depths", "losses", "readout", "readout_options")
    given = {name: entry.claim[name] for name in names if name in entry.claim}
    return Claim(rule=DRAWN.get(rule, "ottt"), when=("every",), options=options, **given)


def cases(entry: Entry, claim: Claim, profile: str) -> list[tuple[Spec, Prepared]]:
    """Return the cases of a claim, the algorithm's own result in the place of the row's, where it decides."""
    out = []
    for spec in plan(claim, profile):
        if spec.levels or spec.family == "long":  # circumstances are those of a claim's row
            continue
        case = generate(spec, claim)
        found = _expected(entry, case) if case is not None else None
        if found is not None:
            out.append((spec, Prepared(found)))
    return out


def _expected(entry: Entry, case: Case) -> Case | None:
    p, balls = case.problem, Balls(PRECISIONS[case.problem.dtype])
    with working_precision():

        def exactly(values: Mapping[str, Any]) -> dict[str, Any]:
            return {name: balls.exactly(value) for name, value in values.items()}

        problem = Problem(
            stored(p.network),
            parameters_on_balls(p.parameters, balls),
            balls.exactly(p.inputs),
            balls.exactly(p.targets),
            exactly(p.feedback),
            balls,
        )
        assert entry.expected is not None
        try:
            found = entry.expected(problem)
        except Undecided:  # a quotient beside its clamp
            return None
        gradients = {name: bounds_of(found[name]) for name in p.parameters}
    if not all(np.isfinite(b.value).all() and np.isfinite(b.budget).all() for b in gradients.values()):
        return None
    return replace(case, expected=replace(case.expected, gradients=gradients), separates={})
