"""Pseudo-derivatives of a claim: formulas, amplitudes, functions that are taken as given and say so."""

import json

import numpy as np
import pytest

from gradcert.certify.claims import Claim, files_of, from_dict, read_claim, sentence
from gradcert.reference import GradcertError

GIVEN = """
rule = "bptt"
cells = ["lif"]
[options]
surrogate = { given = "mine.py:psi" }
"""


def test_a_formula_comes_back_from_json_and_is_on_the_claim_line():
    options = {"surrogate": [{"formula": "h / (1 + (pi x)^2)", "h": 0.3}, {"name": "atan", "amplitude": 0.5}]}
    claim = Claim(rule="bptt", cells="lif", options=options)
    assert from_dict(json.loads(json.dumps(claim.to_dict()))) == claim
    assert "surrogate h / (1 + (pi x)^2)(h=0.3) or atan(amplitude=0.5)" in str(claim)


def test_a_function_is_taken_as_given_and_said():
    claim = Claim(rule="bptt", cells="lif", readout="lif", readout_options={"surrogate": lambda x: np.exp(-x * x)})
    assert claim.readout_options["surrogate"]["formula"] == "exp(-x * x)"
    assert "exp(-x * x), taken as given from " in str(claim)
    assert sentence(json.loads(json.dumps(claim.to_dict()))) == str(claim)


def test_a_function_in_a_file_is_run_where_that_was_said_and_needs_no_file_afterwards(tmp_path):
    (tmp_path / "mine.py").write_text("import beside\ndef psi(x):\n    return beside.H / (1 + x * x)\n")
    (tmp_path / "beside.py").write_text("H = 0.25\n")
    (tmp_path / "claim.toml").write_text(GIVEN)
    with pytest.raises(GradcertError, match="nobody has said that it may be run"):
        read_claim(tmp_path / "claim.toml")
    spec = {"rule": "bptt", "cells": ["lif"], "options": {"surrogate": {"given": "mine.py:psi"}}}
    assert files_of(spec) == ["mine.py"]
    claim = read_claim(tmp_path / "claim.toml", run=True)
    assert claim.options["surrogate"]["formula"] == "0.25 / (1 + x * x)"
    (tmp_path / "mine.py").unlink()
    assert from_dict(claim.to_dict()) == claim and files_of(claim.to_dict()) == []


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"formula": "slope x"}, "slope in the formula"),
        ({"name": "atan", "slope": 1.0}, "no scale 'slope'"),
        ({"scale": 1.0}, "allowed: .*formula"),
        (lambda x: x if x > 0 else 0, "a branch on a value"),
    ],
)
def test_what_is_no_pseudo_derivative_is_refused_in_the_claim(value, says):
    with pytest.raises(GradcertError, match=says):
        Claim(rule="bptt", cells="lif", options={"surrogate": value})
