"""Average pooling as a synapse without weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.synapses import fixed
from gradcert.reference.networks.synapses.mean import share
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class AvgPool:
    """Mean over the windows of images that are flat in (channel, row, column), as `torch.nn.AvgPool2d` has it.

    A pooling layer is a stateless layer whose input synapse this is, with nothing to train:
    ``Layer(Rnn(activation="identity", recurrent=False, bias=False), ..., synapses=(("W", AvgPool(...)),))``.

    Parameters
    ----------
    channels, height, width : of the input image.
    kernel : (rows, columns) of a window; rows and columns left over are not read.
    stride : from one window to the next; the kernel where it is None.
    padding : zeros on both sides, which are part of the mean; up to half of the kernel.

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
    stride: tuple[int, int] | None = None
    padding: tuple[int, int] = (0, 0)

    shape: ClassVar[tuple[int, ...]] = fixed.SHAPE
    columns: ClassVar[int] = fixed.COLUMNS
    effective = fixed.effective
    pull_weight = fixed.pull_weight
    expand = fixed.expand
    fold = fixed.fold

    def __post_init__(self) -> None:
        if min(self.channels, self.height, self.width, *self.kernel, *self._step) < 1 or min(self.padding) < 0:
            raise GradcertError(f"a pooling {self}", allowed="sizes, kernel and stride >= 1, padding >= 0")
        if any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise GradcertError(f"a pooling with padding {self.padding}", allowed="up to half of the kernel")
        room = tuple(size + 2 * p for size, p in zip((self.height, self.width), self.padding, strict=True))
        if self.kernel[0] > room[0] or self.kernel[1] > room[1]:
            raise GradcertError(f"a pooling window {self.kernel}", allowed=f"at most {room}")

    @property
    def _step(self) -> tuple[int, int]:
        return self.kernel if self.stride is None else self.stride

    @property
    def out_height(self) -> int:
        """Rows of the output."""
        return (self.height + 2 * self.padding[0] - self.kernel[0]) // self._step[0] + 1

    @property
    def out_width(self) -> int:
        """Columns of the output."""
        return (self.width + 2 * self.padding[1] - self.kernel[1]) // self._step[1] + 1

    @property
    def inputs(self) -> int:
        """Length of the flat input."""
        return self.channels * self.height * self.width

    @property
    def units(self) -> int:
        """Length of the flat output."""
        return self.channels * self.out_height * self.out_width

    def _taps(self) -> Iterator[tuple[slice, slice]]:
        """Yield the pixels of the padded image that each entry of the window meets."""
        (rows, cols), (down, right) = self.kernel, self._step
        for i in range(rows):
            for j in range(cols):
                yield slice(i, i + down * self.out_height, down), slice(j, j + right * self.out_width, right)

    def _share(self, x: Array) -> Array:
        """Return x over the size of a window."""
        return share(x, self.kernel[0] * self.kernel[1])

    @property
    def _inner(self) -> tuple[slice, slice]:
        """Where the image lies in the padded one."""
        (top, left) = self.padding
        return slice(top, top + self.height), slice(left, left + self.width)

    def _padded(self, count: int, dtype: Any) -> Array:
        """Return padded images of zeros, with room for a last window that is cut short by nothing."""
        rows, cols = (
            size + 2 * p + k for size, p, k in zip((self.height, self.width), self.padding, self.kernel, strict=True)
        )
        return np.zeros((count, self.channels, rows, cols), dtype=dtype)

    def apply(self, weight: Array | None, x: Array) -> Array:
        """Return y for x of shape (..., inputs)."""
        images = x.reshape(-1, self.channels, self.height, self.width)
        if any(self.padding):
            padded = self._padded(len(images), x.dtype)
            padded[:, :, *self._inner] = images
            images = padded
        first, *rest = [images[:, :, down, right] for down, right in self._taps()]
        return self._share(sum(rest, start=first)).reshape(*x.shape[:-1], self.units)

    def pull_input(self, weight: Array | None, g: Array) -> Array:
        """Return the pull-back of g, shape (..., units), to the input: each pixel's share of its windows."""
        share = self._share(g).reshape(-1, self.channels, self.out_height, self.out_width)
        image = self._padded(len(share), share.dtype)
        for down, right in self._taps():
            image[:, :, down, right] = image[:, :, down, right] + share
        return np.ascontiguousarray(image[:, :, *self._inner]).reshape(*g.shape[:-1], self.inputs)

    def push(self, weight: Array | None, tangent: Array) -> Array:
        """Apply the synapse to axis 1 of a tangent of shape (batch, inputs, k)."""
        return self.apply(weight, tangent.swapaxes(1, 2)).swapaxes(1, 2)
