"""What comes of one check of a learner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcert.certify.certificates import Finding
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer, Played


@dataclass(frozen=True)
class Outcome:
    """A verdict, what was seen in one sentence, figures, and the finding if it failed."""

    verdict: str
    what: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    finding: Finding | None = None


def refuted(check: str, case: Case, reason: str, *, cause: str, **facts: Any) -> Outcome:
    """Return a failed outcome."""
    return Outcome("failed", reason, facts, Finding(check, case.id, reason, cause=cause, where=facts))


def interrupted(check: str, case: Case, played: Played | None) -> Outcome | None:
    """Return what to say of a sequence that did not reach its end, or None if it did."""
    if played is None:
        return Outcome("blocked", "there was no process left to ask")
    failure = played.failure or next((a.failure for a in played.credited.values() if a.failure is not None), None)
    if failure is None:
        return None
    found = Finding("call", case.id, failure.reason, cause=failure.kind, where=failure.where)
    return Outcome("failed", failure.reason, {}, found)


def differing(a: Answer, b: Answer) -> list[str]:
    """Return the names of what is not the same to the last bit in two answers: gradients and loss."""
    ours, theirs = ({**answer.gradients, "loss": answer.loss} for answer in (a, b))
    return [name for name in sorted({*ours, *theirs}) if not same(ours.get(name), theirs.get(name))]


def same(a: Any, b: Any) -> bool:
    """Return whether two values are the same to the last bit."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return bool(isinstance(a, type(b)) and a is b) or (isinstance(a, str) and a == b)
