"""A line of plain text, cut into formulas and words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scripts.docs.plain.formula import formula
from scripts.docs.plain.names import FUNCTIONS, GREEK, MADE, NONE, WORDY

# what makes a run of words in prose a formula, where nothing else says so: an index, a prime
_SIGN = re.compile(r"[A-Za-z\])]['*~]?[\^_]|[A-Za-z]'[\s^_(]")
_NAMES = {*GREEK, *MADE} - {"be", "ar", "pi", "al"}  # which are words
_ENDS = re.compile(r"^([(\[\"]*)(.*?)([)\]\",;:.]*)$", re.DOTALL)


@dataclass(frozen=True)
class Piece:
    """A part of a line: its text as it was written and, where it is a formula, its TeX."""

    text: str
    tex: str = ""


def pieces(line: str, own: Mapping[str, tuple[str, str]] = NONE, *, prose: bool = False) -> list[Piece]:
    r"""Return the parts of a line: the longest runs of words that are formulas, and what stands between them.

    In prose only what has an index or a prime is one, since a letter may be a word.

    Examples
    --------
    >>> [(p.text, p.tex) for p in pieces("hidden layers: L^t = B y*^t (exact)")]
    [('hidden layers: ', ''), ('L^t = B y*^t', 'L^{t} = B\\,y^{*,t}'), (' (exact)', '')]
    >>> [p.tex for p in pieces("n^2 values and a step", prose=True)]
    ['n^{2}', '']
    """
    words = re.findall(r"\s+|\d{4}\.\d{4,5} v\d|\S+", line)  # v3 of a report is no letter
    out: list[Piece] = []
    at = 0
    while at < len(words):
        found = None if words[at].isspace() else _longest(words, at, own, prose=prose)
        if found is None:
            out.append(Piece(words[at]))
            at += 1
        else:
            parts, at = found
            out += parts
    return list(_joined(out))


def _longest(
    words: list[str], at: int, own: Mapping[str, tuple[str, str]], *, prose: bool
) -> tuple[list[Piece], int] | None:
    """Return the longest formula that begins at a word, with the brackets and stops around it, and where it ends."""
    for end in range(len(words), at, -1):
        text = "".join(words[at:end])
        if text != text.rstrip():
            continue
        for before, inner, after in _trimmed(text):
            tex = formula(inner, own)
            if tex is not None and _meant(inner, prose=prose):
                return [Piece(before), Piece(inner, tex), Piece(after)], end
    return None


def _trimmed(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield a text as it is, and without what punctuation and open brackets it has at its ends."""
    yield "", text, ""
    match = _ENDS.fullmatch(text)
    assert match is not None
    before, inner, after = match.groups()
    for k in range(len(before) + 1):
        for n in range(len(after) + 1):
            if k or n < len(after):
                yield before[:k], before[k:] + inner + after[:n], after[n:]


def _meant(text: str, *, prose: bool) -> bool:
    """Whether what can be read as a formula is one: no number, lone sign or function of that name alone."""
    if text in (*FUNCTIONS, "a", "do") or not re.search(r"[A-Za-z∂]", re.sub(r"\d+e-?\d+", "", text)):
        return False
    if prose:
        if any(word in WORDY for word in re.findall(r"[A-Za-z]+(?![A-Za-z_(^])", text)):
            return False
        named = _NAMES & set(re.findall(r"[A-Za-z]+", text))
        return bool(named or _SIGN.search(text) or re.search(r"[A-Za-z')\]] [=*] ", text))
    return True


def _joined(parts: list[Piece]) -> Iterator[Piece]:
    """Yield words as one part."""
    text = ""
    for part in parts:
        if part.tex:
            if text:
                yield Piece(text)
            text = ""
            yield part
        else:
            text += part.text
    if text:
        yield Piece(text)
