"""One vocabulary: the parts of a claim have one name each, in Python, in files and on the command line.

What they were called before is understood, and answered with a sentence.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
RENAMED = {"cell": "cells", "depth": "depths", "option": "options"}


def understood(renamed: Mapping[str, str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator of functions whose keyword arguments are parts of a claim: old names are understood.

    Examples
    --------
    >>> @understood(RENAMED)
    ... def shown(*, cells=None):
    ...     return cells
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     shown(cell="snu"), str(said[0].message)
    ('snu', 'cell is called cells, everywhere')
    """

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def called(*arguments: P.args, **options: P.kwargs) -> R:
            for name in [name for name in options if name in renamed]:
                now = renamed[name]
                if options.get(now) is not None:
                    from gradcert.reference.errors import GradcertError  # this file is loaded by every run of pytest

                    raise GradcertError(f"{now} and {name}", allowed=f"{now} alone, which is what {name} is called now")
                warnings.warn(f"{name} is called {now}, everywhere", FutureWarning, stacklevel=2)
                options[now] = options.pop(name)
            return function(*arguments, **options)

        return called

    return decorated


present_names = understood(RENAMED)


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
