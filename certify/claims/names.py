"""One vocabulary: the parts of a claim have one name each, in Python, in files and on the command line.

What they were called before is understood, and answered with a sentence.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from gradcert.reference.errors import GradcertError

RENAMED = {"cell": "cells", "layers": "depths", "depth": "depths", "option": "options"}


def renamed(given: Mapping[str, Any], old: Mapping[str, Any], *, known: Iterable[str]) -> dict[str, Any]:
    """Return keyword arguments under the names that they have now.

    Parameters
    ----------
    given : arguments under their names, None where they were left out.
    old : what else was passed.
    known : the names that there are, for the error.

    Raises
    ------
    GradcertError : for a name that never was one, or one that is given twice.

    Examples
    --------
    >>> renamed({"cells": "snu"}, {}, known=("cells",))
    {'cells': 'snu'}
    >>> renamed({}, {"celll": "snu"}, known=("cells", "depths"))
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: the argument celll; allowed: cells, depths
    """
    out = dict(given)
    for name, value in old.items():
        now = RENAMED.get(name)
        if now is None:
            raise GradcertError(f"the argument {name}", allowed=", ".join(known))
        if out.get(now) is not None:
            raise GradcertError(f"{now} and {name}", allowed=f"{now} alone, which is what {name} is called now")
        warnings.warn(f"{name} is called {now}, everywhere", FutureWarning, stacklevel=3)
        out[now] = value
    return out


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
