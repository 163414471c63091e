"""What was done to the finished gradient: entries held at zero, stored in half precision, nothing but zeros."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gradcert.certify.diagnosis.bench import on_numbers
from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.certify.problems import bounds_of
from gradcert.properties.numbers import Precision, Undecided, working_precision
from gradcert.reference.numbers import Array

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


def difference(evidence: Sequence[Evidence]) -> bool:
    """Return whether every entry is a difference of a weight before and after a step, to the last bit.

    The difference of two numbers that are rounded as w is loses what w is larger than it; how much follows from w and
    the size of the step. A number that is not such a difference does not come back when it is made one.
    """
    return any(all(_stepped(e, rate) for e in evidence) for rate in RATES)


RATES = (1.0, 0.5, 0.1, 0.01, 0.001, 1e-4, 1e-5)


def _stepped(e: Evidence, rate: float) -> bool:
    unit = 2.0**-53 if e.case.problem.dtype == "float64" else 2.0**-24
    for name, given in e.given.items():
        w, bounds = np.asarray(e.case.problem.parameters[name]), e.case.expected.gradients[name]
        step = w.dtype.type(rate)
        again = (w - (w - step * given.astype(w.dtype))) / step
        lost = unit * (np.abs(w) + 3 * rate * np.abs(bounds.value)) / rate
        if (again != given).any() or (np.abs(given - bounds.value) > bounds.budget + lost).any():
            return False
    return True


def brain(evidence: Sequence[Evidence]) -> bool:
    """Return whether every entry is a bfloat16, and one that arithmetic in bfloat16 may give."""
    for e in evidence:
        if not all(_is_bfloat16(given) for given in e.given.values()):
            return False
    return all(_computed(e, Precision(BRAIN_DIGITS, slack=2)) for e in evidence)


BRAIN_DIGITS = 8


def _is_bfloat16(given: Array) -> bool:
    mantissa, _ = np.frexp(given)
    return bool((np.ldexp(mantissa, BRAIN_DIGITS) % 1 == 0).all())


def _computed(e: Evidence, precision: Precision) -> bool:
    with working_precision():
        try:
            found = on_numbers(e.case.problem, e.case.rule, precision).gradients()
            return all(e.equals(n, bounds_of(np.asarray(found[n], dtype=object))) for n in e.given)
        except Undecided:
            return False


VALUES: dict[str, tuple[str, Callable[[Sequence[Evidence]], bool]]] = {
    "zero": ("nothing but zeros", zero),
    "float16": ("every entry stored in float16", half),
    "difference": ("the gradient read as the difference of a weight before and after a step", difference),
    "bfloat16": ("arithmetic in bfloat16", brain),
    "rows held": ("rows held at zero", held),
}


def search(evidence: Sequence[Evidence]) -> list[tuple[str, str]]:
    """Return keys and labels of what explains everything given."""
    return [(what, label) for what, (label, test) in VALUES.items() if test(evidence)]
