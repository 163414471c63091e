"""A cell named by file and attribute: in claims, in problems that travel as JSON, and in a whole campaign."""

import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.claims.claim import Claim
from gradcert.reference import RULES, GradcertError, Layer, Network, from_dict
from gradcert.reference.engines import reverse
from gradcert.reference.networks.cells import cell_named
from gradcert.reference.networks.cells.elsewhere import FOUND

pytest.importorskip("sympy", reason="needs sympy: pip install 'gradcert[derivations]'")

SOURCE = """
from gradcert.models.equations import define

Leaky = define(
    "leaky",
    {"a": "W @ x + H @ z_prev + b", "z": "leak*z_prev + (1 - leak)*tanh(a)"},
    edges={"z -> z": "state"},
    constants={"leak": 0.75},
)
number = 3
"""


@pytest.fixture
def name(tmp_path):
    path = tmp_path / "cells_of_mine.py"
    path.write_text(SOURCE)
    yield f"{path}:Leaky"
    FOUND.pop(f"{path}:Leaky", None)


def test_a_network_travels(name):
    network = Network(layers=(Layer(cell_named(name, run=True)(leak=0.5), inputs=2, units=3),))
    spec = network.to_dict()
    assert spec["layers"][0]["cell"] == name
    assert from_dict(spec) == network


def test_a_claim_is_judged(name):
    def gradients(problem):
        return reverse.gradients(
            problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["e-prop"]
        )

    right = certify(gradients, rule="e-prop", cells=name, depths=2, profile="quick")
    wrong = certify(gradients, rule="ostl", cells=name, depths=2, profile="quick")
    assert right.verdict == "certified", right.reason
    assert wrong.verdict == "refuted"
    assert "without RECURRENT" in wrong.reason


def test_what_is_no_cell(name, tmp_path):
    with pytest.raises(GradcertError, match="is unknown"):
        Claim(rule="bptt", cells=("leaky",))
    with pytest.raises(GradcertError, match="there is no file"):
        cell_named(f"{tmp_path}/absent.py:Leaky", run=True)
    with pytest.raises(GradcertError, match="is no cell"):
        cell_named(name.replace(":Leaky", ":number"), run=True)
