"""What every implementation stores: the nodes of a cell at each step, and its local derivatives.

A budget that treated the whole forward pass as one polynomial would cover evaluation orders that nobody uses, such as
a membrane potential that is multiplied out over all earlier steps, and would grow with every reset. Here the values of
the nodes and of the local derivatives are atoms: each is computed from stored ones, in any order, then rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gradcert.properties.numbers import settle
from gradcert.reference.networks import Cell, Drive, Link, Network, Nodes, Use
from gradcert.reference.numbers import Array, Numbers


class StoredCell:
    """A cell whose nodes and local derivatives are settled as soon as they are computed."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cell, name)

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        return {node: settle(value) for node, value in self._cell.step(n, p, drive, prev).items()}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        return {link: settle(value) for link, value in self._cell.factors(n, p, prev, now).items()}


def stored(network: Network) -> Network:
    """Return the network with stored cells.

    Examples
    --------
    >>> from gradcert.reference import Layer, Snu
    >>> stored(Network(layers=(Layer(Snu(), inputs=2, units=3),))).layers[0].cell.name
    'snu'
    """
    return replace(network, layers=tuple(replace(layer, cell=_stored(layer.cell)) for layer in network.layers))


def _stored(cell: Cell) -> Any:
    return StoredCell(cell)
