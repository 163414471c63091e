"""What was done to the finished gradient: entries held at zero, stored in half precision, nothing but zeros."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gradcert.certify.diagnosis.evidence import Evidence

HALF = 2.0**-11  # unit roundoff of float16
SMALLEST = 2.0**-25  # half the smallest float16


def zero(evidence: Sequence[Evidence]) -> bool:
    """Return whether nothing but zeros was given."""
    return all(not g.any() for e in evidence for g in e.given.values())


def held(evidence: Sequence[Evidence]) -> bool:
    """Return whether every entry is right but for whole rows of some parameter that are zero."""
    rows = 0
    for e in evidence:
        for name, given in e.given.items():
            bounds = e.case.expected.gradients[name]
            wrong = np.abs(given - bounds.value) > bounds.budget
            if not wrong.any():
                continue
            frozen = ~(given != 0).reshape(len(given), -1).any(axis=1)
            if wrong[~frozen].any() or frozen.all():
                return False
            rows += int(frozen.sum())
    return rows > 0


def half(evidence: Sequence[Evidence]) -> bool:
    """Return whether every entry is a float16, and the one that the right value rounds to."""
    for e in evidence:
        for name, given in e.given.items():
            bounds = e.case.expected.gradients[name]
            with np.errstate(over="ignore"):
                if (given.astype(np.float16).astype(float) != given).any():
                    return False
            room = bounds.budget * (1 + 2 * HALF) + HALF * np.abs(bounds.value) + SMALLEST
            if (np.abs(given - bounds.value) > room).any():
                return False
    return True


VALUES: dict[str, tuple[str, Callable[[Sequence[Evidence]], bool]]] = {
    "zero": ("nothing but zeros", zero),
    "float16": ("every entry stored in float16", half),
    "rows held": ("rows held at zero", held),
}


def search(evidence: Sequence[Evidence]) -> list[tuple[str, str]]:
    """Return keys and labels of what explains everything given."""
    return [(what, label) for what, (label, test) in VALUES.items() if test(evidence)]
