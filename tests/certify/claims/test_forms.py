"""Losses of one's own in a claim: as formulas, functions, functions in files; in words; on the claim line."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.claims import Claim, files_of, from_dict, read_claim, read_loss
from gradcert.certify.problems.cases.plan import plan
from gradcert.commands.claims import parts
from gradcert.reference import GradcertError

FORMULA = {"formula": "(o - y)^4 / c", "c": 4}
GIVEN = 'rule = "bptt"\ncells = ["lif"]\nlosses = [{ given = "mine.py:f", derivative = "mine.py:g" }]\n'


def loss(o, y):
    return np.maximum(o - y, 0) ** 2


def test_a_formula_comes_back_from_json_and_from_words():
    claim = Claim("bptt", "lif", losses=["squared_error", FORMULA], when=["every"])
    assert claim.losses == ("squared_error", "{(o - y)^4 / c; c=4}")
    assert from_dict(json.loads(json.dumps(claim.to_dict()))) == claim
    assert "loss squared_error or {(o - y)^4 / c; c=4} of every" in str(claim)
    words = "{where(o < y, (o - y)^2, o or_y); or_y=2} or bernoulli of sum or last, mean over batch"
    assert read_loss(words) == {
        "losses": ["{where(o < y, (o - y)^2, o or_y); or_y=2}", "bernoulli"], "when": ["sum", "last"], "batch": "mean",
    }  # fmt: skip


def test_a_function_is_taken_as_given_and_said():
    claim = Claim("bptt", "lif", losses=loss, when="every")
    assert claim.losses[0].startswith("{max(o - y, 0) ** 2; given=") and claim.losses[0].endswith("test_forms:loss}")
    assert "loss {max(o - y, 0) ** 2} (taken as given from " in str(claim)
    slope = {"given": loss, "derivative": lambda o, y: 2 * np.maximum(o - y, 0)}
    assert "; derivative=2 * max(o - y, 0);" in Claim("bptt", "lif", losses=slope).losses[0]
    with pytest.raises(GradcertError, match="the derivative 'max"):
        Claim("bptt", "lif", losses={"given": loss, "derivative": lambda o, y: np.maximum(o - y, 0)})


def test_functions_in_a_file_are_run_where_that_was_said_and_need_no_file_afterwards(tmp_path):
    (tmp_path / "mine.py").write_text("def f(o, y):\n    return (o - y)**2\ndef g(o, y):\n    return 2 * (o - y)\n")
    (tmp_path / "claim.toml").write_text(GIVEN)
    with pytest.raises(GradcertError, match="nobody has said that it may be run"):
        read_claim(tmp_path / "claim.toml")
    assert files_of({"cells": ["lif"], "losses": {"given": "mine.py:f", "derivative": "other.py:g"}}) == [
        "mine.py",
        "other.py",
    ]
    claim = read_claim(tmp_path / "claim.toml", run=True)
    (tmp_path / "mine.py").unlink()
    assert from_dict(claim.to_dict()) == claim and files_of(claim.to_dict()) == []


def test_cases_of_different_formulas_have_names_of_their_own():
    claim = Claim("bptt", "rnn", losses=[FORMULA, {**FORMULA, "c": 8}], when="every", depths=1)
    names = [spec.id for spec in plan(claim, "quick")]
    assert len(set(names)) == 2 and all(name.startswith("rnn/1/own-") and "{" not in name for name in names)


def test_hidden_layers_have_losses_of_their_own_where_the_rule_has_such():
    local = [{"kind": "cross_entropy", "strength": 0.5}, {"kind": "{(o - y)^4}", "layers": [1]}]
    claim = Claim("decolle", "lif", (3,), local=local)
    assert from_dict(json.loads(json.dumps(claim.to_dict()))) == claim
    said = "in hidden layers the loss cross_entropy strength 0.5, in hidden layers the loss {(o - y)^4} layers 1"
    assert said in str(claim)
    assert said.replace("in hidden layers the loss", "auxiliary loss in hidden layers") in str(
        replace(claim, rule="bptt")
    )
    assert parts({"rule": "decolle", "local": ("cross_entropy:strength=0.5", "{o; given=a:b}:layers=[1]")})[
        "local"
    ] == [
        {"kind": "cross_entropy", "strength": 0.5},
        {"kind": "{o; given=a:b}", "layers": [1]},
    ]
    for wrong, says in (
        ({"rule": "bptt", "depths": (3,), "acceptance": "bounded"}, "auxiliary losses, and a bounded claim"),
        ({"rule": "bptt", "depths": (3,), "local": {"strength": -1}}, "an auxiliary loss of strength -1"),
        ({"rule": "otpe", "depths": (3,)}, "otpe with local losses"),
        ({"rule": "decolle", "depths": (1, 2)}, "of 0 hidden ones"),
        ({"rule": "decolle", "depths": (2,)}, r"in layers \[1\], of 1 hidden ones"),
    ):
        with pytest.raises(GradcertError, match=says):
            Claim(cells="lif", **{"local": local, **wrong})
    with pytest.raises(GradcertError, match=r"allowed: .*strength"):
        Claim("decolle", "lif", (3,), local={"form": "squared_error"})
    assert Claim("decolle", "lif", (1,), readout="rnn", local=local[0]).local == (local[0],)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"c": 4}, "allowed: a name"),
        ("hinge", "losses: 'hinge'"),
        (lambda o, y: o if o > 0 else y, "a branch on a value"),
        ({"given": 3}, "a function of outputs and targets"),
        ({"formula": "(o - y)^2 / c", "c": "4"}, "c of the loss"),
    ],
)
def test_what_is_no_loss_is_refused_in_the_claim(value, says):
    with pytest.raises(GradcertError, match=says):
        Claim("bptt", "lif", losses=value)
