"""What a number system raises when its enclosures do not decide a comparison."""

from __future__ import annotations

from gradcert.reference.errors import GradcertError


class Undecided(GradcertError):
    """Two enclosures overlap: which of two numbers is larger cannot be said."""
