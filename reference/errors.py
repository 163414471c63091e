"""The one error type of gradcert: what was given, what is allowed, what to do."""

from __future__ import annotations

from gradcert.reference.printable import printable
from gradcert.reference.suggest import meant

MOST = 8000  # characters of one part: the end of a simulation's log fits


class GradcertError(ValueError):
    """Raised wherever input does not fit, at the edge, before any work is done.

    What the parts say may come from anywhere: it is made printable (`gradcert.reference.printable`). Where one of
    several allowed names is near to what was given, it is asked whether that was meant (`gradcert.reference.suggest`).

    Parameters
    ----------
    given : what was given, as a sentence.
    allowed : what would have been accepted.
    do : what the reader can do about it.

    Examples
    --------
    >>> str(GradcertError("the leak is 2.0", allowed="a number in [0, 1]", do="pass leak=0.9"))
    'the leak is 2.0; allowed: a number in [0, 1]; to fix it: pass leak=0.9'
    >>> str(GradcertError("the rule 'ostll' is unknown", allowed="bptt, ostl"))
    "the rule 'ostll' is unknown (did you mean 'ostl'?); allowed: bptt, ostl"
    """

    def __init__(self, given: str, *, allowed: str | None = None, do: str | None = None) -> None:
        self.given = _safe(given)
        self.allowed = None if allowed is None else _safe(allowed)
        self.do = None if do is None else _safe(do)
        parts = [self.given]
        if self.allowed is not None and (found := meant(self.given, self.allowed)):
            parts[0] += f" (did you mean {found!r}?)"
        if self.allowed is not None:
            parts.append(f"allowed: {self.allowed}")
        if self.do is not None:
            parts.append(f"to fix it: {self.do}")
        super().__init__("; ".join(parts))


def _safe(part: str) -> str:
    return printable(part, most=MOST, lines=True)
