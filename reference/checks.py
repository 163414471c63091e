"""Checks of single values at the edge: seeds, numbers, switches, sizes."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError

UNREAL = (bool, np.bool_, str, bytes, complex, np.complexfloating, list, tuple, dict, set)
LARGEST = sys.float_info.max  # compared, not converted: a whole number may be larger than any float
SEEDS = 2**53  # beyond, JSON does not hold them exactly


def check_seed(seed: Any) -> int:
    """Return a seed.

    Raises
    ------
    GradcertError : unless it is a whole number from 0 to 2**53 - 1.

    Examples
    --------
    >>> check_seed(-1)
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: the seed -1; allowed: a whole number from 0 to 9007199254740991
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < SEEDS:
        raise GradcertError(f"the seed {seed!r}", allowed=f"a whole number from 0 to {SEEDS - 1}")
    return int(seed)


def check_size(what: str, value: Any, *, least: int = 1) -> None:
    """Raise unless a value is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise GradcertError(f"{what} {value!r}", allowed=f"a whole number >= {least}")


def check_rng(what: str, rng: Any) -> np.random.Generator:
    """Return a generator of random numbers.

    Raises
    ------
    GradcertError : for anything else, None and a bare seed included.
    """
    if not isinstance(rng, np.random.Generator):
        raise GradcertError(f"{what} with rng={rng!r}", do="pass rng=np.random.default_rng(0)")
    return rng


def check_flag(what: str, value: Any) -> None:
    """Raise unless a value is true or false."""
    if not isinstance(value, (bool, np.bool_)):
        raise GradcertError(f"{what}={value!r}", allowed="true, false")


def check_number(what: str, value: Any, *, above: float | None = None) -> None:
    """Raise unless a value is a finite real number. Symbols and other exact numbers pass unexamined.

    Examples
    --------
    >>> check_number("width", 0.0, above=0.0)
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: width=0.0; allowed: a number > 0
    """
    wrong = value is None or isinstance(value, UNREAL)
    if not wrong and isinstance(value, (int, float, np.number)):
        # a number of NumPy's would have the largest of its own type in place of ours: infinity, in single precision
        value = value.item() if isinstance(value, np.number) else value
        size: Any = abs(value)
        wrong = not size <= LARGEST or (above is not None and not value > above)
    if wrong or type(value) is object:
        raise GradcertError(f"{what}={value!r}", allowed="a number" if above is None else f"a number > {above:g}")


def check_numbers(what: str, value: Any, units: int | None = None) -> None:
    """Raise unless a value is a finite number, or a tuple or array of one per unit."""
    if isinstance(value, np.ndarray) and value.ndim:
        value = tuple(value.tolist())
    for number in value if isinstance(value, tuple) else (value,):
        check_number(what, number)
    if units is not None and isinstance(value, tuple) and len(value) not in (1, units):
        raise GradcertError(f"{what} with {len(value)} numbers", allowed=f"one number, or {units}: one per unit")
