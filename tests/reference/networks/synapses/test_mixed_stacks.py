"""Stacks of different cells and synapses: convolution, pooling, dense spiking layers, a leaky readout."""

import json

import numpy as np
import pytest
import scalar_oracle
from balls import BALLS, BITS, agree, precision, size
from cell_nets import problem
from scalar_oracle import Dual, dual

from gradcert.properties.numbers import PrimeField
from gradcert.reference import RULES, Layer, Loss, Network, draw_feedback, from_dict
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks.cells import Integrator, Lif, Rnn
from gradcert.reference.networks.synapses import AvgPool, Conv2d
from gradcert.reference.numbers.surrogates import Surrogate

WIDE = Surrogate("sigmoid", scale=1.5)
CONV = Conv2d(in_channels=1, height=3, width=4, out_channels=2, kernel=(2, 2), stride=(1, 2), padding=(1, 0))
POOL = AvgPool(channels=2, height=4, width=2)
IDENTITY = Rnn(activation="identity", recurrent=False, bias=False)


def lif(leak, threshold, **options):
    return Lif(leak=leak, threshold=threshold, surrogate=WIDE, **options)


READOUT = Layer(Integrator(kappa=0.65), inputs=4, units=3)
DENSE = Layer(lif(0.6, 0.2, recurrent=True, train=("threshold",)), inputs=4, units=4)
STACKS = {
    "lif-lif-integrator": (Layer(lif(0.7, 0.3, train=("leak",)), inputs=3, units=4), DENSE, READOUT),
    "conv-lif-integrator": (
        Layer(lif(0.7, 0.3), inputs=12, units=16, synapses=(("W", CONV),)),
        Layer(lif(0.6, 0.2), inputs=16, units=4),
        READOUT,
    ),
    "conv-pool-lif-integrator": (
        Layer(lif(0.7, 0.3, train=("threshold",)), inputs=12, units=16, synapses=(("W", CONV),)),
        Layer(IDENTITY, inputs=16, units=4, synapses=(("W", POOL),)),
        DENSE,
        READOUT,
    ),
    "pool-lif-integrator": (
        Layer(IDENTITY, inputs=16, units=4, synapses=(("W", POOL),)),
        DENSE,
        READOUT,
    ),
}


def network(name):
    return Network(layers=STACKS[name], loss=Loss(time="mean"))


def as_matrices(net):
    """Write every synapse as a plain matrix of duals, from its definition."""

    def widen(i, p):
        for name, synapse in net.layers[i].synapses:
            matrix = [[dual(0)] * synapse.inputs for _ in range(synapse.units)]
            for u, v, entry in _pool() if synapse is POOL else _conv(p[name]):
                matrix[u][v] = entry
            p[name] = matrix
        return p

    return widen


def _conv(w):
    """Yield (unit, input, weight) of CONV: 2 x 4 x 2 outputs from 1 x 3 x 4 inputs, one row of zeros on both sides."""
    for o in range(2):
        for r in range(4):
            for s in range(2):
                for i in range(2):
                    for j in range(2):
                        if 0 <= r - 1 + i < 3:
                            yield o * 8 + r * 2 + s, (r - 1 + i) * 4 + 2 * s + j, w[o][0][i][j]


def _pool():
    """Yield (unit, input, 1/4) of POOL: 2 x 2 x 1 outputs from 2 x 4 x 2 inputs."""
    for channel in range(2):
        for row in range(4):
            for column in range(2):
                yield channel * 2 + row // 2, channel * 8 + row * 2 + column, Dual(dual(1).value / 4)


@pytest.mark.parametrize("rule", ["bptt", "bptt-detached-reset", "ostl", "e-prop", "ottt", "sltt"])
@pytest.mark.parametrize("name", STACKS)
def test_stacks_against_the_equations(name, rule):
    case = problem(network(name))
    with precision(BITS):
        theirs = scalar_oracle.gradients(*case.arguments, RULES[rule], widen=as_matrices(case.network))
        mine = reverse.gradients(*case.arguments, rule=RULES[rule], numbers=BALLS)
        assert mine.keys() == theirs.keys() == case.parameters.keys()
        assert all(size(g) > 0 for g in mine.values())
        assert [k for k in mine if not agree(mine[k], theirs[k])] == []


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", STACKS)
def test_forward_equals_reverse(name, rule):
    case = problem(network(name), steps=5)
    with precision(BITS):
        feedback = draw_feedback(case.network, RULES[rule], numbers=BALLS)
        options = {"rule": RULES[rule], "numbers": BALLS, "feedback": feedback}
        r, f = reverse.gradients(*case.arguments, **options), forward.gradients(*case.arguments, **options)
        assert [k for k in r if not agree(r[k], f[k])] == []


@pytest.mark.parametrize("name", STACKS)
def test_stacks_survive_json(name):
    net = network(name)
    assert from_dict(json.loads(json.dumps(net.to_dict()))) == net


def test_pooling_has_no_parameters_and_no_feedback_matrix():
    net = network("conv-pool-lif-integrator")
    assert not any(k.startswith("layers.1.") for k in net.shapes())
    assert set(draw_feedback(net, RULES["ostl-random"])) == {"layers.2.B", "layers.3.B"}


@pytest.mark.parametrize("wrong", ["transposed", "summed"])
def test_a_wrong_pool_is_seen(wrong):
    """A pool that exchanges rows and columns, or that sums, has another gradient."""
    case = problem(network("conv-pool-lif-integrator"))
    pool = AvgPool(channels=2, height=2, width=4) if wrong == "transposed" else POOL
    with precision(BITS):
        theirs = scalar_oracle.gradients(*case.arguments, RULES["bptt"], widen=as_matrices(case.network))
        layers = list(case.network.layers)
        layers[1] = Layer(IDENTITY, inputs=16, units=4, synapses=(("W", pool),))
        scaled = dict(case.parameters)
        if wrong == "summed":
            scaled["layers.2.W"] = scaled["layers.2.W"] * 4
        broken = Network(layers=tuple(layers), loss=case.network.loss)
        mine = reverse.gradients(broken, scaled, case.inputs, case.targets, rule=RULES["bptt"], numbers=BALLS)
        assert not agree(mine["layers.0.W"], theirs["layers.0.W"])


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_pooling_above_trained_layers_in_a_field(rule):
    """A field takes no floats; the pools leave a column and a row unread, whose pull-back is nothing at all."""
    field, rng = PrimeField(), np.random.default_rng(4)
    conv = Conv2d(in_channels=1, height=4, width=6, out_channels=1, kernel=(2, 2))
    pools = AvgPool(channels=1, height=3, width=5, kernel=(1, 2)), AvgPool(channels=1, height=3, width=2, kernel=(2, 2))
    net = Network(
        layers=(
            Layer(lif(0.7, 0.3, recurrent=True, train=("leak",)), inputs=24, units=15, synapses=(("W", conv),)),
            Layer(IDENTITY, inputs=15, units=6, synapses=(("W", pools[0]),)),
            Layer(IDENTITY, inputs=6, units=1, synapses=(("W", pools[1]),)),
            Layer(lif(0.6, 0.2), inputs=1, units=2),
        )
    )
    p = {name: field.draw(rng, shape) for name, shape in net.shapes().items()}
    x, y = field.draw(rng, (3, 1, 24)), field.draw(rng, (3, 1, 2))
    asked = {"rule": rule, "numbers": field, "feedback": draw_feedback(net, rule, numbers=field)}
    ahead, back = (engine.gradients(net, p, x, y, **asked) for engine in (forward, reverse))
    assert all((ahead[name] == back[name]).all() for name in p)
    assert any((ahead[name] != 0).any() for name in p if name.startswith("layers.0"))
