"""Windows of images: where PyTorch's poolings look, and one entry of every window as a synapse."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.synapses import fixed
from gradcert.reference.numbers import Array

Pair = tuple[int, int]
LARGEST = 1024  # entries of a window, each of which is a node


@dataclass(frozen=True)
class Windows:
    """Windows of images that are flat in (channel, row, column), as `torch.nn.MaxPool2d` lays them.

    Parameters
    ----------
    channels, height, width : of the input image.
    kernel : (rows, columns) of a window.
    stride : from one window to the next; the kernel where it is None.
    padding : rows and columns on both sides that windows may begin in, and that have no pixels.
    dilation : rows and columns from one entry of a window to the next.
    ceil : whether a last window that is partly outside is there too.
    """

    channels: int
    height: int
    width: int
    kernel: Pair = (2, 2)
    stride: Pair | None = None
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    ceil: bool = False

    shape: ClassVar[tuple[int, ...]] = fixed.SHAPE

    def __post_init__(self) -> None:
        sizes = (self.channels, self.height, self.width, *self.kernel, *self._stride, *self.dilation)
        if min(sizes) < 1 or min(self.padding) < 0:
            raise GradcertError(f"a pooling {self}", allowed="sizes, kernel, stride and dilation >= 1, padding >= 0")
        if self.kernel[0] * self.kernel[1] > LARGEST:
            raise GradcertError(f"a pooling window {self.kernel}", allowed=f"of at most {LARGEST} entries")
        for axis in (0, 1):
            if 2 * self.padding[axis] > self.dilation[axis] * (self.kernel[axis] - 1) + 1:
                raise GradcertError(
                    f"a padding {self.padding} of windows {self.kernel}", allowed="at most half a window"
                )
        if min(self.out) < 1:
            raise GradcertError(
                f"a pooling window {self.kernel} larger than the image ({self.height}, {self.width})",
                do="use a smaller one, or pad",
            )
        if not all(bool(self._met(axis)[1].any(axis=1).all()) for axis in (0, 1)):
            raise GradcertError(
                f"a pooling {self} with a window that meets no pixel", allowed="one pixel or more in each"
            )

    @property
    def _stride(self) -> Pair:
        return self.kernel if self.stride is None else self.stride

    @cached_property
    def out(self) -> Pair:
        """Rows and columns of windows."""
        rows, columns = (self._count(axis, size) for axis, size in enumerate((self.height, self.width)))
        return rows, columns

    def _count(self, axis: int, size: int) -> int:
        stride, padding = self._stride[axis], self.padding[axis]
        room = size + 2 * padding - self.dilation[axis] * (self.kernel[axis] - 1) - 1
        count = (room + (stride - 1) * self.ceil) // stride + 1
        return count - (self.ceil and (count - 1) * stride >= size + padding)  # none begins in the padding at the end

    @property
    def inputs(self) -> int:
        """Length of the flat input."""
        return self.channels * self.height * self.width

    @property
    def units(self) -> int:
        """Length of the flat output."""
        return self.channels * self.out[0] * self.out[1]

    def _met(self, axis: int) -> tuple[Array, Array]:
        """Return the rows (or columns) that each entry of each window meets, (windows, entries); which are there."""
        starts = np.arange(self.out[axis]) * self._stride[axis] - self.padding[axis]
        met = starts[:, None] + np.arange(self.kernel[axis]) * self.dilation[axis]
        return met, (met >= 0) & (met < (self.height, self.width)[axis])

    def index(self, entry: int) -> Array:
        """Return which input an entry of each window is, (units,); the first that is there for one outside the image.

        Entries count row by row. The largest of a window, and which is the first of several that are the largest, is
        the same with an entry that is there twice as without.
        """
        at = divmod(entry, self.kernel[1])
        (rows, row_there), (columns, column_there) = (self._met(axis) for axis in (0, 1))
        inside = row_there[:, at[0]][:, None] & column_there[:, at[1]][None, :]
        first = [
            met[range(len(met)), there.argmax(axis=1)] for met, there in ((rows, row_there), (columns, column_there))
        ]
        row = np.where(inside, rows[:, at[0]][:, None], first[0][:, None])
        column = np.where(inside, columns[:, at[1]][None, :], first[1][None, :])
        images = np.arange(self.channels)[:, None, None] * self.height
        return np.asarray(((images + row) * self.width + column).ravel())


@dataclass(frozen=True)
class Tap(Windows):
    """One entry of every window: a fixed selection, which is what max pooling is made of. Nothing is trained.

    Parameters
    ----------
    entry : which, row by row, from 0.

    Examples
    --------
    >>> tap = Tap(channels=1, height=2, width=4, entry=1)
    >>> tap.apply(None, np.arange(8.0)), tap.pull_input(None, np.array([4.0, 8.0]))
    (array([1., 3.]), array([0., 4., 0., 8., 0., 0., 0., 0.]))
    """

    entry: int = 0

    columns: ClassVar[int] = fixed.COLUMNS
    effective = fixed.effective
    pull_weight = fixed.pull_weight
    expand = fixed.expand
    fold = fixed.fold

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.entry < self.kernel[0] * self.kernel[1]:
            raise GradcertError(f"the entry {self.entry} of a window {self.kernel}", allowed="row by row, from 0")

    @cached_property
    def _index(self) -> Array:
        return self.index(self.entry)

    @cached_property
    def _rounds(self) -> list[tuple[Array, Array]]:
        """Units and the inputs that they read, in rounds in which none reads what another does."""
        seen = (
            [int((self._index[:k] == i).sum()) for k, i in enumerate(self._index)] if self._twice else [0] * self.units
        )
        turn = np.array(seen)
        return [(units, self._index[units]) for k in range(turn.max() + 1) for units in [np.flatnonzero(turn == k)]]

    @property
    def _twice(self) -> bool:
        return len(np.unique(self._index)) < self.units

    def apply(self, weight: Any, x: Array) -> Array:
        """Return y for x of shape (..., inputs)."""
        return np.asarray(x[..., self._index])

    def pull_input(self, weight: Any, g: Array) -> Array:
        """Return the pull-back of g, shape (..., units), to the input."""
        out = np.zeros((*g.shape[:-1], self.inputs), dtype=g.dtype)
        for units, inputs in self._rounds:
            out[..., inputs] = out[..., inputs] + g[..., units]
        return out

    def push(self, weight: Any, tangent: Array) -> Array:
        """Apply the map to axis 1 of a tangent of shape (batch, inputs, k)."""
        return np.asarray(tangent[:, self._index])
