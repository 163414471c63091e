"""What is said of a module that cannot be judged as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Problem


class UnreadError(GradcertError):
    """A module that cannot be built, read or given a problem's parameters: nothing of it was judged."""


@contextmanager
def unread() -> Iterator[None]:
    """Let what is refused while something is read be an `UnreadError`."""
    try:
        yield
    except UnreadError:
        raise
    except GradcertError as error:
        raise UnreadError(str(error)) from None


def check_given(problem: Problem, who: str) -> None:
    """Raise for a problem that nothing that was read can be given, or whose loss is about more than its outputs."""
    beside = [k for k in problem.data if k != "weights"]
    beside += [*(["feedback"] if problem.feedback else []), *problem.drawn]
    loss = problem.network.loss
    beside += [name for name, there in (("terms about activity", loss.activity), ("local losses", loss.local)) if there]
    if beside:
        raise UnreadError(f"{who} that is given {', '.join(beside)}", allowed="problems of inputs, targets and weights")
