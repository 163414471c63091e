"""The forms of what a certificate's readers print: the counterexample, the claim, the names of cases, the repair."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from gradcert.certify.certificates.certificate import from_dict
from gradcert.certify.certificates.schema import validated
from gradcert.certify.certificates.shapes import check_shapes
from gradcert.certify.claims import Claim, sentence
from gradcert.certify.report import html, junit
from gradcert.certify.report.counterexample import lines
from gradcert.reference import GradcertError, Layer, Loss, Network, Problem, Snu
from gradcert.reference.networks import Activity
from gradcert.reference.numbers import Surrogate

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = ({}, {"name": 1}, [[None]], "x", None)


def problem(**optional):
    """A problem of two layers, with every part that may be printed."""
    cell = Snu(surrogate=Surrogate("triangle", scale=0.5), leak=(0.5, 0.75), train=("threshold",))
    terms = (Activity(kind="rate", target=0.5, layers=(0,)),)
    network = Network((Layer(cell, 1, 2), Layer(Snu(), 2, 1)), Loss(when="first", level=0.25, activity=terms))
    return Problem(network, network.parameters(), np.ones((2, 1, 1)), np.zeros((2, 1, 1)), **optional).to_dict()


def counterexample():
    size = {"widths": [1, 2, 1], "steps": 2, "batch": 1}
    array = {"name": "layers.0.b", "given": [1.0, "inf"], "reference": [1.0, 0.0], "budget": [0.0, 0.0]}
    data = {"weights": np.ones((2, 1)), "begins": np.zeros((2, 1), dtype=bool), "initial": {"layers.0.v": np.ones(2)}}
    return {
        "case": "snu/2/x",
        "check": "gradient",
        "rule": "bptt",
        "asked": 1,
        "complete": True,
        "alone": True,
        "was": size,
        "size": size,
        "problem": problem(feedback={"B": np.ones((2, 1))}, **data),
        "arrays": [{**array, "ok": [True, False]}],
        "file": "a.json",
        "replay": "gradcert replay a.json",
    }


def changed(record, path, value):
    """A record with one entry replaced; a path ends in the name of an entry."""
    found = copy.deepcopy(record)
    holder = found
    *before, last = path
    for key in before:
        holder = holder[key]
    holder[last] = value
    return found


def fits(record, part):
    return validated(record, "certificate", "the part", part=part)


def refused(record, part):
    with pytest.raises(GradcertError, match="the part does not fit"):
        fits(record, part)


def test_a_counterexample_of_ours_fits_and_is_printed():
    found = counterexample()
    assert fits(found, "counterexample") == found
    shown = "\n".join(lines(found))
    assert "triangle(scale=0.5, width=1)" in shown and "activity rate" in shown and "level 0.25" in shown


@pytest.mark.parametrize(
    "path",
    [
        ("network",),
        ("network", "layers"),
        ("network", "layers", 0),
        ("network", "layers", 0, "cell"),
        ("network", "layers", 0, "units"),
        ("network", "layers", 0, "options"),
        ("network", "layers", 0, "options", "surrogate", "scale"),
        ("network", "layers", 0, "options", "train"),
        ("network", "loss"),
        ("network", "loss", "kind"),
        ("network", "loss", "when"),
        ("network", "loss", "level"),
        ("network", "loss", "activity"),
        ("network", "loss", "activity", 0),
        ("network", "loss", "activity", 0, "kind"),
        ("network", "loss", "activity", 0, "strength"),
        ("parameters",),
        ("parameters", "layers.0.W"),
        ("parameters", "layers.0.W", 0, 0),
        ("inputs",),
        ("inputs", 0, 0, 0),
        ("targets",),
        ("feedback",),
        ("feedback", "B"),
        ("initial", "layers.0.v"),
        ("weights",),
        ("begins",),
    ],
    ids=lambda path: ".".join(map(str, path)),
)
def test_a_counterexample_that_no_report_could_print_is_refused_and_every_other_is_printed(path):
    found, hostile = counterexample(), 0
    for value in HOSTILE:
        record = changed(found, ("problem", *path), value)
        try:
            fits(record, "counterexample")
        except GradcertError:
            hostile += 1
        else:
            check_shapes({"counterexample": record, "figures": {"steps": []}})
            assert lines(record)
    assert hostile >= 2


def test_sequences_have_three_axes():
    for name in ("inputs", "targets"):
        for value in ([], [1.0], [[1.0]], [[]], [[[]]], [[[[1.0]]]]):
            refused(changed(counterexample(), ("problem", name), value), "counterexample")
    record = counterexample()
    record["problem"]["masks"] = {"output": [[1.0]]}
    refused(record, "counterexample")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("arrays", 0, "given"), [1.0]),
        (("arrays", 0, "ok"), [[True], True]),
        (("problem", "inputs"), [[[1.0]], [[1.0], [2.0]]]),
        (("problem", "masks"), {"output": [[[1.0], [1.0, 2.0]]]}),
    ],
    ids=repr,
)
def test_arrays_that_are_shown_side_by_side_have_one_shape(path, value):
    figures = {"steps": []}
    check_shapes({"counterexample": counterexample(), "figures": figures})
    record = changed(counterexample(), path, value)
    fits(record, "counterexample")
    with pytest.raises(GradcertError, match="the certificate does not fit"):
        check_shapes({"counterexample": record, "figures": figures})


def test_all_arrays_ragged_is_not_alike():
    record, ragged = counterexample(), [[1.0], 2.0]
    record["arrays"][0] |= dict.fromkeys(("given", "reference", "budget", "ok"), ragged)
    with pytest.raises(GradcertError, match="differ in shape"):
        check_shapes({"counterexample": record, "figures": {"steps": []}})


def test_parameters_that_are_not_those_of_the_network_are_shown_as_they_are():
    record = counterexample()
    moved = record["problem"]["parameters"].pop("layers.0.W")
    record["problem"]["parameters"]["another"] = moved
    shown = "\n".join(lines(record))
    assert "another" in shown and "layers.0.W" not in shown and "layers.1.W" in shown


CLAIM = Claim(
    rule="bptt",
    cells="snu",
    options={"surrogate": [{"name": "triangle", "scale": 0.5}, "atan"], "train": ["leak"], "leak": [0.5, 0.75]},
    readout="integrator",
    losses="bernoulli",
    when="first",
    time="mean",
    outputs="mean",
    node="a",
    level=0.5,
    activity=({"kind": "rate", "target": 0.5},),
    initial="given",
    weights=True,
    masks="output",
    sizes=(1, 2, 1),
    depths=1,
    T=3,
    without={"B": ["1"]},
)


def test_a_claim_of_ours_fits():
    for claim in (
        CLAIM,
        Claim(rule="bptt", cells="rnn"),
        Claim(rule="bptt", cells="rnn", acceptance="bounded", within={"error": 0.2}),
        Claim(rule="bptt", cells="rnn", acceptance="aligned", within={"cosine": 0.5, "signs": 0.6, "ratio": [0.1, 10]}),
    ):
        record = json.loads(json.dumps(claim.to_dict()))
        assert fits(record, "claim") == record and sentence(record) == str(claim)


@pytest.mark.parametrize("name", ["losses", "when", "time", "batch", "outputs", "level", "activity", "cells", "depths"])
@pytest.mark.parametrize("value", [*HOSTILE, 1, [1], [{}], [["x"]]], ids=repr)
def test_a_loss_in_another_form_is_refused_or_said(name, value):
    record = {**json.loads(json.dumps(CLAIM.to_dict())), name: value}
    try:
        fits(record, "claim")
    except GradcertError:
        return
    assert isinstance(sentence(record), str)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("losses", "bernoulli"),
        ("losses", []),
        ("losses", [None]),
        ("when", {"every": 1}),
        ("when", [["every"]]),
        ("time", ["mean"]),
        ("batch", {}),
        ("outputs", 1),
        ("level", "inf"),
        ("level", {}),
        ("activity", {"kind": "rate"}),
        ("activity", [1]),
        ("activity", [{"kind": {}}]),
        ("activity", [{"kind": 1}]),
        ("masks", "output"),
        ("masks", [1]),
        ("sizes", 1),
        ("initial_nodes", [1]),
        ("without", {"B": [1]}),
        ("without", {"B": 1}),
        ("within", 1),
        ("options", []),
        ("readout_options", 1),
    ],
    ids=repr,
)
def test_parts_of_a_claim_have_a_form(name, value):
    refused({**json.loads(json.dumps(CLAIM.to_dict())), name: value}, "claim")


CASE = {
    "id": "snu/1/squared_error-every/dyadic/0",
    "family": "dyadic",
    "exact": True,
    "verdict": "passed",
    "worst": None,
    "budget": "inf",
    "facts": {},
    "digest": "",
    "parameters": {},
}


def test_names_of_cases_have_a_cell_and_a_depth():
    assert fits(CASE, "case") == CASE
    for name in ("", "snu", "inf", 1, None, ["snu/1"]):
        refused({**CASE, "id": name}, "case")


def test_words_that_are_numbers_elsewhere_stay_words():
    record = json.loads((ROOT / "docs" / "certificates" / "jax_rnn-gradients-bptt.json").read_bytes())
    record["cases"][0] |= {"family": "inf", "worst": "inf"}
    record["checks"] = [{"id": "online/x", "verdict": "failed", "what": "nan", "facts": {"most": "nan"}}]
    found = from_dict(record)
    assert found.cases[0].family == "inf" and found.cases[0].worst == float("inf")
    assert found.checks[0].what == "nan" and found.checks[0].facts["most"] != found.checks[0].facts["most"]
    assert html.write(found) and junit.write(found)


def test_steps_have_an_error_each():
    entry = {"worst": 1.0, "error": 0.0}
    steps = {"case": "rnn/1", "steps": 2, "parameters": {"layers.0.b": [None, entry]}}
    check_shapes({"figures": {"steps": [steps]}})
    for length in (1, 3, 2.0**60):
        with pytest.raises(GradcertError, match="one a step"):
            check_shapes({"figures": {"steps": [{**steps, "steps": length}]}})


def test_a_number_of_steps_may_be_written_as_a_float():
    record = json.loads((ROOT / "docs" / "certificates" / "jax_rnn-gradients-bptt.json").read_bytes())
    steps = record["figures"]["steps"][0]
    steps["steps"] = float(steps["steps"])  # 6.0, which a schema takes for an integer
    assert f"errors by time step of {steps['case']}" in html.write(from_dict(record))


LOOKED = {"looked": True, "tried": 3, "seconds": 0.5, "files": ["rule.py"]}
EDIT = {"file": "rule.py", "line": 1, "before": "a", "after": "b", "operator": "operand"}
DONE = {"again": 1, "cases": 2, "seed": 1, "profile": "default", "identity": "0" * 64}


def test_a_repair_says_how_it_was_certified_or_why_there_is_none():
    for record in (
        LOOKED,
        {"looked": False, "why": "a program"},
        {"looked": True, "ended": "its process ended"},
        {**LOOKED, "ended": "its process ended"},
        {**LOOKED, "edits": [EDIT], "certified": DONE},
        {**LOOKED, "edits": [EDIT], "certified": DONE, "cause": True, "compared": 5},
    ):
        assert fits(record, "repair") == record
    for record in (
        {"looked": True},
        {"looked": True, "tried": 3},
        {"looked": True, "ended": 1},
        {**LOOKED, "edits": [EDIT]},
        {**LOOKED, "edits": [EDIT], "certified": DONE, "cause": True},
    ):
        refused(record, "repair")
