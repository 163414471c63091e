"""What a law is: one statement about gradients that any subject can be held to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import target
from hypothesis.strategies import SearchStrategy

from gradcert.properties.measure import Counterexample
from gradcert.properties.subject import Subject

T = TypeVar("T")
Seen = dict[str, tuple[float, float]]  # label -> largest score so far, and the figure that has it
_seen: ContextVar[Seen | None] = ContextVar("seen", default=None)
Draw = Callable[[SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Law:
    """A law.

    Attributes
    ----------
    name : identifier.
    group : ``equality``, ``deep``, ``structure``, ``online``, ``numerics`` or ``estimators``.
    statement : one sentence.
    source : where it comes from.
    applies : whether a subject is bound by it.
    check : draws problems and returns a counterexample, or None where the law holds on them.
    """

    name: str
    group: str
    statement: str
    source: str
    applies: Callable[[Subject], bool]
    check: Callable[[Subject, Draw], Counterexample | None]


def has_gradients(subject: Subject) -> bool:
    """Return whether the subject maps problems to the gradients of a row of the rule table."""
    return subject.gradients is not None and subject.expected is None


def has_learner(subject: Subject) -> bool:
    """Return whether the subject is (also) a stepwise learner."""
    return subject.learner is not None


@contextmanager
def observing() -> Iterator[Seen]:
    """Collect the extremes that a law observes.

    Examples
    --------
    >>> with observing() as seen:
    ...     seen["margin"] = (1.0, 0.1)
    >>> seen
    {'margin': (1.0, 0.1)}
    """
    seen: Seen = {}
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)


def observe(label: str, score: float, figure: float) -> None:
    """Have Hypothesis look for a larger score, inside an example, and keep the figure that belongs to the largest."""
    target(score, label=label)
    seen = _seen.get()
    if seen is not None and (label not in seen or score > seen[label][0]):
        seen[label] = score, figure
