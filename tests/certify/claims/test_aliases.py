"""Cells by the name that a library's users know them by."""

import pytest

from gradcert.certify.claims import ALIASES, Claim, from_dict
from gradcert.reference import GradcertError

CUBA = {"order": "new", "reset": "hard", "gain": "one", "current_gain": "one"}


def test_it_is_the_cell_with_the_options_of_the_name_and_its_own():
    claim = Claim("bptt", "cuba", options={"strict": False, "reset": "none"})
    assert claim == Claim("bptt", "synaptic", options={**CUBA, "strict": False, "reset": "none"})
    assert from_dict(claim.to_dict()) == claim and "on synaptic, " in str(claim)
    readout = Claim("bptt", "lif", readout="cuba", readout_options={"rho": 0.5})
    assert (readout.readout, readout.readout_options) == ("synaptic", {**CUBA, "rho": 0.5})


def test_in_a_stack_of_layers_that_differ_it_keeps_its_options_to_itself():
    layers = [{"cell": "cuba", "options": {"gain": "one_minus_leak"}}, {"cell": "lif"}]
    claim = Claim("bptt", layers=layers, options={"reset": "subtract_after_leak", "rest": 0.0})
    own = {**CUBA, "reset": "subtract_after_leak", "gain": "one_minus_leak"}
    assert claim.layers == ({"cell": "synaptic", "options": own}, {"cell": "lif", "options": {}})


def test_beside_other_cells_it_is_refused():
    with pytest.raises(GradcertError, match="cuba beside lif"):
        Claim("bptt", ("cuba", "lif"))


@pytest.mark.parametrize("name", ALIASES)
def test_every_name_is_a_cell_that_can_be_claimed(name):
    assert Claim("bptt", name).cells == (ALIASES[name][0],)
