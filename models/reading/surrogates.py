"""Naming a pseudo-derivative: a row of the table with scales read off in closed form, or the user's own function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, log, pi
from typing import Any

import numpy as np

from gradcert.models.reading.spikes import GRID, Kind
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import FLOAT64, Array, Form, Numbers, Surrogate, pseudo_derivative

# Scales are kept to 10 digits (0.8999999762 of a float32 is 0.9 to nobody), which moves values by 1e-9 of the peak at
# most; two rows of the table that are not equal differ by more than 1e-3 of it somewhere on the grid.
CLOSE = 1e-9


def identify(kind: Kind) -> Surrogate:
    """Return the row of the table that a spike's own backward is, or its own function, taken as given.

    Examples
    --------
    >>> identify(Kind("Spike", lambda v: 1 / (1 + 10 * np.abs(v)) ** 2, True, "model.py:3")).label
    'fast_sigmoid(slope=10.0)'
    """
    x, slopes = GRID, kind.slope(GRID)
    top = float(np.abs(slopes).max())
    quarter = float(kind.slope(np.array([0.25]))[0])
    with np.errstate(all="ignore"):
        for name, scales in _candidates(float(slopes[-1]), quarter, float(slopes[0])):
            rounded: dict[str, Any] = {k: float(f"{v:.10g}") for k, v in scales.items()}
            if not all(isfinite(v) for v in rounded.values()):
                continue
            try:
                found = Surrogate(name, **rounded)
                values = pseudo_derivative(found, x, FLOAT64)
            except (GradcertError, ZeroDivisionError):  # a scale that the row does not allow, or divides by
                continue
            if np.all(np.isfinite(values)) and float(np.abs(values - slopes).max()) <= CLOSE * top:
                return found
    return Taken(kind, top)


def _candidates(zero: float, quarter: float, far: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield rows of the table with the scales that fit psi(0), psi(1/4) and psi(-4)."""
    yield "sigmoid", {"scale": 4 * zero}
    yield "atan", {"scale": 2 * zero}
    yield "piecewise_quadratic", {"scale": zero}
    yield "piecewise_exp", {"scale": 2 * zero}
    yield "soft_sign", {"scale": 2 * zero}
    yield "super_spike_outside", {"scale": zero}
    yield "erf", {"scale": zero * pi**0.5}
    yield "rect", {"scale": zero}
    yield "piecewise_leaky_relu", {"width": 0.5 / zero if zero else 1.0, "outside": far}
    yield "nonzero_sign_log_abs", {"scale": zero}
    yield "fast_sigmoid", {"slope": (quarter**-0.5 - 1) / 0.25 if quarter > 0 else 1.0}
    yield "signed_step", {"height": -zero}
    yield "triangle", {"scale": zero, "width": 0.25 * zero / (zero - quarter) if zero != quarter else 1.0}
    yield "tanh", {}
    yield "exponential", {"scale": -log(quarter) / 0.25 if quarter > 0 else 1.0}
    yield "multi_gaussian", {}


@dataclass(frozen=True, init=False)
class Taken(Surrogate):
    """The user's own pseudo-derivative, run as it is: taken as given, which whoever uses it says."""

    kind: Any = None

    def __init__(self, kind: Kind, top: float) -> None:
        object.__setattr__(self, "name", f"{kind.name} ({kind.where})")
        object.__setattr__(self, "scales", (("peak", top),))
        object.__setattr__(self, "kind", kind)
        for part, value in (("formula", ""), ("amplitude", 1.0), ("given", "")):
            object.__setattr__(self, part, value)

    @property
    def form(self) -> Form:
        """The function, its peak on the grid; it has no scales."""
        return Form(lambda x, n, peak: self._run(x, n), {}, lambda peak: peak, "its author")

    @property
    def label(self) -> str:
        """What it is."""
        return f"the user's own {self.name}, taken as given (peak {dict(self.scales)['peak']:.4g})"

    def _run(self, x: Array, numbers: Numbers) -> Array:
        if getattr(x, "dtype", None) is None or x.dtype.kind != "f":
            raise GradcertError(
                f"the pseudo-derivative {self.name}, a function of the user's, on other numbers than floats",
                do="write it as a row of the table: gradcert surrogates",
            )
        found: Array = self.kind.slope(np.asarray(x, dtype="float64")).astype(x.dtype)
        return found
