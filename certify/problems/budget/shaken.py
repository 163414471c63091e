"""Other programs, imitated: floats that are moved by what a library may be off, sums over time in another order.

Every node and every local derivative is moved, at every step, by up to two roundings of the terms that it is made of
(`Sized` keeps their absolute values beside the number); every value of an elementary function, and every
(pseudo-)derivative, by up to what libraries state for theirs; a leak by what its other forms are off by. Gradients of
weights are summed over time as programs do it: all at once, step by step from either end, in halves, in blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcert.certify.problems.budget.expected import PRECISIONS
from gradcert.certify.problems.budget.stored import DECAYS
from gradcert.properties.numbers.element import LIBM_ULPS
from gradcert.reference.networks import Cell, Circuit, Drive, Layer, Link, Network, Nodes, Synapse, Use
from gradcert.reference.numbers import Array, Floats, Numbers

if TYPE_CHECKING:
    from gradcert.reference.numbers import Activation

EXACT = ("identity", "relu", "relu_off_at_zero")  # computed without rounding everywhere
ROUNDINGS = 2  # of a node's terms
ORDERS = ("at once", "backward", "forward", "halves", "blocks")
BLOCK = 8


class Sized:
    """An array and the sum of the absolute values of its terms."""

    __array_ufunc__ = None  # an array that meets one of these leaves the operation to it
    __slots__ = ("size", "value")

    def __init__(self, value: Array, size: Array) -> None:
        self.value, self.size = value, size

    def __add__(self, other: Any) -> Sized:
        o = sized(other)
        return Sized(self.value + o.value, self.size + o.size)

    def __sub__(self, other: Any) -> Sized:
        o = sized(other)
        return Sized(self.value - o.value, self.size + o.size)

    def __rsub__(self, other: Any) -> Sized:
        return sized(other) - self

    def __mul__(self, other: Any) -> Sized:
        o = sized(other)
        return Sized(self.value * o.value, self.size * o.size)

    def __truediv__(self, other: Any) -> Sized:
        o = sized(other)
        return Sized(self.value / o.value, self.size / abs(o.value))

    def __rtruediv__(self, other: Any) -> Sized:
        return sized(other) / self

    def __neg__(self) -> Sized:
        return Sized(-self.value, self.size)

    __radd__ = __add__
    __rmul__ = __mul__


def sized(x: Any) -> Sized:
    """Return x with its own absolute value as its size."""
    return x if isinstance(x, Sized) else Sized(x, abs(x))


@dataclass(frozen=True)
class Shaken(Floats):
    """Floats that are off by as much as those of any library may be, and which note what spikes depend on.

    Attributes
    ----------
    rng : moves values; None leaves them.
    margins : gets the argument of every step function.
    """

    rng: Any = None
    margins: list[Array] = field(default_factory=list)

    def moved(self, y: Any, size: Any, roundings: float = ROUNDINGS) -> Any:
        """Return y, moved by up to so many roundings of a size."""
        if self.rng is None or np.ndim(y) == 0:
            return y
        noise = self.rng.uniform(-roundings, roundings, np.shape(y)) * (PRECISIONS[self.dtype].unit * size)
        return np.asarray(y + noise, dtype=self.dtype)

    def apply(self, activation: Activation, x: Any) -> Any:
        """Return activation(x), moved; a step is a comparison."""
        argument = self.moved(x.value, x.size) if isinstance(x, Sized) else x
        y = super().apply(activation, argument)
        if activation.step is not None:
            self.margins.append(argument)
        elif activation.name not in EXACT:
            y = self.moved(y, np.abs(y), 2 * LIBM_ULPS)
        return sized(y) if isinstance(x, Sized) else y

    def exp(self, x: Array) -> Array:
        """Return e^x, moved: a softmax uses it."""
        y = super().exp(x)
        return np.asarray(self.moved(y, np.abs(y), 2 * LIBM_ULPS))

    def sqrt(self, x: Array) -> Array:
        """Return the square root, moved."""
        return self._function(super().sqrt, x)

    def cos(self, x: Array) -> Array:
        """Return the cosine, moved."""
        return self._function(super().cos, x)

    def sin(self, x: Array) -> Array:
        """Return the sine, moved."""
        return self._function(super().sin, x)

    def where(self, a: Any, relation: str, b: Any, then: Any, otherwise: Any) -> Any:
        """Return an elementwise choice. Nothing is moved for it: nobody rounds to compare, and equal stays equal."""
        parts = [x.value if isinstance(x, Sized) else x for x in (a, b, then, otherwise)]
        y = super().where(parts[0], relation, parts[1], *parts[2:])
        if not isinstance(then, Sized) and not isinstance(otherwise, Sized):
            return y
        sizes = (sized(x).size for x in (then, otherwise))
        return Sized(y, super().where(parts[0], relation, parts[1], *sizes))

    def _function(self, function: Callable[[Array], Array], x: Any) -> Any:
        y = function(self.moved(x.value, x.size) if isinstance(x, Sized) else x)
        y = self.moved(y, np.abs(y), 2 * LIBM_ULPS)
        return sized(y) if isinstance(x, Sized) else y

    def slope(self, activation: Activation, x: Any) -> Any:
        """Return the (pseudo-)derivative, moved by a part of its peak."""
        y = super().slope(activation, self.moved(x.value, x.size) if isinstance(x, Sized) else x)
        if activation.name not in EXACT:
            y = self.moved(y, np.abs(y) if activation.lipschitz is None else activation.lipschitz, 2 * LIBM_ULPS)
        return sized(y) if isinstance(x, Sized) else y


class ShakenCell:
    """A cell whose nodes and local derivatives are moved as soon as they are computed.

    Spikes too, which no program rounds: what is measured stays on the safe side. Where a max pooling compares them
    (`ties`) they are left as they are, or none would be equal to another one.
    """

    def __init__(self, cell: Cell, numbers: Shaken, *, ties: bool = False) -> None:
        self._cell, self._numbers, self._ties = cell, numbers, ties

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cell, name)

    def constants(self) -> Mapping[str, Any]:
        """Return the constants, decays as they come back from another form."""
        own = self._cell.constants().items()
        return {k: other_form(np.asarray(v), self._numbers) if k in DECAYS else v for k, v in own}

    def step(self, n: Numbers, p: Mapping[str, Any], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""

        def driven(node: str, **sources: Any) -> Any:
            return sized(drive(node, **{k: v.value if isinstance(v, Sized) else v for k, v in sources.items()}))

        given, before = _all_sized(p), _all_sized(prev)
        after = self._cell.step(n, given, driven, before)
        return {k: self._stored(v) if self._ties else self._settled(v) for k, v in after.items()}

    def factors(self, n: Numbers, p: Mapping[str, Any], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        given = (_all_sized(values) for values in (p, prev, now))
        return {k: self._settled(v) for k, v in self._cell.factors(n, *given).items()}

    def _settled(self, x: Any) -> Any:
        return self._numbers.moved(x.value, x.size) if isinstance(x, Sized) else x

    def _stored(self, x: Any) -> Any:
        if not isinstance(x, Sized):
            return x
        spikes = (x.value == x.size) & ((x.value == 0) | (x.value == 1))  # which every program holds as they are
        return np.where(spikes, x.value, self._numbers.moved(x.value, x.size))


def _all_sized(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: sized(value) for name, value in values.items()}


def other_form(decay: Array, numbers: Shaken) -> Array:
    """Return a decay with the error that other forms of it leave (`gradcert.properties.numbers.element.decay`)."""
    if numbers.rng is None:
        return decay
    off = (3 + 2 * LIBM_ULPS * decay) * PRECISIONS[numbers.dtype].unit * numbers.rng.uniform(-1, 1, decay.shape)
    return np.where(np.isin(decay, (0.0, 0.5, 1.0)), decay, decay + off)


@dataclass(frozen=True)
class OrderedSynapse:
    """A synapse whose weight gradient is summed over time in a given order.

    Attributes
    ----------
    synapse : the synapse.
    order : one of `ORDERS`.
    sizes : gets the sum of absolute values, the terms being those of single steps and samples.
    credits : gets the same for a bias of the units that the synapse feeds.
    """

    synapse: Synapse
    order: str
    sizes: list[Array]
    credits: list[Array] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.synapse, name)

    def pull_weight(self, g: Array, x: Array) -> Array:
        """Return the pull-back to the weight."""
        pull = self.synapse.pull_weight
        self.sizes.append(pull(np.abs(g), np.abs(x)))
        self.credits.append(np.abs(g).reshape(-1, g.shape[-1]).sum(axis=0))
        if self.order == "at once" or g.ndim < 3:
            return pull(g, x)
        width = BLOCK if self.order == "blocks" else 1
        terms = [pull(g[t : t + width], x[t : t + width]) for t in range(0, len(g), width)]
        return ORDERED[self.order](terms)


def _one_by_one(terms: list[Array]) -> Array:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _in_halves(terms: list[Array]) -> Array:
    middle = len(terms) // 2
    return terms[0] if len(terms) == 1 else _in_halves(terms[:middle]) + _in_halves(terms[middle:])


ORDERED: dict[str, Callable[[list[Array]], Array]] = {
    "backward": lambda terms: _one_by_one(terms[::-1]),
    "forward": _one_by_one,
    "halves": _in_halves,
    "blocks": _one_by_one,
}


def shaken(network: Network, numbers: Shaken, order: str) -> tuple[Network, dict[str, list[Array]]]:
    """Return the network as another program may compute it, and where the sizes of its gradients will be."""
    sizes: dict[str, list[Array]] = {}
    layers = []
    ties = any(_compares(layer.cell) for layer in network.layers)
    for i, layer in enumerate(network.layers):
        cell: Any = ShakenCell(layer.cell, numbers, ties=ties) if numbers.rng is not None else layer.cell
        layers.append(replace(layer, cell=cell, synapses=tuple(_ordered(layer, i, order, sizes))))
    return replace(network, layers=tuple(layers)), sizes


def _compares(cell: Any) -> bool:
    """Return whether a cell takes the larger of two values, in a max pooling or in an equation of its own."""
    if isinstance(cell, Circuit):
        return any(getattr(part, "larger", False) or _compares(getattr(part, "cell", None)) for part in cell.parts)
    return any("max(" in equation.rest for equation in getattr(getattr(cell, "recipe", None), "equations", ()))


def _ordered(layer: Layer, index: int, order: str, sizes: dict[str, list[Array]]) -> list[tuple[str, Any]]:
    targets = {link.weight: link.target for link in layer.cell.links if link.weight is not None}
    constants = layer.cell.constants()
    biases = {use.target: use.parameter for use in layer.cell.uses if use.parameter not in constants}
    made = []
    for name, target in targets.items():
        found = sizes.setdefault(f"layers.{index}.{name}", [])
        bias = biases.pop(target, None)  # of several weights that feed a node, the first one's credit is all of it
        credit = [] if bias is None else sizes.setdefault(f"layers.{index}.{bias}", [])
        made.append((name, OrderedSynapse(layer.synapse(name), order, found, credit)))
    return made
