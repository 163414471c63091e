"""Tangents and operators in all their forms against the arrays that they stand for; small integers, so all is exact.

A tangent stands for d node_i / d parameter, (batch, units, rows, columns); an operator for (batch, units, units).
"""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from gradcert.reference.engines.factors import BLOCK
from gradcert.reference.engines.tangent import (
    ONE,
    Elementwise,
    Operator,
    Tangent,
    added,
    applied,
    at_start,
    contracted,
    projected,
    scaled,
    summed,
    weighted,
)
from gradcert.reference.networks.synapses import Dense

BATCH = 3
SIZES = {"small": (4, 3), "large": (20, 21)}  # units, columns: a full tangent below and beyond a block
DTYPES = {"float32": "float32", "float64": "float64", "fractions": object}
FORMS = ("outer", "rows", "rows of one", "full")
KINDS = ("scalar", "one", "diagonal", "diagonal of one", "matrix", "matrix of one")


class Draw:
    """Small integers of a type."""

    def __init__(self, kind, size="small"):
        self.rng, self.dtype = np.random.default_rng(1), DTYPES[kind]
        self.units, self.columns = SIZES[size]

    def __call__(self, *shape):
        values = self.rng.integers(-4, 5, size=shape)
        return np.vectorize(Fraction, otypes=[object])(values) if self.dtype is object else values.astype(self.dtype)

    def tangent(self, form, batch=BATCH):
        synapse, n = Dense(inputs=self.columns, units=self.units), self.units
        if form == "outer":
            return Tangent("outer", self(batch, self.columns), synapse)
        if form == "full":
            return Tangent("full", self(batch, n, n, self.columns), synapse)
        return Tangent("rows", self(batch, 1 if form == "rows of one" else n, self.columns), synapse)

    def operator(self, kind):
        name, _, of_one = kind.partition(" of ")
        if name in ("one", "scalar"):
            return ONE if name == "one" else Operator("scalar", 3)
        shape = (self.units,) if name == "diagonal" else (self.units, self.units)
        return Operator(name, self(1 if of_one else BATCH, *shape))


def array_of(tangent, units):
    """What a tangent stands for, entry by entry."""
    if tangent.form == "full":
        return tangent.array.copy()
    batch, columns = tangent.array.shape[0], tangent.array.shape[-1]
    out = np.zeros((batch, units, units, columns), dtype=tangent.array.dtype)
    for b in range(batch):
        for i in range(units):
            one_for_all = tangent.form == "outer" or tangent.array.shape[1] == 1
            out[b, i, i] = tangent.array[b].reshape(-1, columns)[0 if one_for_all else i]
    return out


def matrix_of(operator, units):
    """What an operator stands for, (batch or 1, units, units)."""
    if operator.kind == "matrix":
        return operator.value
    eye = np.eye(units, dtype=int)
    return (eye * operator.value)[None] if operator.kind == "scalar" else eye * operator.value[:, :, None]


def times(matrix, array):
    """The product of every sample, by broadcasting."""
    return (matrix[:, :, :, None, None] * array[:, None]).sum(axis=2)


def same(a, b):
    return a.shape == b.shape and (a == b).all()


def spread(a, batch=BATCH):
    return np.broadcast_to(a, (batch, *a.shape[1:]))


@pytest.mark.parametrize("numbers", DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_applied_to_a_tangent(kind, form, numbers):
    draw = Draw(numbers)
    operator, tangent = draw.operator(kind), draw.tangent(form)
    before = array_of(tangent, draw.units)
    found = applied(operator, tangent)
    assert found.synapse is tangent.synapse
    assert same(array_of(found, draw.units), times(matrix_of(operator, draw.units), before))
    assert same(array_of(tangent, draw.units), before)  # and nothing happened to the tangent
    assert found.array.dtype == draw.dtype


def test_a_scalar_is_no_one():
    draw = Draw("float64")
    for form in FORMS:
        tangent = draw.tangent(form)
        for factor in (2, -1, 0, 1.0):
            assert same(applied(Operator("scalar", factor), tangent).array, factor * tangent.array)


@pytest.mark.parametrize("dtype", [float, object])
@pytest.mark.parametrize("shape", [(4,), (BATCH, 4)])
def test_a_value_before_the_first_step_acts_on_itself_in_the_samples_that_begin(shape, dtype):
    new = np.array([True, False, True])
    start, credit = at_start(new, shape, np.zeros((), dtype=dtype)), Draw("float64")(BATCH, 4).astype(dtype)
    want = credit * new[:, None]
    assert start.array.dtype == dtype and start.array.shape == (BATCH, 4, BATCH if len(shape) == 2 else 1)
    assert same(contracted(credit, start), want if len(shape) == 2 else want.sum(axis=0))
    if len(shape) == 2:  # as every synapse pulls back
        assert same(start.synapse.pull_weight(credit, start.array), want)


def test_forms_stay_as_small_as_they_can():
    draw = Draw("float64")
    forms = {(k, f): applied(draw.operator(k), draw.tangent(f)).form for k in KINDS for f in FORMS}
    for (kind, form), found in forms.items():
        plain = form.partition(" ")[0]
        larger = {"diagonal": max("rows", plain, key=("outer", "rows", "full").index), "matrix": "full"}
        assert found == larger.get(kind.partition(" ")[0], plain), (kind, form)


@pytest.mark.parametrize("of_one", ["", " of one"])
@pytest.mark.parametrize("batch", [1, BATCH])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_products_that_move_in_their_block(size, last, batch, of_one):
    """Seven steps in a row: up and down inside a block with `last`, and never onto what is still read without it."""
    draw = Draw("float64", size)
    tangent = draw.tangent("full", batch)
    assert (tangent.array[0].size >= BLOCK) is (size == "large")
    expected = array_of(tangent, draw.units)
    for _ in range(7):
        # permutations with signs: the numbers do not grow
        turn = np.stack([draw.rng.permutation(np.eye(draw.units)) for _ in range(1 if of_one else BATCH)])
        before = tangent.array.copy()
        moved = applied(Operator("matrix", -turn), tangent, **({"last": True} if last else {}))
        expected = times_permutation(turn, expected)
        assert same(moved.array, expected)
        if not last:
            assert same(tangent.array, before)
        tangent = moved
    if last and size == "large":
        assert tangent.block is not None
        assert len(tangent.block) == len(tangent.array) + 1


def times_permutation(turn, array):
    batch = max(len(turn), len(array))
    rows = turn.argmax(axis=2)
    return np.stack([-array[b % len(array)][rows[b % len(rows)]] for b in range(batch)])


@pytest.mark.parametrize("numbers", DTYPES)
@pytest.mark.parametrize("one", FORMS)
@pytest.mark.parametrize("other", FORMS)
@pytest.mark.parametrize("batches", [(BATCH, BATCH), (1, BATCH), (BATCH, 1)], ids=str)
def test_the_sum_of_two_tangents(one, other, batches, numbers):
    draw = Draw(numbers)
    a, b = draw.tangent(one, batches[0]), draw.tangent(other, batches[1])
    expected = array_of(a, draw.units) + array_of(b, draw.units)
    kept = array_of(b, draw.units)
    found = summed(a, b)
    assert same(spread(array_of(found, draw.units)), spread(expected))
    if other != "full" or one == "full":
        assert same(array_of(b, draw.units), kept)
    assert summed(None, b) is b


@pytest.mark.parametrize("numbers", DTYPES)
@pytest.mark.parametrize("form", FORMS)
def test_what_is_contracted_with_credit(form, numbers):
    draw = Draw(numbers)
    credit = draw(BATCH, draw.units)
    for batch in (1, BATCH) if form == "full" else (BATCH,):
        tangent = draw.tangent(form, batch)
        expected = (credit[:, :, None, None] * spread(array_of(tangent, draw.units))).sum(axis=(0, 1))
        assert same(contracted(credit, tangent), expected)


@pytest.mark.parametrize("numbers", DTYPES)
@pytest.mark.parametrize("form", FORMS)
def test_a_tangent_pushed_into_the_next_layer(form, numbers):
    draw = Draw(numbers)
    tangent, above = draw.tangent(form), Dense(inputs=draw.units, units=5)
    weight = draw(5, draw.units)
    found = projected(above, weight, tangent)
    assert (found.form, found.synapse) == ("full", tangent.synapse)
    assert same(found.array, times(weight[None], array_of(tangent, draw.units)))


@pytest.mark.parametrize("numbers", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_operators_compose(kind, numbers):
    draw = Draw(numbers)
    operator, n = draw.operator(kind), draw.units
    matrix, synapse, weight = matrix_of(operator, n), Dense(inputs=n, units=n, absent=((1, 2),)), draw(n, n)
    effective = weight.copy()
    effective[1, 2] = 0
    assert same(matrix_of(weighted(operator, synapse, weight), n), np.matmul(effective, matrix))
    for factor in (0, 1, 2, draw(1)[0], draw(n), draw(BATCH, n)):
        scaled_by = scaled(operator, factor)
        diagonal = np.broadcast_to(factor, (BATCH, n))[:, :, None]
        assert same(spread(matrix_of(scaled_by, n)), spread(diagonal * matrix))
        stays = np.ndim(factor) == 0 or operator.kind != "scalar"
        assert scaled_by.kind == (operator.kind if stays else "diagonal")
    assert scaled(operator, 1) is operator


@pytest.mark.parametrize("numbers", DTYPES)
@pytest.mark.parametrize("one", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_the_sum_of_two_operators(one, other, numbers):
    draw = Draw(numbers)
    a, b = draw.operator(one), draw.operator(other)
    arrays = [(o.value, np.copy(o.value)) for o in (a, b)]
    found = added(a, b)
    assert same(spread(matrix_of(found, draw.units)), spread(matrix_of(a, draw.units) + matrix_of(b, draw.units)))
    assert all((value == copy).all() for value, copy in arrays)  # operators are shared: none is added to in place
    order = ("scalar", "diagonal", "matrix")
    assert order.index(found.kind) == max(order.index(a.kind), order.index(b.kind))
    assert added(None, b) is b


def test_a_parameter_of_each_unit():
    """One column, no input: its trace is a number per unit."""
    draw = Draw("float64")
    n, synapse = draw.units, Elementwise(draw.units)
    factor, credit = draw(BATCH, n), draw(BATCH, n)
    assert synapse.expand(factor[:, :1]).shape == (BATCH, 1, synapse.columns)
    rows = Tangent("rows", factor[:, :, None], synapse)
    assert same(contracted(credit, rows), (credit * factor).sum(axis=0))
    ones = Tangent("outer", np.ones((BATCH, 1)), synapse)
    assert same(contracted(credit, ones), credit.sum(axis=0))
    assert same(ones.rows(), np.ones((BATCH, 1, 1)))
    matrix = draw(BATCH, n, n)
    full = applied(Operator("matrix", matrix), rows)
    assert same(contracted(credit, full), (credit[:, :, None] * matrix * factor[:, None]).sum(axis=(0, 1)))


@pytest.mark.parametrize("form", ["outer", "rows"])
def test_pushing_up_what_concerns_one_row_a_unit_never_expands_it(form):
    """The full form of n units has n^3 numbers, and e-prop under a leaky readout has to do with n^2 a step."""
    n, above = 96, 2
    rng, synapse = np.random.default_rng(2), Dense(inputs=n, units=n)
    tangent = Tangent(form, rng.standard_normal((1, n) if form == "outer" else (1, n, n)), synapse)
    weight = rng.standard_normal((above, n))
    tracemalloc.start()
    found = projected(Dense(inputs=n, units=above), weight, tangent)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.array.shape == (1, above, n, n)
    assert peak < n**3 * 8 / 4
