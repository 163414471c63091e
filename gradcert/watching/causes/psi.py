"""Pseudo-derivatives that are the user's own function: they are taken as given, and this is what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcert.models.reading.surrogates import Taken
from gradcert.reference.numbers import Array

BESIDE = 1e-9  # on both sides of the threshold
JUMP = 1e-3  # of the peak: what is smooth moves by far less between the two
CLOSE = 1e-6  # of the peak, by which a branch may miss the other one, moved
FAR = 8.0  # potentials, in the units of the function's argument, up to which a reset is looked for


def given(reading: Any) -> list[str]:
    """Return what has to be said of derivatives that are the user's own: pseudo-derivatives, and of parameters."""
    out: list[str] = list(reading.given_derivatives)
    for surrogate in dict.fromkeys(psi for psi, _ in reading.psi):
        if isinstance(surrogate, Taken):
            peak = dict(surrogate.scales)["peak"]
            shape = said_of(surrogate.kind.slope, peak)
            out.append(
                f"the pseudo-derivative is taken as given: the user's own {surrogate.name}, which is no row of the"
                f" table (peak {peak:.4g}){shape}"
            )
    return out


def said_of(slope: Callable[[Array], Array], peak: float) -> str:
    """Return what a pseudo-derivative does at the threshold, at 0, if it is no function that is smooth there.

    One that was taken at the potential after a reset by s has, above the threshold, the values that it has s below.

    Examples
    --------
    >>> said_of(lambda u: 1 / (1 + 10 * np.abs(u - (u > 0))) ** 2, 1.0)
    '; it jumps at the threshold from 1 to 0.008264: it is taken at the potential after a reset by 1'
    >>> said_of(lambda u: 1 / (1 + 10 * np.abs(u)) ** 2, 1.0)
    ''
    """

    def at(*x: float) -> Array:
        return slope(np.array(x))

    below, above = at(-BESIDE, BESIDE)
    if abs(above - below) <= JUMP * peak:
        return ""
    said = f"; it jumps at the threshold from {below:.4g} to {above:.4g}"
    low, high = 0.0, FAR
    if (at(-high)[0] - above) * (below - above) > 0:  # no reset makes these of one function
        return said
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (at(-middle)[0] - above) * (below - above) > 0 else (low, middle)
    shift = round(high, 6)
    x = np.linspace(0.05, 0.95, 7) * shift
    same = np.abs(slope(x) - slope(x - shift)).max() <= CLOSE * peak
    return f"{said}: it is taken at the potential after a reset by {shift:g}" if same and shift else said
