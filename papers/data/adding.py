"""The adding task (Hochreiter & Schmidhuber 1997; mathematics.md 8.3): two marked values of a sequence are to be added.

Two channels: a value, uniform in [0, 1], and a marker, which is 1 twice, once in each half. The target is the sum of
the two marked values; a constant guess of 1 has a mean squared error of 1/6. Drawn, not fetched.
"""

from __future__ import annotations

import numpy as np

from gradcert.reference.numbers import Array

CHANCE = 1 / 6


def adding(rng: np.random.Generator, steps: int, batch: int) -> tuple[Array, Array]:
    """Return inputs (steps, batch, 2) and targets (steps, batch, 1), float32; the target is the same at every step.

    Examples
    --------
    >>> x, y = adding(np.random.default_rng(0), 10, 3)
    >>> x[:, :, 1].sum(axis=0).tolist(), bool(np.allclose((x[:, :, 0] * x[:, :, 1]).sum(axis=0), y[-1, :, 0]))
    ([2.0, 2.0, 2.0], True)
    """
    x = np.zeros((steps, batch, 2), np.float32)
    x[:, :, 0] = rng.uniform(size=(steps, batch))
    sample = np.arange(batch)
    for low, high in ((0, steps // 2), (steps // 2, steps)):
        x[rng.integers(low, high, batch), sample, 1] = 1
    y = (x[:, :, 0] * x[:, :, 1]).sum(axis=0)
    return x, np.repeat(y[None, :, None], steps, axis=0)
