"""The judge: an array against a reference and its budget. Subjects and controls come before the same one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.certify.problems import Bounds
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Judgement:
    """The worst entry of one array.

    Attributes
    ----------
    ok : whether every entry is inside its budget.
    worst : largest error in units of the budget; infinite where the budget is zero and the entry is not equal.
    index, given, reference, budget : the worst entry.
    """

    ok: bool
    worst: float
    index: tuple[int, ...]
    given: float
    reference: float
    budget: float

    def where(self, name: str) -> dict[str, Any]:
        """Return the entry as a record."""
        return {
            "array": name,
            "index": list(self.index),
            "given": self.given,
            "reference": self.reference,
            "budget": self.budget,
            "error in budgets": self.worst,
        }


def judge(given: Array, bounds: Bounds) -> Judgement:
    """Judge one array of the right shape; entries are compared as numbers, so that -0 equals 0.

    Examples
    --------
    >>> judge(np.array([1.0, 2.5]), Bounds(np.array([1.0, 2.0]), np.array([0.0, 0.25]))).worst
    2.0
    """
    values = np.asarray(given, dtype=float)
    error = np.abs(values - bounds.value)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(error == 0, 0.0, error / bounds.budget)
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    index = np.unravel_index(int(np.argmax(ratio)), ratio.shape) if ratio.ndim else ()
    worst = float(ratio[index])
    return Judgement(
        ok=worst <= 1.0,
        worst=worst,
        index=tuple(int(i) for i in index),
        given=float(values[index]),
        reference=float(bounds.value[index]),
        budget=float(bounds.budget[index]),
    )


def judge_all(given: Mapping[str, Array], expected: Mapping[str, Bounds]) -> dict[str, Judgement]:
    """Judge every array of a gradient."""
    return {name: judge(given[name], bounds) for name, bounds in expected.items()}


def worst_of(judgements: Mapping[str, Judgement]) -> tuple[str, Judgement]:
    """Return the name and judgement of the worst array."""
    return max(judgements.items(), key=lambda item: item[1].worst)
