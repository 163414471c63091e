"""Every cell, and convolution with pooling, in a stack of three layers: every bound holds, and in its order."""

from __future__ import annotations

import numpy as np
import pytest
from bound_problems import load

from gradcert.reference import CELLS, Layer, Lif, Network, Rnn, draw_feedback, rule_named
from gradcert.reference.networks.synapses import SYNAPSES

benchmark = load()
RULES = ("ostl", "ostl-random", "osttp", "tbptt(2)")


def convolution():
    conv = SYNAPSES["conv2d"](in_channels=1, height=4, width=4, out_channels=2, kernel=(3, 3))
    pool = SYNAPSES["avgpool"](channels=2, height=2, width=2)
    stateless = Rnn(activation="identity", recurrent=False, bias=False)
    return (
        Layer(Lif(threshold=0.2), inputs=conv.inputs, units=conv.units, synapses=(("W", conv),)),
        Layer(stateless, inputs=pool.inputs, units=pool.units, synapses=(("W", pool),)),
        Layer(Lif(threshold=0.2), inputs=pool.units, units=2),
    )


def stack(name):
    if name == "convolution":
        return convolution()
    cell = CELLS[name]()
    return (
        Layer(cell, inputs=3, units=4),
        Layer(Lif(threshold=0.3), inputs=4, units=3),
        Layer(cell, inputs=3, units=2),
    )


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("name", [*sorted(CELLS), "convolution"])
def test_every_bound_holds(name):
    network = Network(layers=stack(name))
    rng = np.random.default_rng(3)
    p, x = network.parameters(seed=1, scale=2.0), rng.standard_normal((4, 2, network.layers[0].inputs))
    y = rng.standard_normal((4, 2, 2))
    tally = benchmark.Tally(benchmark.defaultdict(list))
    for rule in map(rule_named, RULES):
        feedback = draw_feedback(network, rule)
        benchmark.check(benchmark.Problem("cell", network, p, x, y, rule, feedback), tally)
    print(benchmark.table(tally))
    assert (tally.failures, tally.disorder, tally.wrong) == (0, 0, 0)
    assert min(min(values) for values in tally.ratios.values()) >= 1
    assert len(tally.ratios) == len(benchmark.BOUNDS)
