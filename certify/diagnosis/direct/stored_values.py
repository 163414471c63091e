"""What was done to the finished gradient: entries held at zero, stored in half precision, nothing but zeros."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.reference.numbers import FORMATS, Array

HALF = 2.0**-11  # unit roundoff of float16
SMALLEST = 2.0**-25  # half the smallest float16


def zero(evidence: Sequence[Evidence]) -> bool:
    """Return whether nothing but zeros was given."""
    return all(not g.any() for e in evidence for g in e.given.values())


def held(evidence: Sequence[Evidence]) -> bool:
    """Return whether every entry is right but for whole rows of some parameter that are zero."""
    return bool(_held(evidence))


def _held(evidence: Sequence[Evidence], *, whole: bool = False) -> int | None:
    """Return how many wrong rows are zero; None where more is wrong, or a whole parameter is zero (but for `whole`)."""
    rows = 0
    for e in evidence:
        for name, given in e.given.items():
            bounds = e.case.expected.gradients[name]
            wrong = np.abs(given - bounds.value) > bounds.budget
            if not wrong.any():
                continue
            frozen = ~(given != 0).reshape(len(given), -1).any(axis=1)
            if wrong[~frozen].any() or (frozen.all() and not whole):
                return None
            rows += int(frozen.sum())
    return rows


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
    """Return whether every entry is a difference of a weight before and after a step, but for the last bits.

    The difference of two numbers that are rounded as w is loses what w is larger than it; how much follows from w and
    the size of the step. A number that is not such a difference does not come back when it is made one.
    """
    return any(all(_stepped(e, rate) for e in evidence) for rate in RATES)


RATES = (1.0, 0.5, 0.1, 0.01, 0.001, 1e-4, 1e-5)


def _stepped(e: Evidence, rate: float) -> bool:
    if (made := FORMATS[e.case.problem.dtype]).half:
        return False  # in so few digits whatever comes back could be such a difference
    unit = made.unit
    for name, given in e.given.items():
        w, bounds = np.asarray(e.case.problem.parameters[name]), e.case.expected.gradients[name]
        step = w.dtype.type(rate)
        again = (w - (w - step * given.astype(w.dtype))) / step
        lost = unit * (np.abs(w) + 3 * rate * np.abs(bounds.value)) / rate
        if (np.abs(again - given) > 4 * unit * np.abs(given)).any() or (
            np.abs(given - bounds.value) > bounds.budget + lost
        ).any():
            return False
    return True


def brain(evidence: Sequence[Evidence]) -> bool:
    """Return whether every entry is a bfloat16, and right to its digits.

    A gradient that was computed in float64 has an entry that is none, unless all are dyadic. How far arithmetic with
    eight digits is off depends on how it is done, so it is asked for a sixteenth of the norm.
    """
    for e in evidence:
        for name, given in e.given.items():
            right = e.case.expected.gradients[name].value
            if not _is_bfloat16(given) or np.linalg.norm(given - right) > np.linalg.norm(right) / 16:
                return False
    return any(not _is_bfloat16(b.value) for e in evidence for b in e.case.expected.gradients.values())


BRAIN_DIGITS = 8


def _is_bfloat16(values: Array) -> bool:
    mantissa, _ = np.frexp(values)
    return bool((np.ldexp(mantissa, BRAIN_DIGITS) % 1 == 0).all())


VALUES: dict[str, tuple[str, Callable[[Sequence[Evidence]], bool]]] = {
    "zero": ("nothing but zeros", zero),
    "float16": ("every entry stored in float16", half),
    "difference": ("the gradient read as the difference of a weight before and after a step", difference),
    "bfloat16": ("arithmetic in bfloat16: every entry is one of its numbers", brain),
    "rows held": ("rows held at zero", held),
}


def search(evidence: Sequence[Evidence]) -> list[tuple[str, str]]:
    """Return keys and labels of what explains everything given."""
    return [(what, label) for what, (label, test) in VALUES.items() if test(evidence)]


def lasts(what: str, evidence: Sequence[Evidence], beyond: Sequence[Evidence]) -> bool:
    """Return whether what explains some evidence explains long cases too, in whose few rows all others may be zero."""
    if what == "rows held":
        return _held(beyond, whole=True) is not None
    return VALUES[what][1]([*evidence, *beyond])
