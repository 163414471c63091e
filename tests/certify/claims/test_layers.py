"""Layers that differ, and claims about some of the parameters: said, drawn, told to subjects, and shown."""

import json
from functools import partial

import numpy as np
import pytest

from gradcert.certify import certify
from gradcert.certify.claims import Claim, from_dict, made, read_claim, sentence
from gradcert.certify.problems import Spec, generate
from gradcert.certify.report import html, junit
from gradcert.commands.claims import parts
from gradcert.reference import RULES, GradcertError
from gradcert.reference.engines import reverse
from gradcert.reference.networks import problem_from_json

PLAIN = {"losses": "squared_error", "when": "every"}
LAYERS = [{"cell": "lif", "options": {"recurrent": True, "bias": False}}, {"cell": "lif"}, "integrator"]
FILE = """
rule = "bptt"
untrained = ["H"]
[[layers]]
cell = "lif"
options = { recurrent = true, surrogate = { formula = "1 / (1 + x^2)" } }
[[layers]]
cell = "integrator"
"""


def reference(problem, scale=1.0, names=None):
    """A subject that returns gradients of the engine, all or some of them."""
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    found = reverse.gradients(*given, rule=RULES["bptt"])
    return {k: scale * v for k, v in found.items() if names is None or k in names}


def case_of(claim, depth=None):
    spec = Spec(claim.stacks[0], depth or claim.depths[0], "squared_error", "every", "bounded")
    return generate(spec, claim)


def test_a_claim_of_layers_in_a_file_in_python_and_on_the_command_line(tmp_path):
    (tmp_path / "claim.toml").write_text(FILE)
    claim = read_claim(tmp_path / "claim.toml")
    first = {"cell": "lif", "options": {"recurrent": True, "surrogate": {"formula": "1 / (1 + x^2)"}}}
    assert claim == Claim(rule="bptt", layers=[first, "integrator"], untrained="H")
    assert from_dict(json.loads(json.dumps(claim.to_dict()))) == claim and claim.depths == (2,)
    words = ("lif:recurrent=true,leak=0.5", "mine.py:Leaky", "integrator")
    assert parts({"layers": words, "untrained": ("H",)})["layers"] == [
        {"cell": "lif", "options": {"recurrent": True, "leak": 0.5}},
        {"cell": "mine.py:Leaky", "options": {}},
        {"cell": "integrator", "options": {}},
    ]
    assert made(Claim(rule="bptt", cells="rnn", readout="rnn"), {"layers": ["lif", "integrator"]}).cells == ()
    assert made(claim, {"cells": "rnn"}).layers == ()
    line = str(claim)
    assert sentence(claim.to_dict()) == line
    assert "on lif (recurrent True, surrogate 1 / (1 + x^2)) then integrator, float64, not trained: H" in line


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"layers": 2}, "a number of layers is called depths"),
        ({"layers": [{"cells": "lif"}]}, "the layer"),
        ({"layers": ["lif"], "cells": "lif"}, "layers, and cells"),
        ({"layers": ["lif"], "readout": "rnn"}, "layers, and readout"),
        ({"layers": ["lif"], "depths": 3}, "layers, and depths"),
        ({"layers": ["no-such"]}, "the cell 'no-such' is unknown"),
        ({"layers": [{"cell": "lif", "options": {"kappa": 0.5}}]}, "options: 'kappa'"),
        ({"layers": [{"cell": "lif", "options": {"reset": "soft"}}]}, "reset='soft'"),
        ({}, "without cells, layers or a network"),
    ],
)
def test_what_is_no_stack_is_refused(spec, says):
    with pytest.raises(GradcertError, match=says):
        Claim(rule="bptt", **spec)


def test_layers_are_drawn_each_with_its_own_options_and_what_is_said_of_all():
    claim = Claim(rule="bptt", layers=LAYERS, options={"strict": True, "reset": ["hard", "none"], "bias": True})
    network = case_of(claim).problem.network
    assert [(x.cell.name, getattr(x.cell, "recurrent", None), x.cell.bias) for x in network.layers] == [
        ("lif", True, False),
        ("lif", False, True),
        ("integrator", None, True),
    ]
    assert {x.cell.reset for x in network.layers[:2]} == {"hard"} and all(x.cell.strict for x in network.layers[:2])


def test_a_claim_about_some_gradients_asks_for_those_and_accepts_the_others_unread():
    claim = Claim(rule="bptt", cells="rnn", depths=2, parameters=["layers.1", "H"], **PLAIN)
    case = case_of(claim)
    wanted = ("layers.0.H", "layers.1.W", "layers.1.H", "layers.1.b")
    assert case.problem.wanted == wanted == tuple(case.expected.gradients)
    told = json.loads(case.problem.to_json())
    assert told["wanted"] == list(wanted) and problem_from_json(case.problem.to_json()).wanted == wanted
    assert "about the gradients of layers.1 and H" in str(claim)
    for subject in (partial(reference, names=wanted), reference):
        assert certify(subject, claim=claim, profile="quick").verdict == "certified"
    wrong = certify(partial(reference, scale=2.0, names=wanted), claim=claim, profile="quick", repair=0.0)
    assert wrong.verdict == "refuted" and "times 2" in wrong.reason
    assert (
        "about the gradients of layers.1 and H" in html.write(wrong) and "layers.1 and H" in junit.write(wrong).decode()
    )


def test_what_is_not_trained_has_no_gradient_or_zeros():
    claim = Claim(rule="bptt", cells="rnn", depths=1, untrained="H", **PLAIN)

    def zeros(problem):
        return {k: 0 * v if k.endswith(".H") else v for k, v in reference(problem).items()}

    assert certify(zeros, claim=claim, profile="quick").verdict == "certified"
    trained = certify(reference, claim=claim, profile="quick", repair=0.0)
    assert trained.verdict == "refuted" and "layers.0.H, which the claim says is not trained" in trained.reason
    missing = certify(lambda p: {}, claim=claim, profile="quick", repair=0.0)
    assert "missing layers.0.W, layers.0.b" in missing.reason


def test_a_parameter_that_there_is_not_is_refused():
    for part in ({"parameters": "Q"}, {"untrained": "layers.7"}, {"untrained": ["W", "H", "b"]}):
        with pytest.raises(GradcertError, match=r"in the claim|about no gradient"):
            case_of(Claim(rule="bptt", cells="rnn", depths=1, **part))
    problem = case_of(Claim(rule="bptt", cells="rnn", depths=1)).problem
    with pytest.raises(GradcertError, match="gradients of nothing"):
        type(problem)(problem.network, problem.parameters, problem.inputs, problem.targets, wanted=("nothing",))
    assert np.array_equal(problem.asked({"a": 1})["a"], 1)
