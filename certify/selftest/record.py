"""What the self-test says about a member of the gallery, and about all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

KILLED, SURVIVED, ACCEPTED, ACCUSED = "killed", "survived", "accepted", "falsely accused"
CORRECT = "correct but unusual"  # the class of members that nothing is wrong with
ENOUGH = 0.9  # of the wrong members that are refuted with the right cause


@dataclass(frozen=True)
class Member:
    """One member and its verdict.

    Attributes
    ----------
    name, title, bug_class : of the gallery.
    wrong : whether it has to be refuted.
    verdict : ``killed``, ``survived``, ``accepted`` or ``falsely accused``.
    judge : ``certify``, or ``laws`` for what certify cannot judge (`Entry.beyond`).
    check : the check that refuted it.
    found : keys of the causes that the diagnosis names.
    expected : keys, each of which is a right name of what is wrong.
    said : the finding, in words.
    seconds : it took.
    """

    name: str
    title: str
    bug_class: str
    wrong: bool
    verdict: str
    judge: str
    check: str = ""
    found: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    said: str = ""
    seconds: float = 0.0

    @property
    def named(self) -> bool:
        """Whether the diagnosis names the right cause, and no other."""
        return bool(self.found) and set(self.found) <= set(self.expected)

    @property
    def ok(self) -> bool:
        """Whether the verdict is right."""
        return self.verdict in (KILLED, ACCEPTED)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "named": self.named}


@dataclass(frozen=True)
class Summary:
    """Counts over members.

    Attributes
    ----------
    wrong, killed, named : wrong members, how many were refuted, and how many of those with the right cause.
    unusual, accepted : correct members, and how many of them were accepted.
    by_laws : names of the members that the laws judged in place of certify.
    """

    wrong: int
    killed: int
    named: int
    unusual: int
    accepted: int
    by_laws: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything wrong was refuted, everything right accepted, and enough causes were named.

        Examples
        --------
        >>> Summary(wrong=10, killed=10, named=9, unusual=2, accepted=2).ok
        True
        >>> Summary(wrong=10, killed=10, named=8, unusual=2, accepted=2).ok
        False
        """
        enough = self.named >= ENOUGH * self.wrong
        return self.killed == self.wrong and self.accepted == self.unusual and enough

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "ok": self.ok}


def summary(members: Iterable[Member]) -> Summary:
    """Count."""
    all_of = list(members)
    wrong = [m for m in all_of if m.wrong]
    unusual = [m for m in all_of if not m.wrong]
    return Summary(
        wrong=len(wrong),
        killed=sum(m.verdict == KILLED for m in wrong),
        named=sum(m.verdict == KILLED and m.named for m in wrong),
        unusual=len(unusual),
        accepted=sum(m.verdict == ACCEPTED for m in unusual),
        by_laws=tuple(m.name for m in all_of if m.judge == "laws"),
    )
