"""Overflow events: counted per intermediate, never silent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class OverflowEvent:
    """One intermediate overflowed in one step: how often, and the first exact value that did not fit."""

    step: int
    name: str
    policy: str
    count: int
    index: tuple[int, ...]
    exact: int


@dataclass
class EventLog:
    """Collects overflow events of a run.

    Examples
    --------
    >>> log = EventLog()
    >>> log.record(3, "trace", "saturate", np.array([False, True]), np.array([7, 300]))
    >>> log.events[0].exact, log.total("trace")
    (300, 1)
    """

    events: list[OverflowEvent] = field(default_factory=list)

    def record(self, step: int, name: str, policy: str, outside: Array, exact: Array) -> None:
        """Add one event for all elements marked in `outside`."""
        index = tuple(int(i) for i in np.argwhere(outside)[0]) if outside.ndim else ()
        count = int(np.count_nonzero(outside))
        self.events.append(OverflowEvent(step, name, policy, count, index, int(exact[index])))

    def total(self, name: str | None = None) -> int:
        """Return how many elements overflowed, in all or in one intermediate."""
        return sum(e.count for e in self.events if name is None or e.name == name)

    def names(self) -> list[str]:
        """Return the intermediates that overflowed, in order of first appearance."""
        return list(dict.fromkeys(e.name for e in self.events))
