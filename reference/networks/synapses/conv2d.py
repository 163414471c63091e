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
    per channel has the gradient of that bias summed over the channel's positions. With dilation d it is i d and j d;
    with groups, channels are split into as many parts, each of which reads the same part of the input's alone
    (depthwise: as many groups as channels).

    Parameters
    ----------
    in_channels, height, width : of the input image.
    out_channels : of the output.
    kernel, stride, padding, dilation : (rows, columns); padding is with zeros, on both sides.
    groups : parts that channels are split into.

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
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        sizes = (self.in_channels, self.height, self.width, self.out_channels, self.groups)
        if min(*sizes, *self.kernel, *self.stride, *self.dilation) < 1 or min(self.padding) < 0:
            allowed = "sizes, kernel, stride, dilation and groups >= 1, padding >= 0"
            raise GradcertError(f"a convolution {self}", allowed=allowed)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise GradcertError(f"a convolution {self}", allowed="groups that divide both numbers of channels")
        if min(self.out_height, self.out_width) < 1:
            raise GradcertError(f"a kernel {self.kernel} larger than the padded image", do="pad, or use a smaller one")

    @property
    def out_height(self) -> int:
        """Rows of the output."""
        return (self.height + 2 * self.padding[0] - self._span[0]) // self.stride[0] + 1

    @property
    def out_width(self) -> int:
        """Columns of the output."""
        return (self.width + 2 * self.padding[1] - self._span[1]) // self.stride[1] + 1

    @property
    def _span(self) -> tuple[int, int]:
        """Rows and columns from the first entry of a kernel to the last, both included."""
        return self.dilation[0] * (self.kernel[0] - 1) + 1, self.dilation[1] * (self.kernel[1] - 1) + 1

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
        """Shape of the weight: (out_channels, in_channels of a group, kernel rows, kernel columns)."""
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)

    @property
    def columns(self) -> int:
        """Number of weights that feed one unit."""
        return self.in_channels // self.groups * self.kernel[0] * self.kernel[1]

    @property
    def _positions(self) -> int:
        return self.out_height * self.out_width

    def effective(self, weight: Array) -> Array:
        """Return the weight: every connection exists."""
        return weight

    def _patches(self, x: Array) -> Array:
        """Return what each position sees, (n, groups, positions, columns), for x of shape (..., inputs)."""
        (top, left), (down, right) = self.padding, self.stride
        images = x.reshape(-1, self.in_channels, self.height, self.width)
        rows, cols = self.height + 2 * top, self.width + 2 * left
        padded = np.zeros((images.shape[0], self.in_channels, rows, cols), dtype=x.dtype)
        padded[:, :, top : top + self.height, left : left + self.width] = images
        windows = sliding_window_view(padded, self._span, axis=(2, 3))[:, :, ::down, ::right]
        windows = windows[..., :: self.dilation[0], :: self.dilation[1]]
        grouped = windows.reshape(len(images), self.groups, -1, *windows.shape[2:])
        return grouped.transpose(0, 1, 3, 4, 2, 5, 6).reshape(-1, self.groups, self._positions, self.columns)

    def _taps(self) -> Iterator[tuple[int, tuple[slice, slice]]]:
        """Yield the index of each kernel entry and the pixels of the padded image that it meets."""
        (down, right), (rows, cols), (below, beside) = self.stride, self.kernel, self.dilation
        for i in range(rows):
            for j in range(cols):
                y, x = i * below, j * beside
                yield (
                    i * cols + j,
                    (
                        slice(y, y + down * self.out_height, down),
                        slice(x, x + right * self.out_width, right),
                    ),
                )

    def _grouped(self, weight: Array) -> Array:
        """Return the weight as matrices of the groups, (groups, out_channels of a group, columns)."""
        return weight.reshape(self.groups, -1, self.columns)

    def apply(self, weight: Array, x: Array) -> Array:
        """Return y for x of shape (..., inputs)."""
        y = np.matmul(self._patches(x), self._grouped(weight).swapaxes(1, 2))
        return y.swapaxes(2, 3).reshape(*x.shape[:-1], self.units)

    def pull_input(self, weight: Array, g: Array) -> Array:
        """Return the pull-back of g, shape (..., units), to the input: every tap adds to the pixels that it met."""
        (top, left), (rows, cols) = self.padding, self._span
        flat = g.reshape(-1, self.groups, self.out_channels // self.groups, self._positions)
        padded = np.zeros(
            (len(flat), self.in_channels, self.height + 2 * top + rows, self.width + 2 * left + cols), dtype=g.dtype
        )
        taps = self._grouped(weight).reshape(*flat.shape[1:3], self.in_channels // self.groups, -1)
        for tap, (down, right) in self._taps():
            share = np.matmul(taps[..., tap].swapaxes(1, 2), flat)
            here = share.reshape(-1, self.in_channels, self.out_height, self.out_width)
            padded[:, :, down, right] = padded[:, :, down, right] + here
        image = padded[:, :, top : top + self.height, left : left + self.width]
        return image.reshape(*g.shape[:-1], self.inputs)

    def pull_weight(self, g: Array, x: Array) -> Array:
        """Return the pull-back to the weight, summed over all leading axes and positions."""
        makes = self.out_channels // self.groups
        by_sample = g.reshape(-1, self.groups, makes, self._positions)
        credit = by_sample.transpose(1, 2, 0, 3).reshape(self.groups, makes, -1)
        patches = self._patches(x).swapaxes(0, 1).reshape(self.groups, -1, self.columns)
        return np.matmul(credit, patches).reshape(self.shape)

    def push(self, weight: Array, tangent: Array) -> Array:
        """Apply the synapse to axis 1 of a tangent of shape (batch, inputs, k)."""
        return self.apply(weight, tangent.swapaxes(1, 2)).swapaxes(1, 2)

    def expand(self, x: Array) -> Array:
        """Return dy_u / d(weights of unit u), (batch, units, columns): a unit's patch, the same for all of a group."""
        patches = self._patches(x)[:, :, None]
        shape = (len(patches), self.groups, self.out_channels // self.groups, self._positions, self.columns)
        return np.broadcast_to(patches, shape).reshape(-1, self.units, self.columns)

    def fold(self, per_unit: Array) -> Array:
        """Turn a gradient per unit, (units, columns), into that of the shared weight: the sum over positions."""
        return per_unit.reshape(self.out_channels, self._positions, self.columns).sum(axis=1).reshape(self.shape)
