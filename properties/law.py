"""What a law is: one statement about gradients that any subject can be held to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis.strategies import SearchStrategy

from gradcert.properties.measure import Counterexample
from gradcert.properties.subject import Subject

T = TypeVar("T")
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
