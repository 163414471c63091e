"""Keyword arguments that are parts of a claim."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar

from gradcert.reference.suggest import nearest

Made = TypeVar("Made")


def checked(made: type[Made]) -> type[Made]:
    """Have a dataclass of parts of a claim say which of them was meant by a name that is none."""
    of: Any = made
    usual = of.__init__

    @wraps(usual)
    def begin(self: Any, *values: Any, **parts: Any) -> None:
        check_keywords(made.__name__, parts, [field.name for field in fields(of)])
        usual(self, *values, **parts)

    of.__init__ = begin
    return made


def check_keywords(who: str, given: Iterable[str], allowed: Iterable[str]) -> None:
    """Raise a `TypeError` for keyword arguments that are no parts of a claim, as Python does.

    Examples
    --------
    >>> check_keywords("claim", ["rul"], ["rule", "cells"])
    Traceback (most recent call last):
    ...
    TypeError: claim() got an unexpected keyword argument 'rul' (did you mean 'rule'?); of a claim there are rule, cells
    """
    names = tuple(allowed)
    if wrong := sorted(set(given) - set(names)):
        near = f" (did you mean {found!r}?)" if (found := nearest(wrong[0], names)) else ""
        raise TypeError(
            f"{who}() got an unexpected keyword argument {wrong[0]!r}{near}; of a claim there are {', '.join(names)}"
        )
