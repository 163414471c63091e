"""What a cell says of its own options: which conventions it knows, what libraries call them; and their validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import ACTIVATIONS


@dataclass(frozen=True)
class Convention:
    """An option of a cell that implementations choose differently; a reader of wrong outputs tries the others.

    Attributes
    ----------
    option : the field of the cell.
    values : what it may be.
    called : value -> what libraries and papers call it, where they do.
    forward : whether it changes what the cell computes (`stored` changes only which state is reported).
    """

    option: str
    values: tuple[Any, ...]
    called: Mapping[Any, str] = field(default_factory=dict)
    forward: bool = True


def strictness(called: Mapping[Any, str]) -> Convention:
    """Return the convention of the threshold test, which every spiking cell has."""
    return Convention("strict", (True, False), called)


def activations(option: str) -> Convention:
    """Return the convention of a smooth function."""
    return Convention(option, tuple(ACTIVATIONS))


def conventions(cell: Any) -> tuple[Convention, ...]:
    """Return what a cell says that can be chosen; somebody's own cell need not say."""
    return tuple(getattr(cell, "conventions", ()))


def check_conventions(cell: Any) -> None:
    """Raise unless every option with a convention has one of its values, and nothing is divided by 0."""
    for convention in cell.conventions:
        check_choice(convention.option, getattr(cell, convention.option), convention.values)
    scaling, threshold = getattr(cell, "scaling", "none"), getattr(cell, "threshold", 1.0)
    each = threshold if isinstance(threshold, tuple) else (threshold,)
    trained = "threshold" in getattr(cell, "train", ())  # whose value is then the problem's
    if scaling != "none" and not trained and any(isinstance(v, (int, float)) and v == 0 for v in each):
        raise GradcertError(
            f"threshold={threshold!r} with scaling={scaling!r}, which divides by it",
            allowed="a threshold that is not 0",
        )


def alternatives(cell: Any) -> Iterator[tuple[str, Any]]:
    """Yield (option, value) for every other convention under which the cell would compute something else.

    Examples
    --------
    >>> from gradcert.reference.networks import Gru, Lif
    >>> list(alternatives(Gru()))
    [('reset', 'before')]
    >>> [value for option, value in alternatives(Lif()) if option == "gain"]
    ['one_minus_leak']
    """
    for convention in conventions(cell):
        if convention.forward:
            for value in convention.values:
                if value != getattr(cell, convention.option):
                    yield convention.option, value


def with_convention(cell: Any, option: str, value: Any) -> Any:
    """Return the cell with another convention, or itself where it does not know it."""
    known = any(c.option == option and value in c.values for c in conventions(cell))
    return replace(cell, **{option: value}) if known else cell


def check_choice(option: str, value: str, allowed: Iterable[str]) -> None:
    """Raise unless value is one of the allowed words."""
    allowed = tuple(allowed)
    if value not in allowed:
        raise GradcertError(f"{option}={value!r}", allowed=", ".join(repr(a) for a in allowed))


def check_unit_interval(option: str, value: Any) -> None:
    """Raise unless every number of value is in [0, 1]. Symbols and other exact numbers pass unexamined."""
    if isinstance(value, np.ndarray):
        value = tuple(value.ravel().tolist())
    for v in value if isinstance(value, tuple) else (value,):
        if isinstance(v, (bool, np.bool_, str)) or (isinstance(v, (int, float, np.number)) and not 0 <= v <= 1):
            raise GradcertError(f"{option}={v!r}", allowed="a number in [0, 1], or a tuple of one per unit")


def check_trained(trained: tuple[str, ...], allowed: Iterable[str]) -> None:
    """Raise unless every trained parameter exists in the cell."""
    for name in trained:
        check_choice("train", name, allowed)
