"""Bits to be said again some steps later: the smallest task that needs memory. Drawn, not fetched."""

from __future__ import annotations

import numpy as np

from gradcert.reference.numbers import Array


def echo(rng: np.random.Generator, steps: int, batch: int, *, width: int = 4, delay: int = 2) -> tuple[Array, Array]:
    """Return inputs and targets (steps, batch, width), float64: the target is the input `delay` steps before, first 0.

    Examples
    --------
    >>> x, y = echo(np.random.default_rng(0), 6, 1)
    >>> bool((y[2:] == x[:-2]).all()), bool(y[:2].any())
    (True, False)
    """
    x = (rng.random((steps, batch, width)) < 0.5).astype(float)
    y = np.zeros_like(x)
    y[delay:] = x[: steps - delay]
    return x, y
