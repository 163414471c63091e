"""What is said of a module that cannot be judged as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gradcert.reference.errors import GradcertError


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
