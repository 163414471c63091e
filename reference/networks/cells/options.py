"""Validation that the cells share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import ACTIVATIONS


def check_choice(option: str, value: str, allowed: Iterable[str]) -> None:
    """Raise unless value is one of the allowed words."""
    allowed = tuple(allowed)
    if value not in allowed:
        raise GradcertError(f"{option}={value!r}", allowed=", ".join(repr(a) for a in allowed))


def check_activation(option: str, value: str) -> None:
    """Raise unless value names a smooth activation."""
    check_choice(option, value, ACTIVATIONS)


def check_unit_interval(option: str, value: Any) -> None:
    """Raise unless every number of value is in [0, 1]. Symbols and other exact numbers pass unexamined."""
    for v in value if isinstance(value, tuple) else (value,):
        if isinstance(v, (bool, str)) or (isinstance(v, (int, float)) and not 0 <= v <= 1):
            raise GradcertError(f"{option}={v!r}", allowed="a number in [0, 1], or a tuple of one per unit")


def check_trained(trained: tuple[str, ...], allowed: Iterable[str]) -> None:
    """Raise unless every trained parameter exists in the cell."""
    for name in trained:
        check_choice("train", name, allowed)
