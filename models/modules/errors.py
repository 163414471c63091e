"""What is said of a module that cannot be judged as it is."""

from __future__ import annotations

from gradcert.reference.errors import GradcertError


class UnreadError(GradcertError):
    """A module that cannot be built, read or given a problem's parameters: nothing of it was judged."""
