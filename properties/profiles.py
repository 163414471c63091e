"""How hard to look: from a second after every edit to a night on a spare machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Examples per law and subject, and whether they are the same on every run.

    Attributes
    ----------
    name : identifier.
    examples : per law and subject; laws in a prime field cost little and get `field` times as many.
    field : see above.
    repeatable : draw the same examples every time where nothing is kept.
    """

    name: str
    examples: int
    field: int = 2
    repeatable: bool = True


PROFILES = {
    p.name: p
    for p in (
        Profile("quick", 2),
        Profile("ci", 6),
        Profile("thorough", 60, field=4, repeatable=False),
        Profile("soak", 1000, field=4, repeatable=False),
    )
}
