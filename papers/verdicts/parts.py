"""The parts of a verdict and how they add up.

A claim is shown if all of its parts are. One part that is not shown makes it not shown; else it is inconclusive. To say
"shown" wrongly, every part that does not hold would have to be said wrongly, so that its error rate is that of one
part; to say "not shown" wrongly one part is enough, so that its rate is that of a part times their number at most. A
control is a part: a learner with a planted mistake has to be told apart, or the experiment proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN, NOT_SHOWN, INCONCLUSIVE = "shown", "not shown", "inconclusive"


@dataclass(frozen=True)
class Part:
    """One thing that was asked.

    Attributes
    ----------
    name : what was asked.
    verdict : shown, not shown, inconclusive; empty for what is said beside the verdict and does not enter it.
    words : what was measured, in words with numbers.
    numbers : the same for machines.
    control : whether it is about a learner with a planted mistake.
    """

    name: str
    verdict: str
    words: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    control: bool = False


@dataclass(frozen=True)
class Verdict:
    """What a claim comes to.

    Attributes
    ----------
    word : shown, not shown, inconclusive.
    parts : what it follows from.
    """

    word: str
    parts: tuple[Part, ...]


def holds(name: str, true: bool, words: str, *, control: bool = False, **numbers: Any) -> Part:
    """Return a part that is a plain fact: shown, or not shown.

    Examples
    --------
    >>> holds("memory", True, "the same at every length").verdict
    'shown'
    """
    return Part(name, SHOWN if true else NOT_SHOWN, words, numbers, control)


def combined(parts: Sequence[Part]) -> Verdict:
    """Return what the parts add up to.

    Examples
    --------
    >>> combined([holds("a", True, ""), Part("b", "inconclusive", "")]).word
    'inconclusive'
    """
    words = {part.verdict for part in parts if part.verdict}
    word = NOT_SHOWN if NOT_SHOWN in words else SHOWN if words == {SHOWN} else INCONCLUSIVE
    return Verdict(word, tuple(parts))
