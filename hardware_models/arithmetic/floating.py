"""Rounding float64 arrays to a small floating-point format, by scaling to integers: independent of ml_dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic.format import BFLOAT16, FloatFormat

Array = np.ndarray[Any, Any]


def round_floats(x: Array, fmt: FloatFormat = BFLOAT16) -> Array:
    """Round float64 values to a format, to nearest, ties to even; beyond the largest number lies infinity.

    float64 has more than 2 * 8 + 2 significant bits, so that rounding a sum or product of two bfloat16 numbers to it
    first changes nothing.

    Examples
    --------
    >>> round_floats(np.array([1 / 3, 1.0, 2.0**-134, 3 * 2.0**-134])).tolist()
    [0.333984375, 1.0, 0.0, 1.8367099231598242e-40]
    """
    _, exponent = np.frexp(x)
    lowest = 2 - fmt.largest_exponent - fmt.significand  # exponent of the last bit of a subnormal
    ulp = np.maximum(exponent - fmt.significand, lowest)
    out = np.ldexp(np.rint(np.ldexp(x, -ulp)), ulp)
    return np.where(np.abs(out) > float(fmt.largest), np.copysign(np.inf, out), out)
