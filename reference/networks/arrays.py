"""What an array has to be before an engine computes with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import FLOAT64, Floats, Numbers


def check_array(what: str, value: Any, shape: tuple[int, ...] | None = None, numbers: Numbers | None = FLOAT64) -> None:
    """Raise unless a value is an array of finite floats, or of a number system that is not floats, of a shape.

    Whole numbers are refused rather than converted: an engine that computes in place would round its results to whole
    numbers, and where it does is nobody's business but its own. Without `numbers` the kind of number is not looked at.

    Examples
    --------
    >>> check_array("the weight", np.array([[1, 2]]))
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: the weight of dtype int64; allowed: an array of floats; to fix it: ...
    """
    if not isinstance(value, np.ndarray):
        raise GradcertError(
            f"{what} as a {type(value).__name__}", allowed="a NumPy array", do="numpy.asarray(..., float)"
        )
    if value.dtype.kind != "f" and isinstance(numbers, Floats):
        raise GradcertError(
            f"{what} of dtype {value.dtype}",
            allowed="an array of floats",
            do="numpy.asarray(..., dtype=float); for exact numbers, say which: numbers=...",
        )
    if shape is not None and value.shape != shape:
        raise GradcertError(f"{what} of shape {value.shape}", allowed=f"shape {shape}")
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise GradcertError(f"{what} with NaN or infinity", allowed="finite numbers")
