"""The one error type of gradcert: what was given, what is allowed, what to do."""

from __future__ import annotations


class GradcertError(ValueError):
    """Raised wherever input does not fit, at the edge, before any work is done.

    Parameters
    ----------
    given : what was given, as a sentence.
    allowed : what would have been accepted.
    do : what the reader can do about it.

    Examples
    --------
    >>> str(GradcertError("the leak is 2.0", allowed="a number in [0, 1]", do="pass leak=0.9"))
    'the leak is 2.0; allowed: a number in [0, 1]; to fix it: pass leak=0.9'
    """

    def __init__(self, given: str, *, allowed: str | None = None, do: str | None = None) -> None:
        self.given, self.allowed, self.do = given, allowed, do
        parts = [given]
        if allowed is not None:
            parts.append(f"allowed: {allowed}")
        if do is not None:
            parts.append(f"to fix it: {do}")
        super().__init__("; ".join(parts))
