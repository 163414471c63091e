"""The reference engines as subjects: every row of the rule table, each engine, in the families that say most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradcert.properties.subject import Subject
from gradcert.reference import RULES


def reference_subjects(rules: Sequence[str] = ()) -> Iterator[Subject]:
    """Yield the subjects: the forward engine in a prime field and in exact floats, both engines in bounded floats."""
    for name in rules or tuple(RULES):
        yield Subject.of_reference(name, family="field", convolution=None)
        yield Subject.of_reference(name, family="exact")
        yield Subject.of_reference(name, engine="reverse", family="bounded")
