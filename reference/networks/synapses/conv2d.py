"""Two-dimensional convolution as a synapse: shared weights over positions, for any type of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Conv2d:
    """Cross-correlation (what deep-learning libraries call convolution) of images, flat in (channel, row, column).

    y[o, r, s] = sum over c, i, j of W[o, c, i, j] x[c, r stride - padding + i, s stride - padding + j], x being 0
    outside the image. A unit is one (channel, row, column) of the output. A cell's bias is per unit; a library's bias
    per channel has the gradient of that bias summed over the channel's positions.

    Parameters
    ----------
    in_channels, height, width : of the input image.
    out_channels : of the output.
    kernel, stride, padding : (rows, columns); padding is with zeros, on both sides.

    Examples
    --------
    >>> synapse = Conv2d(in_channels=1, height=3, width=3, out_channels=1, kernel=(2, 2))
    >>> synapse.apply(np.ones((1, 1, 2, 2), dtype=int), np.arange(9))
    array([ 8, 12, 20, 24])
    >>> synapse.inputs, synapse.units, synapse.shape
    (9, 4, (1, 1, 2, 2))
    """

    in_channels: int
    height: int
    width: int
    out_channels: int
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        sizes = (self.in_channels, self.height, self.width, self.out_channels, *self.kernel, *self.stride)
        if min(sizes) < 1 or min(self.padding) < 0:
            raise GradcertError(f"a convolution {self}", allowed="sizes, kernel and stride >= 1, padding >= 0")
        if min(self.out_height, self.out_width) < 1:
            raise GradcertError(f"a kernel {self.kernel} larger than the padded image", do="pad, or use a smaller one")

    @property
    def out_height(self) -> int:
        """Rows of the output."""
        return (self.height + 2 * self.padding[0] - self.kernel[0]) // self.stride[0] + 1

    @property
    def out_width(self) -> int:
        """Columns of the output."""
        return (self.width + 2 * self.padding[1] - self.kernel[1]) // self.stride[1] + 1

    @property
    def inputs(self) -> int:
        """Length of the flat input."""
        return self.in_channels * self.height * self.width

    @property
    def units(self) -> int:
        """Length of the flat output."""
        return self.out_channels * self._positions

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight: (out_channels, in_channels, kernel rows, kernel columns)."""
        return (self.out_channels, self.in_channels, *self.kernel)

    @property
    def columns(self) -> int:
        """Number of weights that feed one unit."""
        return self.in_channels * self.kernel[0] * self.kernel[1]

    @property
    def _positions(self) -> int:
        return self.out_height * self.out_width

    def effective(self, weight: Array) -> Array:
        """Return the weight: every connection exists."""
        return weight

    def _patches(self, x: Array) -> Array:
        """Return what each position sees, (n, positions, columns), for x of shape (..., inputs)."""
        (top, left), (down, right) = self.padding, self.stride
        images = x.reshape(-1, self.in_channels, self.height, self.width)
        rows, cols = self.height + 2 * top, self.width + 2 * left
        padded = np.zeros((images.shape[0], self.in_channels, rows, cols), dtype=x.dtype)
        padded[:, :, top : top + self.height, left : left + self.width] = images
        windows = sliding_window_view(padded, self.kernel, axis=(2, 3))[:, :, ::down, ::right]
        return windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, self._positions, self.columns)

    def _taps(self) -> Iterator[tuple[int, tuple[slice, slice]]]:
        """Yield the index of each kernel entry and the pixels of the padded image that it meets."""
        (down, right), (rows, cols) = self.stride, self.kernel
        for i in range(rows):
            for j in range(cols):
                met = slice(i, i + down * self.out_height, down), slice(j, j + right * self.out_width, right)
                yield i * cols + j, met

    def apply(self, weight: Array, x: Array) -> Array:
        """Return y for x of shape (..., inputs)."""
        y = np.matmul(self._patches(x), weight.reshape(self.out_channels, -1).T)
        return y.swapaxes(1, 2).reshape(*x.shape[:-1], self.units)

    def pull_input(self, weight: Array, g: Array) -> Array:
        """Return the pull-back of g, shape (..., units), to the input: every tap adds to the pixels that it met."""
        (top, left), (rows, cols) = self.padding, self.kernel
        flat = g.reshape(-1, self.out_channels, self._positions)
        padded = np.zeros(
            (flat.shape[0], self.in_channels, self.height + 2 * top + rows, self.width + 2 * left + cols), dtype=g.dtype
        )
        taps = weight.reshape(self.out_channels, self.in_channels, -1)
        for tap, (down, right) in self._taps():
            share = np.matmul(taps[:, :, tap].T, flat)
            here = share.reshape(-1, self.in_channels, self.out_height, self.out_width)
            padded[:, :, down, right] = padded[:, :, down, right] + here
        image = padded[:, :, top : top + self.height, left : left + self.width]
        return image.reshape(*g.shape[:-1], self.inputs)

    def pull_weight(self, g: Array, x: Array) -> Array:
        """Return the pull-back to the weight, summed over all leading axes and positions."""
        credit = g.reshape(-1, self.out_channels, self._positions).swapaxes(1, 2).reshape(-1, self.out_channels)
        return np.matmul(credit.T, self._patches(x).reshape(-1, self.columns)).reshape(self.shape)

    def push(self, weight: Array, tangent: Array) -> Array:
        """Apply the synapse to axis 1 of a tangent of shape (batch, inputs, k)."""
        return self.apply(weight, tangent.swapaxes(1, 2)).swapaxes(1, 2)

    def expand(self, x: Array) -> Array:
        """Return dy_u / d(weights of unit u), (batch, units, columns): a unit's patch, the same for every channel."""
        patches = self._patches(x)
        return np.broadcast_to(patches[:, None], (patches.shape[0], self.out_channels, *patches.shape[1:])).reshape(
            -1, self.units, self.columns
        )

    def fold(self, per_unit: Array) -> Array:
        """Turn a gradient per unit, (units, columns), into that of the shared weight: the sum over positions."""
        return per_unit.reshape(self.out_channels, self._positions, self.columns).sum(axis=1).reshape(self.shape)
