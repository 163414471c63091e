"""Formats of floating point: their digits and range, and how arrays of them are held.

NumPy has no bfloat16. Numbers of it are held in float32 arrays, which every library reads, rounded to 8 digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.numbers.protocol import Array


@dataclass(frozen=True)
class Format:
    """A binary floating-point format with gradual underflow.

    Attributes
    ----------
    name : as a claim has it.
    digits : significant binary digits, the implicit one included.
    normal : exponent of the smallest normal number.
    held : the NumPy dtype of arrays of such numbers.

    Examples
    --------
    >>> FORMATS["float16"].largest, FORMATS["float16"].unit == 2.0**-11
    (65504.0, True)
    """

    name: str
    digits: int
    normal: int
    held: str

    @property
    def unit(self) -> float:
        """The unit roundoff."""
        return 2.0**-self.digits

    @property
    def tiny(self) -> float:
        """The smallest normal number."""
        return 2.0**self.normal

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return (2.0 - 2.0 ** (1 - self.digits)) * 2.0 ** (1 - self.normal)

    @property
    def half(self) -> bool:
        """Whether a number takes 16 bits."""
        return self.digits < 24


FORMATS = {
    made.name: made
    for made in (
        Format("float64", 53, -1022, "float64"),
        Format("float32", 24, -126, "float32"),
        Format("float16", 11, -14, "float16"),
        Format("bfloat16", 8, -126, "float32"),
    )
}


def held(values: Any, name: str) -> Array:
    """Return an array of numbers of a format, rounded to nearest, ties to even; the same array where nothing changes.

    Examples
    --------
    >>> held([1.0, 1.00390625, 0.1], "bfloat16")
    array([1.        , 1.        , 0.10009766], dtype=float32)
    """
    array = np.asarray(values, dtype=FORMATS[name].held)
    if name != "bfloat16":
        return array
    bits = np.ascontiguousarray(array).view(np.uint32)
    # the upper half of a float32; half of its last place is added, less one where that place is even
    near = bits + (0x7FFF + ((bits >> 16) & 1)).astype(np.uint32)
    rounded = (near & np.uint32(0xFFFF0000)).view(np.float32).reshape(array.shape)
    return array if (rounded == array).all() else rounded
