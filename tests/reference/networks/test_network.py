"""Networks: what they refuse and what they then say, the parameters that they draw, the JSON form."""

import numpy as np
import pytest

from gradcert.reference import FLOAT32, GradcertError, Layer, Loss, Network, from_dict
from gradcert.reference.networks import Activity
from gradcert.reference.networks.cells import Integrator, Lif, Lstm, Rnn
from gradcert.reference.networks.network import check_problem, with_loss
from gradcert.reference.networks.synapses import AvgPool, Conv2d, Dense

POOL = Rnn(activation="identity", recurrent=False, bias=False)
SPIKING = Lif(leak=(0.5, 0.25, 0.75), train=("leak", "threshold"), recurrent=True)
NETWORK = Network(layers=(Layer(SPIKING, inputs=2, units=3), Layer(Integrator(), inputs=3, units=4)))


@pytest.mark.parametrize(("inputs", "units"), [(0, 1), (1, 0), (-1, 1)])
def test_a_layer_has_inputs_and_units(inputs, units):
    with pytest.raises(GradcertError, match=f"a layer with (inputs|units) {min(inputs, units)}; allowed: a whole"):
        Layer(Rnn(), inputs=inputs, units=units)


def test_the_smallest_layer():
    assert Layer(Rnn(), inputs=1, units=1).shapes() == {"W": (1, 1), "H": (1, 1), "b": (1,)}


@pytest.mark.parametrize(
    ("synapses", "reason"),
    [
        ((("V", Dense(inputs=2, units=3)),), "the weight 'V'; allowed: W, H"),
        ((("W", Dense(inputs=3, units=3)),), "from 3 to 3 units for 'W'; allowed: from 2 to 3"),
        ((("W", Dense(inputs=2, units=2)),), "from 2 to 2 units for 'W'; allowed: from 2 to 3"),
        ((("H", Dense(inputs=2, units=3)),), "from 2 to 3 units for 'H'; allowed: from 3 to 3"),
        ((("W", Dense(inputs=2, units=3)), ("H", Dense(inputs=3, units=2))), "for 'H'; allowed: from 3 to 3"),
    ],
)
def test_a_synapse_fits_its_weight(synapses, reason):
    with pytest.raises(GradcertError, match=reason):
        Layer(Rnn(), inputs=2, units=3, synapses=synapses)


def test_every_weight_has_its_synapse():
    lateral = Dense(inputs=3, units=3, absent=((0, 0),))
    layer = Layer(Lstm(), inputs=2, units=3, synapses=(("H_f", lateral), ("W_g", Dense(inputs=2, units=3))))
    assert layer.synapse("H_f") is lateral
    assert [layer.synapse(name).inputs for name in ("W_i", "W_g", "H_g")] == [2, 2, 3]


def test_a_stack_fits_together():
    with pytest.raises(GradcertError, match="a network without layers"):
        Network(layers=())
    with pytest.raises(GradcertError, match="layer 1 has 4 units and layer 2 has 3 inputs"):
        Network(layers=(*NETWORK.layers, Layer(Rnn(), inputs=3, units=1)))
    assert NETWORK.depth == 2


def test_a_term_about_activity_is_about_layers_that_are_there():
    for layers in ((2,), (-1,), (0, 5)):
        with pytest.raises(GradcertError, match=r"activity of layers .* allowed: layers from 0 to 1, named where"):
            with_loss(NETWORK, activity=(Activity(kind="l1", layers=layers),))
    one = Network(layers=NETWORK.layers[:1])
    with pytest.raises(
        GradcertError, match=r"layers \(\); allowed: layers from 0 to 0, named where there is one alone"
    ):
        with_loss(one, activity=(Activity(kind="l1"),))
    assert with_loss(one, activity=(Activity(kind="l1", layers=(0,)),)).depth == 1


def test_the_parameters_that_are_drawn():
    """In the order of the links: weights scale / sqrt(columns) wide, biases 0.1 scale wide, constants as set."""
    rng = np.random.default_rng(7)
    expected = {
        "layers.0.W": 3 * rng.standard_normal((3, 2)) / np.sqrt(2),
        "layers.0.H": 3 * rng.standard_normal((3, 3)) / np.sqrt(3),
        "layers.0.b": 0.1 * 3 * rng.standard_normal(3),
        "layers.0.leak": np.array([0.5, 0.25, 0.75]),
        "layers.0.threshold": np.ones(3),
        "layers.1.W": 3 * rng.standard_normal((4, 3)) / np.sqrt(3),
        "layers.1.b": 0.1 * 3 * rng.standard_normal(4),
    }
    drawn = NETWORK.parameters(seed=7, scale=3.0)
    assert list(drawn) == list(expected) == list(NETWORK.shapes())
    assert all((drawn[name] == expected[name]).all() and drawn[name].shape == NETWORK.shapes()[name] for name in drawn)
    drawn["layers.0.leak"][0] = 0  # a copy: the cell keeps its own
    assert NETWORK.parameters()["layers.0.leak"][0] == 0.5
    assert {str(p.dtype) for p in NETWORK.parameters(numbers=FLOAT32).values()} == {"float32"}
    zero_and_one = NETWORK.parameters(seed=0, scale=1.0)
    assert all((p == zero_and_one[name]).all() for name, p in NETWORK.parameters().items())


def test_a_weight_that_is_shared_is_as_wide_as_its_columns():
    conv = Conv2d(in_channels=2, height=3, width=3, out_channels=2, kernel=(2, 2))
    pool = AvgPool(channels=2, height=2, width=2)
    layers = (Layer(Rnn(recurrent=False), inputs=18, units=8, synapses=(("W", conv),)),)
    network = Network(layers=(*layers, Layer(POOL, inputs=8, units=2, synapses=(("W", pool),))))
    drawn = network.parameters(seed=1)
    assert (drawn["layers.0.W"] == np.random.default_rng(1).standard_normal((2, 2, 2, 2)) / np.sqrt(8)).all()
    assert list(drawn) == ["layers.0.W", "layers.0.b"]
    assert from_dict(network.to_dict()) == network
    assert network.to_dict()["layers"][0]["synapses"]["W"]["kernel"] == [2, 2]
    assert "synapses" not in NETWORK.to_dict()["layers"][0]


def changed(**layer):
    spec = NETWORK.to_dict()
    spec["layers"][0] |= layer
    return spec


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({}, "does not fit .*'layers'"),
        ({"layers": 3}, "does not fit"),
        ({"layers": [3]}, "does not fit"),
        ({"layers": [{"cell": "rnn"}]}, "does not fit .*'inputs'"),
        ({**NETWORK.to_dict(), "loss": {"knid": "x"}}, "does not fit .*knid"),
        ({**NETWORK.to_dict(), "loss": []}, "does not fit"),
        (changed(cell="lift"), "'lift' is unknown"),
        (changed(options={"leaks": 0.5, "lead": 1}), "'lif' has no option lead, leaks; allowed: leak, threshold"),
        (
            changed(synapses={"W": {"kind": "gabor"}}),
            "'gabor' is unknown; allowed: avgpool, conv2d, dense, maxpool, mean, repeat, sparse, tap",
        ),
        (changed(synapses={"W": {"kind": "dense", "sizes": 1}}), "a synapse of kind dense with 'sizes'"),
    ],
)
def test_a_description_that_does_not_fit(spec, reason):
    with pytest.raises(GradcertError, match=reason):
        from_dict(spec)


def test_a_description_without_a_loss_has_the_default():
    assert from_dict({"layers": NETWORK.to_dict()["layers"]}).loss == Loss()
    assert with_loss(NETWORK, when="last", time="mean").loss == Loss(when="last", time="mean")
    assert with_loss(NETWORK, when="last").layers == NETWORK.layers


def arguments(**given):
    p = NETWORK.parameters()
    return {"parameters": p, "inputs": np.ones((5, 2, 2)), "targets": np.ones((5, 2, 4)), **given}


INPUTS = "allowed: .time, batch, 2., no axis empty"
TARGETS = "allowed: shape .5, 2, 4."
P = NETWORK.parameters()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"inputs": np.ones((5, 2))}, f"inputs have shape .5, 2.; {INPUTS}"),
        ({"inputs": np.ones((5, 2, 4))}, INPUTS),
        ({"inputs": np.ones((0, 2, 2)), "targets": np.ones((0, 2, 4))}, INPUTS),
        ({"inputs": np.ones((5, 0, 2)), "targets": np.ones((5, 0, 4))}, INPUTS),
        ({"targets": np.ones((5, 2, 2))}, f"targets of shape .5, 2, 2.; {TARGETS}"),
        ({"targets": np.ones((4, 2, 4))}, TARGETS),
        ({"targets": np.ones((5, 1, 4))}, TARGETS),
        ({"parameters": {k: v for k, v in P.items() if k != "layers.0.H"}}, "missing .'layers.0.H'., unknown .."),
        ({"parameters": {**P, "layers.2.W": P["layers.1.W"]}}, "missing .., unknown .'layers.2.W'."),
        (
            {"parameters": {**P, "layers.1.W": P["layers.1.W"].T}},
            r"layers.1.W of shape \(3, 4\); allowed: shape \(4, 3\)",
        ),
        ({"inputs": np.full((5, 2, 2), np.nan)}, "inputs with NaN"),
        ({"targets": np.full((5, 2, 4), np.inf)}, "targets with NaN"),
        ({"parameters": {**P, "layers.1.b": np.full(4, np.nan)}}, "layers.1.b with NaN"),
    ],
)
def test_a_problem_that_does_not_fit(given, reason):
    check_problem(NETWORK, **arguments())
    with pytest.raises(GradcertError, match=reason):
        check_problem(NETWORK, **arguments(**given))
