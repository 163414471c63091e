"""One rounding away: what a difference is called where nothing is rounded, and the answer was."""

from __future__ import annotations

import numpy as np

from gradcert.certify.problems import Bounds
from gradcert.reference.numbers import Array

CAUSE = "one rounding away from exact"
WHY = (
    f"{CAUSE}: every sum of this case is exactly representable, in any order; a constant or a loss that is kept in "
    "another form, and comes back rounded, does this"
)


def only_rounded(given: Array, bounds: Bounds) -> bool:
    """Return whether all that is wrong is in exact entries, and no more than rounding could do to them.

    Examples
    --------
    >>> bounds = Bounds(np.array([0.75]), np.array([0.0]), np.array([1e-15]))
    >>> only_rounded(np.array([np.nextafter(0.75, 1)]), bounds), only_rounded(np.array([0.7]), bounds)
    (True, False)
    """
    if bounds.rounding is None:
        return False
    error = np.abs(np.asarray(given, dtype=float) - bounds.value)
    wrong = ~(error <= bounds.budget)
    return bool(wrong.any() and ((bounds.budget == 0) & (error <= bounds.rounding))[wrong].all())
