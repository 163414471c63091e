"""What a mistyped name was meant to be."""

from __future__ import annotations

import re
from collections.abc import Iterable

NEAR = 0.65  # how alike two names are (difflib): 0.89 for ostll and ostl, 0.86 for lif and alif
WORD = re.compile(r"[A-Za-z][\w.-]*")
QUOTED = re.compile(r"['\"]([^'\"]+)['\"]")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is nearest to one that is not known, or None.

    Examples
    --------
    >>> nearest("ostll", ["bptt", "ostl", "ottt"]), nearest("SNU", ["snu", "lif"]), nearest("colour", ["snu", "lif"])
    ('ostl', 'snu', None)
    """
    import difflib  # for a mistake alone

    lower = {other.lower(): other for other in known}
    found = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=NEAR)
    found = found or [k for k in lower if len(k) > 2 and sorted(k) == sorted(name.lower())]  # lfi: two letters swapped
    return lower[found[0]] if found else None


def meant(given: str, allowed: str) -> str | None:
    """Return which of the allowed names a sentence's wrong one was meant to be, or None.

    Parameters
    ----------
    given : what was given: the name is quoted, or follows the last ``=``, or is one of the last words.
    allowed : names with commas between them; what is no name is passed over.

    Examples
    --------
    >>> meant("the rule 'ostll' is unknown", "bptt, ostl, or tbptt(3)"), meant("keep=leek", "leak, threshold")
    ('ostl', 'leak')
    >>> meant("the leak is 2.0", "a number in [0, 1]") is None, meant("'ostl' twice", "ostl, bptt") is None
    (True, True)
    """
    parts = (part.strip().strip("'\"") for part in re.split(r",| or ", allowed))
    known = [part for part in parts if WORD.fullmatch(part)]
    if len(known) < 2:
        return None
    words = QUOTED.findall(given) or WORD.findall(given.rpartition("=")[2])[-3:]
    return next((found for word in words if word not in known and (found := nearest(word, known))), None)
