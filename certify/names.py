"""One vocabulary: the parts of a claim have one name each, in Python, in files and on the command line.

What they were called before is understood, and answered with a sentence.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
RENAMED = {"cell": "cells", "layers": "depths", "depth": "depths", "option": "options"}


def present_names(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function whose keyword arguments are parts of a claim: the names that they had before are understood.

    Examples
    --------
    >>> @present_names
    ... def shown(*, cells=None):
    ...     return cells
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     shown(cell="snu"), str(said[0].message)
    ('snu', 'cell is called cells, everywhere')
    """

    @wraps(function)
    def called(*arguments: P.args, **options: P.kwargs) -> R:
        for name in [name for name in options if name in RENAMED]:
            now = RENAMED[name]
            if options.get(now) is not None:
                from gradcert.reference.errors import GradcertError  # this file is loaded by every run of pytest

                raise GradcertError(f"{now} and {name}", allowed=f"{now} alone, which is what {name} is called now")
            warnings.warn(f"{name} is called {now}, everywhere", FutureWarning, stacklevel=2)
            options[now] = options.pop(name)
        return function(*arguments, **options)

    return called


def renamed_words(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the words of a command line with their options' present names, and a sentence for each old one.

    Examples
    --------
    >>> renamed_words(["certify", "--cell=snu", "--", "run", "--cell"])
    (['certify', '--cells=snu', '--', 'run', '--cell'], ['--cell is called --cells'])
    """
    out, said, ours = [], [], True
    for word in words:
        ours = ours and word != "--"
        option, equals, value = word.partition("=")
        now = RENAMED.get(option[2:]) if ours and option.startswith("--") else None
        if now is not None:
            said.append(f"{option} is called --{now}")
            word = f"--{now}{equals}{value}"
        out.append(word)
    return out, list(dict.fromkeys(said))
