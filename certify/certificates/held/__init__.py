"""A certificate held against itself: what in it can be recomputed from the rest of it, with nothing run.

A seal finds bytes that were changed without care. Whoever changes a figure and seals it anew has to change every other
that follows from it: what follows is here, in three files. What does not, only a run finds out (`NOT_HELD`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gradcert.certify.certificates.held import circumstances, figures, words
from gradcert.certify.certificates.suite import VERSION

Record = Mapping[str, Any]

HELD = (
    "the counts, the worst errors and budgets of cases, the verdict and its reason, how often controls were tried, "
    "the circumstances that follow from the T, B, sizes, ties and largest numbers of a case, what is said of "
    "circumstances on the whole, the arrays of a counterexample"
)
NOT_HELD = (
    "whether these problems are the claim's, the figures of a case that are its own, and which other circumstances it "
    "meets; whether a case, a control or an edge is missing; what came back, and the figures made of it; the "
    "reference; how far edges are seen; lines of code that never ran; the calls of one process; other notes; "
    "the repair; the pictures. The date and the seconds, of each case too, nobody can check"
)


def contradictions(record: Record) -> list[str]:
    """Return what in a certificate contradicts the rest of it, in sentences; the record fits the schema.

    Certificates of another version of gradcert are held to figures alone, not to words, and not to what a level means.
    """
    parts: tuple[Callable[[Record], Iterator[str]], ...]
    parts = (figures.cases, words.verdict, words.controls, figures.findings, circumstances.summary)
    parts = (*parts, figures.counterexample)
    if record["suite"] == VERSION:
        parts = (*parts, circumstances.cases, words.notes)
    found: list[str] = []
    for part in parts:
        try:
            found += part(record)
        except (KeyError, TypeError, ValueError, AttributeError):  # of facts and figures the schema says little
            found.append("facts or figures are not as gradcert writes them")
    return list(dict.fromkeys(found))
