"""How wrong each parameter's gradient is on one case: the worst entry in budgets, and the whole in norms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcert.certify.judging.verdict import judge
from gradcert.certify.problems import Bounds
from gradcert.reference.numbers import Array


def by_parameter(given: Mapping[str, Array], expected: Mapping[str, Bounds]) -> dict[str, dict[str, float]]:
    """Return, for every parameter, figures of its gradient.

    Returns
    -------
    name -> ``worst``: largest error in units of its entry's budget, ``error``: norm of the error over the reference's
    norm, ``norm``: the reference's norm, ``budget``: the budget's norm over the reference's.

    Examples
    --------
    >>> bounds = Bounds(np.array([3.0, 4.0]), np.array([0.5, 0.5]))
    >>> by_parameter({"b": np.array([3.0, 5.0])}, {"b": bounds})["b"]["worst"]
    2.0
    """
    out = {}
    for name, bounds in expected.items():
        norm = float(np.linalg.norm(bounds.value))
        off = float(np.linalg.norm(np.asarray(given[name], dtype=float) - bounds.value))
        out[name] = {
            "worst": judge(given[name], bounds).worst,
            "error": off / norm if norm else (0.0 if off == 0 else float("inf")),
            "norm": norm,
            "budget": bounds.relative,
        }
    return out
