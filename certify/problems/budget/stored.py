"""What every implementation stores: the nodes of a cell at each step, its local derivatives, and constants in its way.

A budget that treated the whole forward pass as one polynomial would cover evaluation orders that nobody uses, such as
a membrane potential that is multiplied out over all earlier steps, and would grow with every reset. Here the values of
the nodes and of the local derivatives are atoms: each is computed from stored ones, in any order, then rounded.

Three things are legitimate in every claim, and none of them is a summation order: a leak that is kept in another form
(`gradcert.properties.numbers.element.decay`); a loss that is a mean and rescaled to the sum, or the other way round,
which rounds twice unless all counts are powers of two; a softmax that shifts its argument, or does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from gradcert.properties.numbers import Balls, Decay, Element, settle
from gradcert.reference.networks import (
    Cell,
    Circuit,
    Data,
    Drive,
    Link,
    Loss,
    Member,
    Network,
    Nodes,
    Problem,
    Standardisation,
    Use,
)
from gradcert.reference.numbers import Array, Numbers

DECAYS = ("leak", "kappa", "rho", "rate")
RESCALED = 2  # roundings of a factor 1 / n that is taken back by a factor n


class StoredCell:
    """A cell whose nodes and local derivatives are settled as soon as they are computed."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cell, name)

    def constants(self) -> Mapping[str, Any]:
        """Return the constants, decays marked as such."""
        return {k: _marked(v) if k in DECAYS else v for k, v in self._cell.constants().items()}

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        mixed = getattr(self._cell, "mixed", ())

        def driven(node: str, **sources: Array) -> Array:
            found = drive(node, **sources)
            return settle(found) if node.rpartition("_")[0] in mixed else found

        return {node: settle(value) for node, value in self._cell.step(n, p, driven if mixed else drive, prev).items()}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        return {link: settle(value) for link, value in self._cell.factors(n, p, prev, now).items()}

    @property
    def standardised(self) -> Any:
        """How weights are standardised, once for all steps: those that act are stored."""
        how = getattr(self._cell, "standardised", None)
        return None if how is None else StoredStandardisation(how)


@dataclass(frozen=True)
class StoredStandardisation:
    """Weight standardisation whose weights are settled as soon as they are computed."""

    how: Standardisation

    def acting(self, weight: Array, numbers: Numbers) -> tuple[Array, Array]:
        """Return the weight that acts, and one over its units' deviations."""
        acts, scale = self.how.acting(weight, numbers)
        return settle(acts), settle(scale)


class StoredLoss(Loss):
    """A loss on balls, whatever it is scaled or shifted by and back.

    Weights of the loss are floats among balls: a weight of 0 is compared with 0, and sums of them are exact.
    """

    def error(self, outputs: Array, targets: Array, numbers: Numbers) -> Array:
        """Return the error of every step; a shift by a number close to the largest output keeps exp in range."""
        return super().error(self._shifted(outputs, numbers), targets, numbers)

    def terms(self, outputs: Array, targets: Array, numbers: Numbers) -> Array:
        """Return the loss of every step, shifted as `error`."""
        return super().terms(self._shifted(outputs, numbers), targets, numbers)

    def gradient(self, outputs: Array, targets: Array, numbers: Numbers, weights: Array | None = None) -> Array:
        """Return the credit at the outputs."""
        return self._scaled(super().gradient(outputs, targets, numbers, weights), outputs.shape, weights)

    def value(self, outputs: Array, targets: Array, numbers: Numbers) -> Any:
        """Return the loss."""
        shifted = self._shifted(outputs, numbers) if self.when in ("every", "last") else outputs
        return self._settled(super().value(shifted, targets, numbers), outputs.shape, None)

    def weighted(self, outputs: Array, targets: Array, numbers: Numbers, weights: Array) -> Any:
        """Return the loss with weights."""
        return self._settled(super().weighted(outputs, targets, numbers, weights), outputs.shape, weights)

    def _shifted(self, outputs: Array, numbers: Numbers) -> Array:
        if self.kind != "cross_entropy" or not isinstance(numbers, Balls):
            return outputs
        values = np.vectorize(Element.value, otypes=[float])(numbers.exactly(outputs))
        return np.asarray(outputs - numbers.exactly(values.max(axis=-1, keepdims=True)), dtype=object)

    def _settled(self, total: Any, shape: tuple[int, ...], weights: Array | None) -> Any:
        return self._scaled(np.asarray(total, dtype=object), shape, weights)[()]

    def _scaled(self, values: Array, shape: tuple[int, ...], weights: Array | None) -> Array:
        steps = shape[0] if self.when != "last" else 1
        counts = [steps if self.when == "every" else 1] if weights is None else np.asarray(weights).sum(axis=0).tolist()
        counts = [int(np.prod(shape[1:])) * count for count in (*counts, *((steps,) if self.when == "mean" else ()))]
        if all(_power_of_two(count) for count in counts):
            return values
        return np.asarray(np.frompyfunc(_rescaled, 1, 1)(values), dtype=object)


def _power_of_two(count: float) -> bool:
    return count > 0 and math.frexp(count)[0] == 0.5


def _rescaled(x: Any) -> Any:
    return x.rearranged(RESCALED) if isinstance(x, Element) else x


def stored(network: Network) -> Network:
    """Return the network with stored cells.

    Examples
    --------
    >>> from gradcert.reference import Layer, Snu
    >>> stored(Network(layers=(Layer(Snu(), inputs=2, units=3),))).layers[0].cell.name
    'snu'
    """
    layers = tuple(replace(layer, cell=_stored(layer.cell)) for layer in network.layers)
    loss = StoredLoss(**{f.name: getattr(network.loss, f.name) for f in fields(network.loss)})
    return replace(network, layers=layers, loss=loss)


def parameters_on_balls(parameters: Mapping[str, Array], balls: Balls) -> dict[str, Array]:
    """Return parameters as a subject is given them: as they are, but for trained decays."""
    return {
        name: balls.array(_marked(value)) if name.rpartition(".")[2] in DECAYS else balls.exactly(value)
        for name, value in parameters.items()
    }


def data_on_balls(problem: Problem, balls: Balls) -> Data:
    """Return the optional arrays of a problem as a subject is given them; weights of the loss stay floats."""
    data = problem.data
    for name in ("initial", "masks", "readouts"):
        if name in data:
            data[name] = {k: balls.exactly(v) for k, v in (data[name] or {}).items()}
    return {**data, "weights": np.asarray(data["weights"], dtype=float)} if "weights" in data else data


def _marked(value: Any) -> Array:
    return np.asarray(np.frompyfunc(Decay, 1, 1)(np.asarray(value, dtype=float)), dtype=object)


def _stored(cell: Cell) -> Any:
    """Return a cell that stores what it computes; of several populations each does."""
    if isinstance(cell, Circuit):
        parts = (replace(x, cell=_stored(x.cell)) if isinstance(x, Member) else x for x in cell.parts)
        return replace(cell, parts=tuple(parts))
    return StoredCell(cell)
