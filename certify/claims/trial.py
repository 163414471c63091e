"""A rule that somebody defined, called by itself: does it come back, leave the problem alone, say the same twice.

Its file runs in the judge's own process, where no limit of the subject's holds, and its budgets come from hundreds of
calls: what is wrong with it would show as no case at all, or as nothing.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Problem
from gradcert.reference.published import Algorithm

PATIENCE: ContextVar[float] = ContextVar("PATIENCE", default=30.0)


class _Late(BaseException):
    """The time is over; no exception that a function is likely to catch."""


@contextmanager
def patient(seconds: float) -> Iterator[None]:
    """Let a rule take so many seconds for a small problem, in the main thread, which alone can be interrupted."""
    before = PATIENCE.set(seconds)
    try:
        yield
    finally:
        PATIENCE.reset(before)


def try_rule(rule: Algorithm, problem: Problem) -> None:
    """Call a rule that somebody defined.

    Raises
    ------
    GradcertError : where it does not return, writes into the problem, returns something else the second time, or no
        number at all.
    """
    before = {name: np.array(value) for name, value in problem.arrays.items()}
    first = _called(rule, problem)
    if written := [name for name, value in before.items() if not _same(problem.arrays[name], value)]:
        raise GradcertError(
            f"the rule {rule.name!r} writes into the problem, {', '.join(written)}, which others read after it",
            allowed="a function that reads the arrays of the problem",
            do="copy what it changes: np.array(...)",
        )
    second = _called(rule, problem)
    if other := [name for name in first if not _same(first[name], second[name])]:
        raise GradcertError(
            f"the rule {rule.name!r}, called twice on one problem, differs in {', '.join(other)}",
            allowed="a function of the problem alone",
            do="draw nothing at random, and keep nothing from call to call",
        )
    if first and all(np.isnan(np.asarray(value, dtype=float)).all() for value in first.values()):
        raise GradcertError(f"the rule {rule.name!r}, whose gradient is NaN in every entry", allowed="numbers")


def _called(rule: Algorithm, problem: Problem) -> dict[str, Any]:
    seconds = PATIENCE.get()
    try:
        with _within(seconds):
            return {name: np.array(value) for name, value in rule.gradients(problem).items()}
    except _Late:
        raise GradcertError(
            f"the rule {rule.name!r} has not answered a problem of {len(problem.inputs)} steps in {seconds:g} s",
            do="end its loop; or more time, --timeout, where it needs more",
        ) from None


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def late(*_: Any) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, late)
    left, again = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left, again)
        signal.signal(signal.SIGALRM, before)


def _same(a: Any, b: Any) -> bool:
    a, b = (np.asarray(value, dtype=float) for value in (a, b))
    return a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=True))
