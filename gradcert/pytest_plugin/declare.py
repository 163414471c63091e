"""How somebody's test file says what is to be checked: `subject_tests`, and the decorator `cases`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Unpack

from gradcert.certify.names import present_names
from gradcert.pytest_plugin.check import Check
from gradcert.pytest_plugin.session import Checks

if TYPE_CHECKING:
    from gradcert.certify.claims import Parts

ATTRIBUTE = "__gradcert_checks__"


@present_names
def subject_tests(
    subject: Any,
    *,
    profile: str | None = None,
    seed: int = 0,
    python: str | None = None,
    **parts: Unpack[Parts],
) -> Callable[..., None]:
    """Return a test function that is run once for every check of a subject; assign it to a name that begins with test.

    Parameters
    ----------
    subject, seed, python, parts : as for ``gradcert.certify``.
    profile : instead of the one on the command line.

    Examples
    --------
    >>> test_ostl = subject_tests("mypackage.learning:gradients", rule="ostl", cells="snu")
    >>> test_ostl.__name__
    'test_subject'
    """
    from gradcert.certify.claims import check_names  # this file is loaded by every run of pytest

    check_names("subject_tests", parts)

    def test_subject(gradcert_check: Check, **given: Any) -> None:
        __tracebackhide__ = True
        gradcert_check.run(given)

    # pytest reads it to know which fixtures and parameters a test takes
    test_subject.__signature__ = _signature(subject)  # type: ignore[attr-defined]

    setattr(test_subject, ATTRIBUTE, Checks(subject, parts, profile, seed, python))
    return _at(*_caller(), test_subject)


def _caller() -> tuple[str, int]:
    """Return file and line of somebody's call of this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("gradcert."):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _at(file: str, line: int, test: Callable[..., None]) -> Callable[..., None]:
    """Have a test stand where it was asked for, not here: pytest shows the place of a function's code."""
    test.__code__ = test.__code__.replace(co_filename=file, co_firstlineno=line)
    return test


def _signature(subject: Any) -> inspect.Signature:
    """Return what a test of a subject takes: the check, and what a function takes beside its first parameter."""
    names = [*inspect.signature(subject).parameters.values()][1:] if inspect.isfunction(subject) else []
    more = [p.name for p in names if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(name, kind) for name in ("gradcert_check", *more)])


def cases(*, subject: Any = None, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Decorate a test: its parameter ``problem`` makes it the subject; with ``subject=`` given, its body is not run.

    Further parameters are the test's own: fixtures, and what ``pytest.mark.parametrize`` gives; every combination of
    them is a subject of its own, with a process of its own.

    Parameters
    ----------
    subject : another subject than the decorated function, or None.
    options : as for `subject_tests`.

    Examples
    --------
    >>> @cases(rule="bptt", cells="rnn")
    ... def test_mine(problem):
    ...     return {}
    >>> test_mine.__name__
    'test_mine'
    """

    def decorate(function: Any) -> Callable[..., None]:
        if not callable(function) or not hasattr(function, "__name__"):
            from gradcert.reference.errors import GradcertError  # this file is loaded by every run of pytest

            raise GradcertError(
                f"gradcert.cases(...) of {function!r}",
                allowed="a test function, def test_mine(problem): ...",
                do="write @gradcert.cases(...) above it",
            )
        test = subject_tests(function if subject is None else subject, **options)
        test.__name__, test.__qualname__, test.__doc__ = function.__name__, function.__qualname__, function.__doc__
        test.__module__ = function.__module__
        if code := getattr(function, "__code__", None):
            _at(code.co_filename, code.co_firstlineno, test)
        if marks := getattr(function, "pytestmark", None):  # of decorators below this one
            test.__dict__["pytestmark"] = list(marks)
        return test

    return decorate
