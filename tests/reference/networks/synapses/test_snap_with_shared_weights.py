"""SnAp-n where weights are shared: a weight of a convolution reaches all units of its channel at once (trap T25)."""

import numpy as np
import pytest
from balls import BALLS, BITS, agree, precision
from cell_nets import problem

from gradcert.reference import RULES, Layer, Network, record, rule_named
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks.cells import Rnn
from gradcert.reference.networks.synapses import Conv2d, Dense

# two channels of three positions; without padding, so that every unit of a channel reads every tap
CONV = Conv2d(in_channels=2, height=1, width=6, out_channels=2, kernel=(1, 2), stride=(1, 2))
# a ring: unit i sees itself and unit i - 1, so that n steps reach n units further
RING = Dense(inputs=6, units=6, absent=tuple((i, j) for i in range(6) for j in range(6) if (i - j) % 6 > 1))


def network():
    return Network(layers=(Layer(Rnn(bias=False), inputs=12, units=6, synapses=(("W", CONV), ("H", RING))),))


def by_definition(case, n):
    """M = mask * (J M + D) with M the derivative of all units by all shared weights (mathematics.md 3)."""
    (layer,) = record(case.network, case.parameters, case.inputs, numbers=BALLS).layers
    h = RING.effective(case.parameters["layers.0.H"])
    delta = case.network.loss.gradient(layer.now["z"], case.targets, BALLS)
    weights = int(np.prod(CONV.shape))
    total = BALLS.zeros((weights,))
    for sample in range(case.inputs.shape[1]):
        m, mask = BALLS.zeros((6, weights)), None
        for t in range(len(case.inputs)):
            image = case.inputs[t, sample].reshape(2, 6)
            d = BALLS.zeros((6, 2, 2, 2))
            for o, s, c, j in np.ndindex(2, 3, 2, 2):
                d[3 * o + s, o, c, j] = image[c, 2 * s + j]
            d = d.reshape(6, weights)
            if mask is None:
                mask = d != 0
                for _ in range(n - 1):
                    mask = mask | ((h != 0).astype(int) @ mask.astype(int) > 0)
            slope = 1 - layer.now["z"][t, sample] * layer.now["z"][t, sample]
            m = np.where(mask, slope[:, None] * (h @ m + d), BALLS.array(0.0))
            total = total + delta[t, sample] @ m
    return total.reshape(CONV.shape)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_snap_is_its_definition(n):
    with precision(BITS):
        case = problem(network(), steps=5)
        expected = by_definition(case, n)
        for engine in (reverse, forward):
            grads = engine.gradients(*case.arguments, rule=rule_named(f"snap-{n}"), numbers=BALLS)
            assert agree(grads["layers.0.W"], expected)


def test_the_masks_differ_until_everything_is_reached():
    """Units 0 to 2 share weights: n = 1 to 3 leave out what lies further round the ring; n = 4 is BPTT."""
    with precision(BITS):
        case = problem(network(), steps=5)
        exact = reverse.gradients(*case.arguments, rule=RULES["bptt"], numbers=BALLS)["layers.0.W"]
        assert [agree(by_definition(case, n), exact) for n in (1, 2, 3, 4)] == [False, False, False, True]
