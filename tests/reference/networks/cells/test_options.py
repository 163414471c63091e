"""Options of the cells: what they refuse, and that a description survives JSON."""

import json

import numpy as np
import pytest
from cell_nets import CELLS, stack

from gradcert.reference import CELLS as REGISTRY
from gradcert.reference import GradcertError, Layer, Network, from_dict, record
from gradcert.reference.networks.cells import Alif, Gru, Integrator, LeakyRnn, Lif, Ltc
from gradcert.reference.networks.cells.options import alternatives, conventions, with_convention


@pytest.mark.parametrize("name", CELLS)
def test_a_description_survives_json(name):
    network = stack(name, 2)
    assert from_dict(json.loads(json.dumps(network.to_dict()))) == network


@pytest.mark.parametrize("name", REGISTRY)
def test_every_cell_of_the_registry_has_defaults_and_a_name(name):
    cell = REGISTRY[name]()
    assert cell.name == name
    network = Network(layers=(Layer(cell, inputs=2, units=3),))
    assert from_dict(json.loads(json.dumps(network.to_dict()))) == network
    assert record(network, network.parameters(), np.ones((2, 1, 2))).outputs.shape == (2, 1, 3)


@pytest.mark.parametrize("name", CELLS)
def test_the_structure_is_that_of_a_step(name):
    """Nodes in topological order, z last; lag-1 links labelled, others not; links and uses within the nodes."""
    cell = CELLS[name]
    assert cell.nodes[-1] == "z"
    for link in cell.links:
        assert link.target in cell.nodes
        assert link.source in (*cell.nodes, "x")
        assert (link.edge == "space") is (link.lag == 0)
        if link.lag == 0 and link.source != "x":
            assert cell.nodes.index(link.source) < cell.nodes.index(link.target)
    assert len(set(cell.links)) == len(cell.links)
    assert all(use.target in cell.nodes for use in cell.uses)
    assert set(cell.trained) <= {use.parameter for use in cell.uses}


@pytest.mark.parametrize(
    "cell", [Lif(leak=(0.5, 0.75)), Alif(beta=(0.25, 0.5), rho=(0.5, 0.75)), Integrator(kappa=(0.5, 0.75))], ids=str
)
def test_one_number_per_unit(cell):
    network = Network(layers=(Layer(cell, inputs=1, units=2),))
    assert from_dict(json.loads(json.dumps(network.to_dict()))) == network
    constants = {name: np.asarray(value) for name, value in cell.constants().items()}
    assert any(value.shape == (2,) for value in constants.values())
    outputs = record(network, network.parameters(), np.ones((4, 1, 1))).layers[0].now
    assert any((values[-1, 0, 0] != values[-1, 0, 1]).all() for values in outputs.values())


@pytest.mark.parametrize("name", REGISTRY)
def test_from_every_convention_one_gets_to_every_other(name):
    cell = REGISTRY[name]()
    for convention in conventions(cell):
        assert len(set(convention.values)) == len(convention.values) > 1
        for value in convention.values:
            others = [
                v
                for option, v in alternatives(with_convention(cell, convention.option, value))
                if option == convention.option
            ]
            assert {value, *others} == (set(convention.values) if convention.forward else {value})
            assert value not in others
    for option, value in (("no option", 1), ("reset", "no reset"), ("gain", "hard"), ("activation", True)):
        assert with_convention(cell, option, value) is cell


@pytest.mark.parametrize(
    "make",
    [
        lambda: Alif(leak=1.5),
        lambda: Alif(rho=-0.1),
        lambda: Alif(reset="hard"),
        lambda: Alif(gain="two"),
        lambda: Alif(adaptation_gain="one_minus_leak"),
        lambda: Alif(scaling="yes"),
        lambda: Alif(train=("resistance",)),
        lambda: Ltc(train=("leak",)),
        lambda: Gru(reset="never"),
        lambda: LeakyRnn(rate=2.0),
        lambda: LeakyRnn(activation="spike"),
        lambda: LeakyRnn(train=("leak",)),
        lambda: Integrator(kappa=2),
        lambda: Integrator(gain="one_minus_leak"),
        lambda: Integrator(train=("W",)),
    ],
)
def test_what_does_not_fit_is_refused(make):
    with pytest.raises(GradcertError, match="allowed"):
        make()
