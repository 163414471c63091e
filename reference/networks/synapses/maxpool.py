"""Max pooling: no linear map, but taps of windows and the larger of two, again and again."""

from __future__ import annotations

from dataclasses import dataclass

from gradcert.reference.networks.synapses.windows import Tap, Windows


@dataclass(frozen=True)
class MaxPool(Windows):
    """The largest of every window, which a connection of a graph may have among its synapses.

    Of several that are the largest, as of spikes, the first row by row is taken, and all credit goes there, as in
    PyTorch. In the engines it is nodes: a window of n entries is n taps (`Tap`), fixed selections, and n - 1 nodes that
    are the larger of two.

    Examples
    --------
    >>> pool = MaxPool(channels=1, height=4, width=4)
    >>> pool.inputs, pool.units, len(pool.taps)
    (16, 4, 4)
    """

    @property
    def taps(self) -> tuple[Tap, ...]:
        """The entries of every window, row by row."""
        own = (self.channels, self.height, self.width, self.kernel, self.stride, self.padding, self.dilation, self.ceil)
        return tuple(Tap(*own, entry=k) for k in range(self.kernel[0] * self.kernel[1]))
