"""The laws as a judge of the gallery: which law refutes a member, or that none does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.unusual import UNUSUAL
from gradcert.properties.gallery.wrong import WRONG
from gradcert.properties.laws import LAWS
from gradcert.properties.runner import BROKEN, HELD, hold
from gradcert.properties.subject import GRAPH

# The laws that decide; the others follow from these for a subject that is right.
DECIDING = (
    "given-row",
    "row",
    "own-rule",
    "arguments",
    "repeatable",
    "extreme",
    "fresh-start",
    "causality",
    "memory",
    "enumeration",
)
OF_GRAPHS = ("chain", "registers", "split", "sparse")  # for those who read them
EXAMPLES = {"arguments": 4, "repeatable": 8, "extreme": 8, "unbiased": 2, "enumeration": 3, "memory": 4}


@dataclass(frozen=True)
class Finding:
    """What the laws say of a member.

    Attributes
    ----------
    entry : its name.
    accepted : whether every law held, at least one on an example.
    law : the first law that broke.
    said : its counterexample.
    examples : how many examples were judged.
    """

    entry: str
    accepted: bool
    law: str = ""
    said: str = ""
    examples: int = 0


def gallery() -> Iterator[Entry]:
    """Yield every member, the wrong ones first."""
    yield from WRONG.values()
    yield from UNUSUAL.values()


def judge(entry: Entry, *, examples: int = 30) -> Finding:
    """Hold a member to the deciding laws, and to `unbiased` where it is an estimator.

    Examples
    --------
    >>> judge(WRONG["T05_reset_term_dropped"]).law
    'row'
    """
    subject = entry.subject()
    laws = [*DECIDING, "unbiased"]
    if subject.learner is not None:  # a learner is judged as one, before its gradients
        laws = ["causality", "memory", "fresh-start", *DECIDING]
    if GRAPH in subject.reads:
        laws = [*OF_GRAPHS, *laws]
    judged = 0
    for name in laws:
        report = hold(subject, LAWS[name], examples=min(examples, EXAMPLES.get(name, examples)), shrink=False)
        judged += report.examples
        if report.verdict == BROKEN:
            return Finding(entry.name, False, name, str(report.counterexample), judged)
        assert report.verdict == HELD or not report.examples
    return Finding(entry.name, judged > 0, "", "", judged)
