"""Tangents: how a node of a layer depends on a parameter, in the cheapest form that its structure allows.

======  ======================  ==============================================================================
form    shape                   meaning
======  ======================  ==============================================================================
outer   (batch, inputs)         every unit i depends on its own weights alone, and all in the same way:
                                d node_i / d W_ij = x_j (OTTT's presynaptic trace); never expanded
rows    (batch, 1|units, cols)  unit i depends on its own weights alone (feed-forward OSTL, e-prop)
full    (batch, units, rows,    every unit may depend on every row of the weights (recurrent OSTL, RTRL)
        cols)
======  ======================  ==============================================================================

An `Operator` maps the tangent of one node to that of another: a scalar, a diagonal (batch, units) or a matrix
(batch, units, units). A scalar keeps a tangent factorised, a diagonal makes rows, a matrix makes it full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.engines.factors import BLOCK
from gradcert.reference.engines.structure import gate
from gradcert.reference.networks import Synapse
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Elementwise:
    """The "synapse" of a per-unit parameter: one column, no input."""

    units: int
    columns: int = 1

    def expand(self, x: Array) -> Array:
        """Return (batch, 1, 1)."""
        return x[:, None, :]

    def fold(self, per_unit: Array) -> Array:
        """Return (units,)."""
        return per_unit[:, 0]

    def pull_weight(self, g: Array, x: Array) -> Array:
        """Return the sum over the batch of g times the trace."""
        return (g * x).sum(axis=0)


@dataclass(frozen=True)
class PerSample:
    """The "synapse" of a value of its own in every sample and unit: one column a sample."""

    columns: int
    units: int

    def expand(self, x: Array) -> Array:
        """Return what is rows already."""
        return x

    def fold(self, per_unit: Array) -> Array:
        """Return (batch, units)."""
        return per_unit.T

    def pull_weight(self, g: Array, x: Array) -> Array:
        """Return (batch, units)."""
        return self.fold((g[:, :, None] * x).sum(axis=0))


def at_start(new: Array, shape: tuple[int, ...], like: Array) -> Tangent:
    """Return how a node before the first step depends on its initial value, in the samples that begin.

    Parameters
    ----------
    new : (batch,), where a sequence begins.
    shape : of the initial value: (units,) for all samples, or (batch, units).
    like : an array of the kind of number wanted.
    """
    batch, units = len(new), shape[-1]
    one = np.ones((), dtype=like.dtype) if like.dtype != object else 1
    kinds = np.eye(batch, dtype=bool) if len(shape) == 2 else np.ones((batch, 1), dtype=bool)
    rows = np.where((kinds & new[:, None])[:, None, :], one, 0 * one)
    rows = np.broadcast_to(rows, (batch, units, rows.shape[2])).astype(like.dtype)
    return Tangent("rows", rows, PerSample(batch, units) if len(shape) == 2 else Elementwise(units))


@dataclass(frozen=True)
class Tangent:
    """See the module docstring."""

    form: str
    array: Array
    synapse: Synapse | Elementwise | PerSample
    block: Array | None = None  # the memory of a large full array: one sample more than it has

    def rows(self) -> Array:
        """Return the rows form of an outer or rows tangent."""
        return self.synapse.expand(self.array) if self.form == "outer" else self.array

    def without(self, samples: Array) -> Tangent:
        """Return the tangent with nothing left in some samples, (batch,) booleans."""
        if not samples.any():
            return self
        gone = samples.reshape(-1, *(1,) * (self.array.ndim - 1))
        return Tangent(self.form, np.where(gone, 0 * self.array, self.array), self.synapse)

    def confined(self, mask: Array) -> Tangent:
        """Return the tangent with nothing left of the rows that may not reach a unit, (units, rows) booleans."""
        if self.form == "full":
            return Tangent("full", self.array * gate(mask[None, :, :, None], self.array), self.synapse)
        own = np.diagonal(mask)
        if own.all():
            return self
        return Tangent("rows", self.rows() * gate(own[None, :, None], self.array), self.synapse)

    def full(self) -> Array:
        """Return the full form, (batch, units, rows, columns); of the other forms as many rows as units."""
        if self.form == "full":
            return self.array
        rows, units = self.rows(), self.synapse.units
        out = np.zeros((rows.shape[0], units, units, rows.shape[2]), dtype=rows.dtype)
        index = np.arange(units)
        out[:, index, index, :] = rows
        return out


@dataclass(frozen=True)
class Operator:
    """A linear map between nodes: ``kind`` is scalar, diagonal or matrix."""

    kind: str
    value: Any


ONE = Operator("scalar", 1)


def scaled(operator: Operator, factor: Any) -> Operator:
    """Compose with an elementwise factor, a scalar or (batch, units)."""
    if isinstance(factor, int) and factor == 1:
        return operator
    if np.ndim(factor) == 0:
        return Operator(operator.kind, operator.value * factor)
    factor = np.atleast_2d(factor)
    if operator.kind == "matrix":
        return Operator("matrix", factor[:, :, None] * operator.value)
    return Operator("diagonal", factor * operator.value)


def weighted(operator: Operator, synapse: Synapse, weight: Array, like: Array) -> Operator:
    """Compose with a synapse between nodes; `like` has the kind of number wanted."""
    if operator.kind == "matrix":
        return Operator("matrix", synapse.push(weight, operator.value))
    matrix = _matrix(synapse, weight, like)
    if operator.kind == "scalar":
        return Operator("matrix", (matrix * operator.value)[None])
    return Operator("matrix", matrix[None] * operator.value[:, None, :])


def _matrix(synapse: Synapse, weight: Any, like: Array) -> Array:
    """Return a synapse as a matrix (units, inputs)."""
    eye = np.eye(synapse.inputs, dtype=int)
    if weight is None:  # a fixed map, in numbers that it may divide
        given = eye.astype(like.dtype)
        if like.dtype == object:
            zero = 0 * like.flat[0]
            given[...] = np.where(eye == 1, zero + 1, zero)
        return synapse.apply(None, given).T  # type: ignore[arg-type]
    return synapse.apply(weight, eye if weight.dtype == object else eye.astype(weight.dtype)).T


def repeated(array: Array, shape: tuple[int, ...]) -> Array:
    """Return an array as one of a shape; NumPy's own view costs more than a small step's work where it is that."""
    return array if array.shape == shape else np.broadcast_to(array, shape)


def added(a: Operator | None, b: Operator) -> Operator:
    """Return the sum of two operators."""
    if a is None:
        return b
    if a.kind == b.kind:
        return Operator(a.kind, a.value + b.value)
    small, large = (a, b) if b.kind == "matrix" or a.kind == "scalar" else (b, a)
    if large.kind == "diagonal":
        return Operator("diagonal", large.value + small.value)
    value, (_, units, _) = large.value, large.value.shape
    diagonal = small.value if small.kind == "diagonal" else np.full((1, units), small.value)
    batch = max(value.shape[0], diagonal.shape[0])
    value = repeated(value, (batch, *value.shape[1:])).copy()
    index = np.arange(units)
    value[:, index, index] = value[:, index, index] + diagonal
    return Operator("matrix", value)


def applied(operator: Operator, tangent: Tangent, *, last: bool = False) -> Tangent:
    """Apply an operator to a tangent; with `last` nobody reads the tangent again, and its memory may be taken."""
    array, synapse = tangent.array, tangent.synapse
    if operator.kind == "scalar":
        same = isinstance(operator.value, int) and operator.value == 1 and tangent.form != "full"
        return tangent if same else Tangent(tangent.form, array * operator.value, synapse)
    if operator.kind == "diagonal":
        if tangent.form == "full":
            return Tangent("full", operator.value[:, :, None, None] * array, synapse)
        return Tangent("rows", operator.value[:, :, None] * tangent.rows(), synapse)
    if tangent.form == "full":
        return _product(operator.value, tangent, last=last)
    # C order: the layout that NumPy would choose makes every later product copy
    return Tangent("full", np.multiply(operator.value[..., None], tangent.rows()[:, None], order="C"), synapse)


def _product(matrix: Array, tangent: Tangent, *, last: bool) -> Tangent:
    """Return matrix (batch|1, units, units) times a full tangent.

    A large one moves by one sample inside its block, up and down in turn: half the memory, and half the traffic, of two
    arrays that take turns.
    """
    array = tangent.array
    batch, units, columns = max(len(matrix), len(array)), matrix.shape[1], array.shape[2:]
    if array.dtype == object or array[0].size < BLOCK:
        product = np.matmul(matrix, array.reshape(len(array), array.shape[1], -1))
        return Tangent("full", product.reshape(batch, units, *columns), tangent.synapse)
    block = tangent.block if last and len(array) == batch and units == array.shape[1] else None
    if block is None:
        block = np.empty((batch + 1, units, *columns), dtype=np.result_type(matrix, array))
    up = array.ctypes.data == block.ctypes.data  # the samples lie at the lower end
    out = block[1:] if up else block[:-1]
    for i in reversed(range(batch)) if up else range(batch):
        sample = array[i if len(array) == batch else 0].reshape(array.shape[1], -1)
        np.matmul(matrix[i if len(matrix) == batch else 0], sample, out=out[i].reshape(units, -1))
    return Tangent("full", out, tangent.synapse, block)


def projected(synapse: Synapse, weight: Array, tangent: Tangent) -> Tangent:
    """Push a tangent of a layer's output through the synapse into the next layer: always full.

    Where unit i depends on row i alone, so does one product with weight (k, i): units x rows x columns of work, where
    the full form of n units would have n times as much, and as much memory.
    """
    if tangent.form != "full":
        return applied(Operator("matrix", _matrix(synapse, weight, tangent.array)[None]), tangent)
    full = tangent.full()
    product = synapse.push(weight, full.reshape(*full.shape[:2], -1))
    return Tangent("full", product.reshape(full.shape[0], synapse.units, *full.shape[2:]), tangent.synapse)


def summed(a: Tangent | None, b: Tangent) -> Tangent:
    """Return the sum of two tangents, in the larger of the two forms; a full `a` is added to in place."""
    if a is None:
        return b
    if a.form == b.form:
        return Tangent(a.form, a.array + b.array, a.synapse)
    order = ("outer", "rows", "full")
    small, large = (a, b) if order.index(a.form) < order.index(b.form) else (b, a)
    if large.form == "rows":
        return Tangent("rows", large.array + small.rows(), a.synapse)
    rows, out, block = small.rows(), large.array, large.block
    if rows.shape[0] > out.shape[0]:
        out, block = repeated(out, (rows.shape[0], *out.shape[1:])).copy(), None
    diagonal = np.einsum("biic->bic", out)  # a writable view: unit i's own weights
    diagonal += rows
    return Tangent("full", out, a.synapse, block)


def contracted(credit: Array, tangent: Tangent) -> Array:
    """Return sum over batch and units of credit (batch, units) times the tangent: a gradient of the parameter."""
    if tangent.form == "outer":
        return tangent.synapse.pull_weight(credit, tangent.array)
    if tangent.form == "rows":
        return tangent.synapse.fold((credit[:, :, None] * tangent.array).sum(axis=0))
    _, units, rows, columns = tangent.array.shape
    # one vector-matrix product over batch and units together
    flat = repeated(tangent.array, (credit.shape[0], units, rows, columns)).reshape(-1, rows * columns)
    return tangent.synapse.fold(np.matmul(credit.reshape(1, -1), flat).reshape(rows, columns))
