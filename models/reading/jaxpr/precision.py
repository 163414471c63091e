"""Reading happens in float64: JAX's switch, and ``jnp.float32`` in the user's own code, which would undo it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax
import jax.numpy as jnp


@contextmanager
def double() -> Iterator[None]:
    """Let JAX compute in float64, what is written as ``jnp.float32`` included, and put everything back afterwards."""
    kept = jnp.float32
    with jax.enable_x64(True):
        jnp.float32 = jnp.float64
        try:
            yield
        finally:
            jnp.float32 = kept
