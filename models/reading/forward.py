"""Whether what is read is the forward pass alone: then the user's own backward is what is judged, not assumed.

A function with a derivative of its own that is no spike is recorded operation by operation, and what changes gradients
on their way is nobody's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

FORWARD: ContextVar[bool] = ContextVar("FORWARD", default=False)


@contextmanager
def forward_alone() -> Iterator[None]:
    """Read what a module computes, whatever its own backward makes of it."""
    token = FORWARD.set(True)
    try:
        yield
    finally:
        FORWARD.reset(token)
