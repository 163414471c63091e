"""Whether the cause that was found is the one that an expected failure names."""

from __future__ import annotations

import re

# how one of a cause begins; what is said of the cases where it is wrong goes with where that is
PART = re.compile(r"(?!there )(nothing known explains |(of the gradients, )?[^:]+: (equals|zero)\b)")
OVER = ", but not over "  # how it ends that what is said of short cases is not the cause
OPEN = ("nothing known explains", "but not over")  # with these words, a cause leaves something open


def stands(words: str, cause: str) -> bool:
    """Return whether words stand in a cause, one after the other.

    A cause in parts says several things: every part that says what is wrong, or that it is not known, has to have some
    of the words. Those of an entry that was written for one mistake may stand in a part of what two of them are.

    Examples
    --------
    >>> two = "layers.1.H: equals ottt, times 2; nothing known explains layers.0.W; the rest is as claimed"
    >>> stands("equals ottt", two), stands("nothing known explains layers.0.W", two)
    (False, True)
    >>> stands("equals ottt", "layers.1.H: equals ottt, times 2; the rest is as claimed")
    True
    >>> stands("equals ottt", "right on 9 cases, wrong only where depth: 2 (9 cases); there layers.1.H: equals ottt")
    True
    """
    wanted, said = words_of(words), [(word, n) for n, part in enumerate(_parts(cause)) for word in words_of(part)]
    spans = [said[i : i + len(wanted)] for i in range(len(said) - len(wanted) + 1)]
    spans = [span for span in spans if [word for word, _ in span] == wanted]
    if not wanted:
        return True
    if any(text in " ".join(wanted) for text in OPEN):  # it says itself that something is left
        return bool(spans)
    return bool(spans) and {n for span in spans for _, n in span} >= {n for _, n in said}


def _parts(cause: str) -> list[str]:
    """Return the parts of a cause, each with what is said beside it, such as "the rest is as claimed"."""
    parts: list[str] = []
    for text in cause.split("; "):
        before, over, after = text.partition(OVER)
        if parts and not PART.match(text):
            parts[-1] += f"; {before}"
        else:
            parts.append(before)
        parts += [over + after] if over else []
    return parts


def words_of(text: str) -> list[str]:
    """Return the words of a text, without the marks around them."""
    return [word for part in text.split() if (word := part.strip(".,:;()"))]
