"""Expected failures that are gone: all that an entry lists has run, and nothing of it failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gradcert.expected_failures import Expected


@dataclass(frozen=True)
class Mended:
    """An entry all of whose checks passed.

    Attributes
    ----------
    entry : it.
    number : how many checks it lists in this run.
    due : the profile in which one of them had to fail, or "" where none had to.
    """

    entry: Expected
    number: int
    due: str

    @property
    def text(self) -> str:
        """What is said of it."""
        number = "its one check" if self.number == 1 else f"all {self.number} of its checks"
        said = f"expected failures: {self.entry.name}: {number} passed"
        if not self.due:
            return f"{said}; it is to fail in another profile: {', '.join(self.entry.profiles)}"
        if self.entry.profiles:
            return f"{said}, in the profile {self.due}, which it names; remove the entry, or list only what still fails"
        hint = "where only another profile finds it wrong, name that: profiles = [...]"
        return f"{said}; remove the entry, or list only what still fails; {hint}"

    @property
    def line(self) -> str:
        """The line of the summary."""
        return f"{'ERROR' if self.due else 'NOTE'}: {self.text}"


def mended(told: Iterable[tuple[Any, dict[str, Any]]], entries: Iterable[Expected]) -> list[Mended]:
    """Return the patterns of expected failures all of whose checks have run, and none failed.

    Parameters
    ----------
    told : reports of checks, with what each said: its entries, how many checks those list in this run (``now``; 0 where
        that is not known, as not all tests that the pattern may list were collected), and its profile.
    """
    seen: dict[str, set[str]] = {}
    failed: set[str] = set()
    number: dict[str, int] = {}
    profiles: dict[str, set[str]] = {}
    for report, record in told:
        for name in record["entries"]:
            number[name] = record["now"]
            seen.setdefault(name, set()).add(report.nodeid)
            profiles.setdefault(name, set()).add(record["profile"])
            failed |= {name} if report.outcome != "passed" else set()
    return [
        Mended(entry, number[entry.name], next((p for p in sorted(profiles[entry.name]) if entry.due(p)), ""))
        for entry in entries
        if entry.name in seen and entry.name not in failed and len(seen[entry.name]) >= number[entry.name] > 0
    ]
