"""What an engine may rely on in every synapse: shapes and types of what it returns, and sizes that it refuses."""

import numpy as np
import pytest

from gradcert.reference import GradcertError
from gradcert.reference.networks.synapses import AvgPool, Conv2d, Dense

SYNAPSES = {
    "dense": Dense(inputs=3, units=4),
    "dense, some absent": Dense(inputs=3, units=4, absent=((0, 0), (3, 2))),
    "convolution": Conv2d(in_channels=2, height=3, width=4, out_channels=3, kernel=(2, 3)),
    "pooling": AvgPool(channels=3, height=4, width=5, kernel=(2, 2)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("synapse", SYNAPSES.values(), ids=SYNAPSES)
def test_shapes_and_types(synapse, dtype):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.integers(-8, 9, size=shape).astype(dtype)  # small integers: sums in any order are exact

    weight = draw(*synapse.shape) if synapse.shape else None
    for lead in ((), (5,), (5, 2), (5, 2, 3)):
        x, g = draw(*lead, synapse.inputs), draw(*lead, synapse.units)
        y, back = synapse.apply(weight, x), synapse.pull_input(weight, g)
        found = (y, back, synapse.pull_weight(g, x))
        assert [a.shape for a in found] == [g.shape, x.shape, synapse.shape]
        assert {str(a.dtype) for a in found} == {dtype}
        for index in np.ndindex(lead):  # every leading axis is a batch
            assert (synapse.apply(weight, x[index]) == y[index]).all()
            assert (synapse.pull_input(weight, g[index]) == back[index]).all()
    traces = synapse.expand(draw(5, synapse.inputs))
    assert traces.shape in {(5, 1, synapse.columns), (5, synapse.units, synapse.columns)}
    folded = synapse.fold(draw(synapse.units, synapse.columns))
    assert (folded.shape, str(folded.dtype), str(traces.dtype)) == (synapse.shape, dtype, dtype)
    assert synapse.push(weight, draw(5, synapse.inputs, 6)).shape == (5, synapse.units, 6)


@pytest.mark.parametrize("name", ["dense, some absent", "pooling"])
def test_only_some_synapses_change_a_weight(name):
    synapse = SYNAPSES[name]
    weight = np.ones(synapse.shape) if synapse.shape else None
    effective = synapse.effective(weight)
    if name == "pooling":
        assert effective is None
        return
    assert effective.tolist() == [[0, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 0]]
    assert (weight == 1).all()  # a copy
    assert SYNAPSES["dense"].effective(weight) is weight


def test_a_mean_of_whole_numbers_is_one():
    """Only a 0 stays as it is, for number systems that take no floats."""
    pool = AvgPool(channels=1, height=1, width=4, kernel=(1, 2))
    found = pool.apply(None, np.array([1, 3, 0, 0], dtype=object))
    assert found.tolist() == [2, 0] and type(found[1]) is int


@pytest.mark.parametrize("pair", [(-1, 0), (0, -1), (4, 0), (0, 3)])
def test_a_connection_that_cannot_be_absent(pair):
    with pytest.raises(GradcertError, match="allowed: i < 4, j < 3"):
        Dense(inputs=3, units=4, absent=((0, 0), pair))


@pytest.mark.parametrize(("inputs", "units"), [(0, 1), (1, 0)])
def test_a_dense_synapse_has_inputs_and_units(inputs, units):
    assert Dense(inputs=1, units=1).shape == (1, 1)
    with pytest.raises(GradcertError, match="allowed: sizes >= 1"):
        Dense(inputs=inputs, units=units)


CONVOLUTION = {"in_channels": 1, "height": 2, "width": 3, "out_channels": 1, "kernel": (2, 3)}


@pytest.mark.parametrize(
    "wrong",
    [{name: 0} for name in ("in_channels", "height", "width", "out_channels")]
    + [{"kernel": (0, 3)}, {"kernel": (2, 0)}, {"kernel": (3, 3)}, {"kernel": (2, 4)}]
    + [{"stride": (0, 1)}, {"stride": (1, 0)}, {"padding": (-1, 0)}, {"padding": (0, -1)}],
    ids=str,
)
def test_a_convolution_needs_an_image_and_a_kernel_that_fits(wrong):
    smallest = Conv2d(**CONVOLUTION)
    assert (smallest.out_height, smallest.out_width) == (1, 1)
    with pytest.raises(GradcertError, match=r"a convolution|a kernel"):
        Conv2d(**{**CONVOLUTION, **wrong})
    if "padding" in wrong:  # also where the image is large enough without
        with pytest.raises(GradcertError, match="padding >= 0"):
            Conv2d(**{**CONVOLUTION, "height": 9, "width": 9, **wrong})


TOO_SMALL_OR_LARGE = ((0, 1), (1, 0), (3, 1), (1, 4))


@pytest.mark.parametrize(
    "wrong",
    [*({name: 0} for name in ("channels", "height", "width")), *({"kernel": k} for k in TOO_SMALL_OR_LARGE)],
    ids=str,
)
def test_a_pooling_needs_an_image_and_a_window_that_fits(wrong):
    whole = {"channels": 1, "height": 2, "width": 3, "kernel": (2, 3)}
    assert AvgPool(**whole).units == 1
    with pytest.raises(GradcertError, match="a pooling"):
        AvgPool(**{**whole, **wrong})


def test_defaults():
    conv = Conv2d(in_channels=1, height=3, width=3, out_channels=1)
    assert (conv.kernel, conv.stride, conv.padding) == ((3, 3), (1, 1), (0, 0))
    assert AvgPool(channels=1, height=2, width=2).kernel == (2, 2)
    assert Dense(inputs=1, units=1).absent == ()
