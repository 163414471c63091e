"""Convolution and pooling against their definitions in loops and against PyTorch; integers, so equality is exact."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from gradcert.reference import GradcertError
from gradcert.reference.networks.synapses import (
    SYNAPSES,
    AvgPool,
    Conv2d,
    Dense,
    Mean,
    Part,
    Place,
    Repeat,
    Sparse,
    Tap,
)

CONVOLUTIONS = {
    "plain": Conv2d(in_channels=2, height=5, width=4, out_channels=3, kernel=(2, 3)),
    "stride": Conv2d(in_channels=2, height=6, width=5, out_channels=3, kernel=(2, 3), stride=(2, 1)),
    "padding": Conv2d(in_channels=3, height=3, width=4, out_channels=2, kernel=(3, 2), padding=(1, 2)),
    "both": Conv2d(in_channels=1, height=7, width=6, out_channels=2, kernel=(3, 2), stride=(3, 2), padding=(2, 1)),
    "uneven": Conv2d(in_channels=2, height=6, width=8, out_channels=1, kernel=(3, 3), stride=(2, 3)),
    "wide padding": Conv2d(
        in_channels=1, height=2, width=3, out_channels=2, kernel=(1, 2), stride=(2, 1), padding=(2, 3)
    ),
    "dilation": Conv2d(
        in_channels=2, height=6, width=7, out_channels=3, kernel=(2, 3), dilation=(3, 2), stride=(1, 2), padding=(1, 1)
    ),
    "groups": Conv2d(in_channels=4, height=4, width=3, out_channels=6, kernel=(2, 2), groups=2),
    "depthwise": Conv2d(in_channels=3, height=4, width=3, out_channels=3, kernel=(3, 2), padding=(1, 0), groups=3),
    "line": Conv2d(in_channels=2, height=1, width=7, out_channels=3, kernel=(1, 3), stride=(1, 2), padding=(0, 1)),
    "pointwise": Conv2d(in_channels=2, height=3, width=2, out_channels=3, kernel=(1, 1)),
}
POOLS = {
    "square": AvgPool(channels=2, height=4, width=6),
    "uneven": AvgPool(channels=3, height=5, width=7, kernel=(2, 4)),
    "third": AvgPool(channels=1, height=6, width=3, kernel=(3, 3)),
    "overlapping": AvgPool(channels=2, height=6, width=5, kernel=(3, 2), stride=(1, 2)),
    "padded": AvgPool(channels=2, height=5, width=4, kernel=(3, 2), stride=(2, 1), padding=(1, 1)),
    "apart": AvgPool(channels=1, height=7, width=5, kernel=(2, 1), stride=(3, 2)),
}
SPARSE = Dense(inputs=4, units=3, absent=((0, 0), (2, 3)))
ALL = {**{f"conv-{k}": v for k, v in CONVOLUTIONS.items()}, **{f"pool-{k}": v for k, v in POOLS.items()}}
ALL["dense"] = Dense(inputs=4, units=3)
ALL["dense-absent"] = SPARSE
ALL["sparse"] = Sparse(inputs=4, units=3, present=((2, 0), (0, 3), (0, 1)))
ALL["part"] = Part(CONVOLUTIONS["plain"], start=2, inputs=45)
ALL["part-sparse"] = Part(ALL["sparse"], start=1, inputs=5)
ALL["tap"] = Tap(2, 4, 3, kernel=(3, 2), stride=(1, 2), padding=(1, 1), ceil=True, entry=1)
ALL["repeat"] = Repeat(inputs=2, size=3)
ALL["mean"] = Mean(units=4)
ALL["mean-runs"] = Mean(units=6, size=3)
ALL["place"] = Place(inputs=2, units=4, start=1)


def whole(rng, shape):
    """Integers that every window of these pools divides."""
    return rng.integers(-9, 10, size=shape) * 72


def fractions(a):
    return np.array([Fraction(int(v), 7) for v in a.ravel()], dtype=object).reshape(a.shape)


KINDS = {"float64": lambda a: a.astype(float), "fractions": fractions}


@dataclass(frozen=True)
class Draw:
    weight: Any
    x: Any
    g: Any


def draw(synapse, kind="float64", lead=(2, 3)):
    rng = np.random.default_rng(5)
    convert = KINDS[kind]
    weight = convert(rng.integers(-9, 10, size=synapse.shape)) if synapse.shape else None
    return Draw(weight, convert(whole(rng, (*lead, synapse.inputs))), convert(whole(rng, (*lead, synapse.units))))


def looped(conv, weight, x):
    """The docstring's formula, entry by entry, for one image."""
    image = x.reshape(conv.in_channels, conv.height, conv.width)
    (down, right), (top, left), (below, beside) = conv.stride, conv.padding, conv.dilation
    rows = (conv.height + 2 * top - below * (conv.kernel[0] - 1) - 1) // down + 1
    columns = (conv.width + 2 * left - beside * (conv.kernel[1] - 1) - 1) // right + 1
    reads, makes = conv.in_channels // conv.groups, conv.out_channels // conv.groups
    out = []
    for o in range(conv.out_channels):
        for r in range(rows):
            for s in range(columns):
                total = 0
                for c, i, j in np.ndindex(reads, *conv.kernel):
                    row, column = r * down - top + i * below, s * right - left + j * beside
                    if 0 <= row < conv.height and 0 <= column < conv.width:
                        total = total + weight[o, c, i, j] * image[o // makes * reads + c, row, column]
                out.append(total)
    return np.array(out, dtype=x.dtype)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("conv", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolution_is_its_formula(conv, kind):
    d = draw(conv, kind)
    y = conv.apply(d.weight, d.x)
    assert y.shape == (2, 3, conv.units)
    for index in np.ndindex(2, 3):
        assert (y[index] == looped(conv, d.weight, d.x[index])).all()


@pytest.mark.parametrize("conv", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolution_is_that_of_torch(conv):
    d = draw(conv)
    image = torch.tensor(d.x.reshape(6, conv.in_channels, conv.height, conv.width), requires_grad=True)
    weight = torch.tensor(d.weight, requires_grad=True)
    y = torch.nn.functional.conv2d(
        image, weight, stride=conv.stride, padding=conv.padding, dilation=conv.dilation, groups=conv.groups
    )
    y.backward(torch.tensor(d.g.reshape(y.shape)))
    assert (conv.apply(d.weight, d.x).ravel() == y.detach().numpy().ravel()).all()
    assert (conv.pull_weight(d.g, d.x) == weight.grad.numpy()).all()
    assert (conv.pull_input(d.weight, d.g).ravel() == image.grad.numpy().ravel()).all()


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
def test_pooling_is_that_of_torch(pool):
    d = draw(pool)
    image = torch.tensor(d.x.reshape(6, pool.channels, pool.height, pool.width), requires_grad=True)
    y = torch.nn.functional.avg_pool2d(image, pool.kernel, pool.stride, pool.padding)
    y.backward(torch.tensor(d.g.reshape(y.shape)))
    assert (pool.apply(None, d.x).ravel() == y.detach().numpy().ravel()).all()
    assert (pool.pull_input(None, d.g).ravel() == image.grad.numpy().ravel()).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("synapse", ALL.values(), ids=ALL)
def test_pull_backs_are_adjoint(synapse, kind):
    d = draw(synapse, kind)
    forward = (d.g * synapse.apply(d.weight, d.x)).sum()
    assert forward != 0
    assert (synapse.pull_input(d.weight, d.g) * d.x).sum() == forward
    if synapse.shape:
        assert (synapse.pull_weight(d.g, d.x) * d.weight).sum() == forward


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("synapse", [s for s in ALL.values() if s.shape], ids=[k for k, s in ALL.items() if s.shape])
def test_traces_per_unit_fold_to_the_gradient(synapse, kind):
    d = draw(synapse, kind, lead=(3,))
    rows = synapse.expand(d.x)
    assert rows.shape in {(3, n, synapse.columns) for n in (1, synapse.units)}
    assert (synapse.fold((d.g[:, :, None] * rows).sum(axis=0)) == synapse.pull_weight(d.g, d.x)).all()


FIXED = {k: s for k, s in ALL.items() if not s.shape}


@pytest.mark.parametrize("synapse", FIXED.values(), ids=FIXED)
def test_a_fixed_map_has_no_weight_to_expand_into(synapse):
    d = draw(synapse, lead=(3,))
    assert synapse.columns == 0
    assert synapse.expand(d.x).shape == (3, 1, 0)
    assert synapse.pull_weight(d.g, d.x).shape == synapse.fold(d.g[:, :, None]).shape == ()


@pytest.mark.parametrize("synapse", ALL.values(), ids=ALL)
def test_push_applies_to_every_column_of_a_tangent(synapse):
    d = draw(synapse, lead=(2, 5))
    pushed = synapse.push(d.weight, d.x.swapaxes(1, 2))
    assert (pushed == synapse.apply(d.weight, d.x).swapaxes(1, 2)).all()


def test_absent_connections_neither_act_nor_learn():
    d = draw(SPARSE)
    plain = d.weight.copy()
    plain[0, 0] = plain[2, 3] = 0
    assert (SPARSE.apply(d.weight, d.x) == d.x @ plain.T).all()
    assert [SPARSE.pull_weight(d.g, d.x)[i, j] for i, j in SPARSE.absent] == [0, 0]


MUTANTS = {
    "flipped kernel": lambda c, w: (c, w[:, :, ::-1, ::-1]),
    "channels exchanged": lambda c, w: (c, w[:, ::-1]),
    "stride exchanged": lambda c, w: (replace(c, stride=c.stride[::-1]), w),
    "dilation exchanged": lambda c, w: (replace(c, dilation=c.dilation[::-1]), w),
    "padding exchanged": lambda c, w: (replace(c, padding=c.padding[::-1]), w),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_convolution_is_seen(mutant):
    conv = Conv2d(in_channels=2, height=6, width=6, out_channels=2, kernel=(2, 2), stride=(2, 1), padding=(1, 0))
    conv = replace(conv, dilation=(1, 2))
    d = draw(conv)
    wrong, weight = MUTANTS[mutant](conv, d.weight)
    y = wrong.apply(weight, d.x)[0, 0]
    theirs = looped(conv, d.weight, d.x[0, 0])
    assert y.shape != theirs.shape or (y != theirs).any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Conv2d(in_channels=0, height=3, width=3, out_channels=1),
        lambda: Conv2d(in_channels=1, height=2, width=2, out_channels=1),
        lambda: Conv2d(in_channels=1, height=3, width=3, out_channels=1, padding=(-1, 0)),
        lambda: Conv2d(in_channels=1, height=3, width=3, out_channels=1, stride=(0, 1)),
        lambda: AvgPool(channels=1, height=2, width=1),
        lambda: AvgPool(channels=0, height=2, width=2),
        lambda: Conv2d(in_channels=2, height=3, width=3, out_channels=3, groups=2),
        lambda: Conv2d(in_channels=1, height=4, width=4, out_channels=1, dilation=(2, 1)),
        lambda: AvgPool(channels=1, height=4, width=4, padding=(2, 0)),
        lambda: AvgPool(channels=1, height=4, width=4, stride=(0, 1)),
        lambda: Repeat(inputs=0, size=2),
        lambda: Mean(units=0),
        lambda: Mean(units=6, size=4),
        lambda: Dense(inputs=2, units=2, absent=((2, 0),)),
        lambda: Sparse(inputs=2, units=2, present=((2, 0),)),
        lambda: Sparse(inputs=2, units=2, present=()),
        lambda: Sparse(inputs=2, units=2, present=((1, 0), (1, 0))),
        lambda: Sparse(inputs=0, units=2, present=((0, 0),)),
    ],
)
def test_impossible_geometry_is_refused(make):
    with pytest.raises(GradcertError):
        make()


@pytest.mark.parametrize("mask", [np.ones((3, 2)), [[1, 2, 0], [0, 0, 1]], [1, 0, 1]], ids=["turned", "two", "row"])
def test_a_mask_is_a_row_of_0_or_1_for_each_unit(mask):
    with pytest.raises(GradcertError, match="for 2 units and 3 inputs; allowed: 0 or 1 in an array \\(2, 3\\)"):
        Sparse.of_mask(mask, inputs=3, units=2)
    assert Sparse.of_mask([[0, 1, 1], [1, 0, 0]], inputs=3, units=2).present == ((0, 1), (0, 2), (1, 0))


def test_the_registry_holds_every_synapse():
    assert {name: kind.__name__.lower() for name, kind in SYNAPSES.items()} == {
        name: name for name in ("dense", "conv2d", "avgpool", "maxpool", "sparse", "tap", "mean", "repeat")
    }
