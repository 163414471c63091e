"""NIR's convolutions and poolings as synapses, and back; images are flat in (channel, row, column), as NIR flattens."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import AvgPool, Conv2d
from gradcert.reference.numbers import Array

CONV_BIAS = (
    "a convolution's bias per channel is a bias per unit here: a library's gradient is ours, summed over positions"
)
Shape = tuple[int, ...]


def pair(value: Any) -> tuple[int, int]:
    """Return (rows, columns) of what NIR writes as one number, a tuple or an array.

    Examples
    --------
    >>> pair(2), pair(np.array([1, 2]))
    ((2, 2), (1, 2))
    """
    flat = [int(v) for v in np.atleast_1d(np.asarray(value)).ravel()]
    return (flat[0], flat[0]) if len(flat) == 1 else (flat[0], flat[1])


def convolution(node: Any, name: str, shape: Shape | None) -> Conv2d:
    """Return the synapse of a Conv2d.

    Parameters
    ----------
    shape : (channels, rows, columns) of what comes in, where the node does not say it.

    Raises
    ------
    GradcertError : for a padding without a size, or an unknown shape.
    """
    weight = np.asarray(node.weight)
    size = tuple(node.input_shape) if node.input_shape is not None else (shape or ())[1:]
    if len(size) != 2:
        raise GradcertError(f"a convolution {name!r} of an unknown shape", do="give it an input_shape")
    kernel, stride, dilation = (int(weight.shape[2]), int(weight.shape[3])), pair(node.stride), pair(node.dilation)
    return Conv2d(
        in_channels=int(weight.shape[1]) * int(node.groups),
        height=int(size[0]),
        width=int(size[1]),
        out_channels=int(weight.shape[0]),
        kernel=kernel,
        stride=stride,
        padding=_padding(node.padding, kernel, stride, dilation, name),
        dilation=dilation,
        groups=int(node.groups),
    )


def _padding(
    given: Any, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int], name: str
) -> tuple[int, int]:
    if not isinstance(given, str):
        return pair(given)
    if given == "valid":
        return 0, 0
    if stride != (1, 1) or not all(k % 2 for k in kernel):
        raise GradcertError(f"padding 'same' at {name!r}", allowed="stride 1 and odd kernels, or a number")
    return kernel[0] // 2 * dilation[0], kernel[1] // 2 * dilation[1]


def pooling(node: Any, name: str, shape: Shape | None) -> AvgPool:
    """Return the synapse of an AvgPool2d, whose padding is part of the mean.

    Raises
    ------
    GradcertError : for an image of unknown shape.
    """
    kernel, stride = pair(node.kernel_size), pair(node.stride)
    if shape is None or len(shape) != 3:
        raise GradcertError(f"the pooling {name!r} of an unknown shape", do="put it after a convolution")
    return AvgPool(
        channels=shape[0],
        height=shape[1],
        width=shape[2],
        kernel=kernel,
        stride=None if stride == kernel else stride,
        padding=pair(node.padding),
    )


def out_shape(synapse: Conv2d | AvgPool) -> Shape:
    """Return (channels, rows, columns) of what comes out.

    Examples
    --------
    >>> out_shape(Conv2d(in_channels=1, height=4, width=4, out_channels=2, kernel=(3, 3)))
    (2, 2, 2)
    """
    channels = synapse.out_channels if isinstance(synapse, Conv2d) else synapse.channels
    return channels, synapse.out_height, synapse.out_width


def in_shape(synapse: Conv2d | AvgPool) -> Shape:
    """Return (channels, rows, columns) of what goes in."""
    channels = synapse.in_channels if isinstance(synapse, Conv2d) else synapse.channels
    return channels, synapse.height, synapse.width


def channel_bias(bias: Array, synapse: Conv2d) -> Array:
    """Return the bias per channel of a bias per unit.

    Raises
    ------
    GradcertError : if the positions of a channel differ.
    """
    rows = bias.reshape(synapse.out_channels, -1)
    if (rows != rows[:, :1]).any():
        raise GradcertError("a bias that differs between positions of a channel", allowed="one bias per channel in NIR")
    return np.array(rows[:, 0])


def unit_bias(bias: Array, synapse: Conv2d) -> Array:
    """Return the bias per unit of a bias per channel.

    Examples
    --------
    >>> unit_bias(np.array([1.0, 2.0]), Conv2d(in_channels=1, height=2, width=2, out_channels=2, kernel=(2, 1)))
    array([1., 1., 2., 2.])
    """
    return np.repeat(bias, synapse.units // synapse.out_channels)
