"""Run the steps of the diagnosis and put what they find into one sentence."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np

from gradcert.certify.diagnosis import causes, conventions
from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer
from gradcert.reference.rules import Rule

STRICT = "GRADCERT_STRICT"  # set by our own tests: there, a diagnosis that raises is a failure
NOT_LOOKED_FOR = "no cause could be looked for: a fault in gradcert's diagnosis, please report it"
MOST = 6  # cases that an explanation has to account for


def chosen(failed: Sequence[tuple[Case, Answer]]) -> list[Evidence]:
    """Return evidence from every cell and depth that failed, the deepest first."""
    seen: dict[tuple[str, int], int] = {}
    out: list[Evidence] = []
    for case, answer in sorted(failed, key=lambda pair: -pair[0].spec.depth):
        key = (case.spec.cell, case.spec.depth)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= 2 and len(out) < MOST:
            given = {k: np.asarray(v, dtype=float) for k, v in answer.gradients.items() if isinstance(v, np.ndarray)}
            out.append(Evidence(case, given))
    return out


def explain(failed: Sequence[tuple[Case, Answer]], claimed: Rule) -> str:
    """Return what the subject computes instead, in one sentence, or that nothing known explains it."""
    return guarded(lambda: str(causes.find(chosen(failed), claimed)))


def explain_outputs(failed: Sequence[tuple[Case, Answer]]) -> str:
    """Return which convention the outputs follow instead, or "" if none is known."""
    return guarded(lambda: conventions.outputs(failed))


def guarded(find: Callable[[], str]) -> str:
    """Return what a search for a cause finds. The verdict does not depend on it: a fault of ours is said here."""
    try:
        return find()
    except Exception as error:
        if os.environ.get(STRICT):
            raise
        return f"{NOT_LOOKED_FOR} ({type(error).__name__}: {str(error)[:200]})"
