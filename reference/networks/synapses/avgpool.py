"""Average pooling as a synapse without weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.synapses.mean import share
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class AvgPool:
    """Mean over the windows of images that are flat in (channel, row, column); windows do not overlap.

    A pooling layer is a stateless layer whose input synapse this is, with nothing to train:
    ``Layer(Rnn(activation="identity", recurrent=False, bias=False), ..., synapses=(("W", AvgPool(...)),))``.

    Parameters
    ----------
    channels, height, width : of the input image.
    kernel : (rows, columns) of a window, which is also the stride; rows and columns left over are not read.

    Examples
    --------
    >>> pool = AvgPool(channels=1, height=2, width=4, kernel=(2, 2))
    >>> pool.apply(None, np.arange(8.0))
    array([2.5, 4.5])
    >>> pool.pull_input(None, np.array([4.0, 8.0]))
    array([1., 1., 2., 2., 1., 1., 2., 2.])
    """

    channels: int
    height: int
    width: int
    kernel: tuple[int, int] = (2, 2)

    def __post_init__(self) -> None:
        if min(self.channels, self.height, self.width, *self.kernel) < 1:
            raise GradcertError(f"a pooling {self}", allowed="sizes and kernel >= 1")
        if self.kernel[0] > self.height or self.kernel[1] > self.width:
            raise GradcertError(f"a pooling window {self.kernel}", allowed=f"at most ({self.height}, {self.width})")

    @property
    def _out(self) -> tuple[int, int]:
        return self.height // self.kernel[0], self.width // self.kernel[1]

    @property
    def inputs(self) -> int:
        """Length of the flat input."""
        return self.channels * self.height * self.width

    @property
    def units(self) -> int:
        """Length of the flat output."""
        return self.channels * self._out[0] * self._out[1]

    @property
    def shape(self) -> tuple[int, ...]:
        """Nothing is trained."""
        return ()

    @property
    def columns(self) -> int:
        """No weight feeds a unit."""
        return 0

    def effective(self, weight: Any) -> Any:
        """Return what was given: there is no weight."""
        return weight

    def _taps(self) -> Iterator[tuple[slice, slice]]:
        """Yield the pixels that each entry of the window meets."""
        (rows, cols), (height, width) = self.kernel, self._out
        for i in range(rows):
            for j in range(cols):
                yield slice(i, rows * height, rows), slice(j, cols * width, cols)

    def _share(self, x: Array) -> Array:
        """Return x over the size of a window."""
        return share(x, self.kernel[0] * self.kernel[1])

    def apply(self, weight: Array | None, x: Array) -> Array:
        """Return y for x of shape (..., inputs)."""
        images = x.reshape(-1, self.channels, self.height, self.width)
        first, *rest = [images[:, :, down, right] for down, right in self._taps()]
        return self._share(sum(rest, start=first)).reshape(*x.shape[:-1], self.units)

    def pull_input(self, weight: Array | None, g: Array) -> Array:
        """Return the pull-back of g, shape (..., units), to the input: each pixel's share of its window."""
        share = self._share(g).reshape(-1, self.channels, *self._out)
        image = np.zeros((share.shape[0], self.channels, self.height, self.width), dtype=share.dtype)
        for down, right in self._taps():
            image[:, :, down, right] = share
        return image.reshape(*g.shape[:-1], self.inputs)

    def pull_weight(self, g: Array, x: Array) -> Array:
        """Return an empty gradient."""
        return np.zeros((), dtype=g.dtype)

    def push(self, weight: Array | None, tangent: Array) -> Array:
        """Apply the synapse to axis 1 of a tangent of shape (batch, inputs, k)."""
        return self.apply(weight, tangent.swapaxes(1, 2)).swapaxes(1, 2)

    def expand(self, x: Array) -> Array:
        """Return (batch, 1, 0): no weight feeds a unit."""
        return np.zeros((x.shape[0], 1, 0), dtype=x.dtype)

    def fold(self, per_unit: Array) -> Array:
        """Return an empty gradient."""
        return np.zeros((), dtype=per_unit.dtype)
