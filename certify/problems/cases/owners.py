"""Whose a node or a parameter is: a layer's of a stack, or a population's of a graph. Each has one cell, and units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gradcert.reference.networks import Circuit, Layer, Network


@dataclass(frozen=True)
class Owner:
    """A layer of a stack, or a population.

    Attributes
    ----------
    layer : the number of the layer that it is, or is in.
    name : what the names of its parameters begin with.
    prefix : what the names of its nodes, and its parameters, begin with in the layer: nothing, or ``low.``.
    """

    layer: int
    cell: Any
    units: int
    name: str
    prefix: str

    def shapes(self, layer: Layer) -> dict[str, tuple[int, ...]]:
        """Return the shapes of its parameters, by its own names for them."""
        own = layer.shapes().items()
        return {k.removeprefix(self.prefix): shape for k, shape in own if k.startswith(self.prefix)}


def owners(network: Network) -> Iterator[Owner]:
    """Yield the layers of a stack, or the populations of a graph layer by layer.

    Examples
    --------
    >>> from gradcert.reference.networks import Rnn
    >>> [owner.name for owner in owners(Network(layers=(Layer(Rnn(), inputs=2, units=3),)))]
    ['layers.0']
    """
    for i, layer in enumerate(network.layers):
        if isinstance(layer.cell, Circuit):
            yield from (Owner(i, m.cell, m.units, m.name, m.full("")) for m in layer.cell.members)
        else:
            yield Owner(i, layer.cell, layer.units, layer.full_name(i, "").removesuffix("."), "")
