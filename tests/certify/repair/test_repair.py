"""From a refuted file to the line that is shown: certified, the same everywhere, and the file is as it was."""

import io
import json
import os
import re
import xml.etree.ElementTree as ElementTree
from html import unescape

import pytest
from rich.console import Console

from gradcert.certify.campaign import certify, repaired
from gradcert.certify.certificates import differences, seal
from gradcert.certify.certificates.certificate import from_dict
from gradcert.certify.certificates.compare import UNREPEATED
from gradcert.certify.repair import details, line, told
from gradcert.certify.repair.record import repair
from gradcert.certify.report import html, junit, terminal, text
from gradcert.reference import GradcertError

SUBJECT = """
import numpy as np
import gradcert

from slopes import slope


@gradcert.claim(rule="bptt", cells="rnn", depths=1, losses="squared_error", when="every",
                options={"activation": "tanh", "recurrent": True, "bias": True})
def gradients(problem):
    p, x, y = problem.parameters, problem.inputs, problem.targets
    w, h, b = p["layers.0.W"], p["layers.0.H"], p["layers.0.b"]
    z = [np.zeros((x.shape[1], len(b)))]
    for t in range(len(x)):
        z.append(np.tanh(x[t] @ w.T + z[-1] @ h.T + b))
    grads = {name: np.zeros_like(value) for name, value in p.items()}
    credit = np.zeros_like(z[0])
    for t in reversed(range(len(x))):
        da = (z[t + 1] - y[t] + credit) * slope(z[t + 1])
        grads["layers.0.W"] += da.T @ x[t]
        grads["layers.0.H"] += da.T @ z[t + 1]  # the state of the step itself
        grads["layers.0.b"] += da.sum(axis=0)
        credit = da @ h
    return grads
"""
SLOPES = "def slope(z):\n    return 1 - z * z\n"
SAID = '`rule.py:21`  `grads["layers.0.H"] += da.T @ z[t + 1]`  ->  `grads["layers.0.H"] += da.T @ z[t]`  makes it bptt'


def written(folder, rule=SUBJECT, slopes=SLOPES):
    (folder / "rule.py").write_text(rule)
    (folder / "slopes.py").write_text(slopes)
    return f"{folder}/rule.py:gradients"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrong")
    found = certify(written(folder), profile="quick", repair=10)
    assert (folder / "rule.py").read_text() == SUBJECT and (folder / "slopes.py").read_text() == SLOPES
    return found


def test_the_line_is_named_and_certified(certificate):
    assert certificate.verdict == "refuted" and told(certificate) == SAID
    done = certificate.repair["certified"]
    assert done["seed"] == 1 and done["cases"] >= 1 and certificate.repair["files"] == ["rule.py", "slopes.py"]
    assert certificate.repair["cause"] is True  # the cause that is named is what the file computes on fresh problems


def test_the_same_line_stands_everywhere(certificate):
    console = Console(width=400, record=True, file=io.StringIO())
    terminal.write(certificate, console)
    assert f"repair: {SAID}" in console.export_text()
    shown = re.sub(r"</?code[^>]*>", "`", html.write(certificate))  # what is code is marked so
    assert re.sub(r"\s+", " ", SAID) in re.sub(r"\s+", " ", unescape(shown))
    root = ElementTree.fromstring(junit.write(certificate))
    assert root.find(".//property[@name='repair']").get("value") == SAID
    assert f"repair: {SAID}" in root.find(".//failure").text
    assert f"repair: {SAID}" in text(certificate.findings[0], repair=told(certificate))
    assert from_dict(json.loads(json.dumps(certificate.to_dict()))).repair == certificate.repair
    assert not seal.faults(seal.write(certificate))


def test_a_run_that_is_done_again_need_not_find_it(certificate):
    record = certificate.to_dict()
    without = {k: v for k, v in record.items() if k != "repair"}
    assert differences(record, without, but=UNREPEATED) == []
    assert [d.where for d in differences(record, without)] != []


@pytest.mark.long
def test_a_repair_may_be_in_a_module_beside(tmp_path):
    name = written(tmp_path, SUBJECT.replace("da.T @ z[t + 1]", "da.T @ z[t]"), SLOPES.replace("1 - z", "1 + z"))
    found = certify(name, profile="quick", repair=10)
    assert told(found) == "`slopes.py:2`  `return 1 + z * z`  ->  `return 1 - z * z`  makes it bptt"


def test_what_is_not_certified_is_not_offered(tmp_path, monkeypatch):
    monkeypatch.setattr(repaired, "_again", lambda *_: None)
    found = certify(written(tmp_path), profile="quick", repair=0.5).repair
    assert found["looked"] and "edits" not in found
    assert line(found, "bptt").startswith(f"no repair found among {found['tried']} edits of rule.py, slopes.py")
    assert line({**found, "processor": 20.4, "seconds": 25.1}, "bptt").endswith(" in 20 s of processor time")
    assert details(found) == []


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        (lambda problem: dict(problem.parameters), "it was made while this program ran, and is not loaded from a file"),
        (["cat"], "a program in another language, or answers from a file"),
    ],
)
def test_without_a_source_the_reason_is_said(subject, why):
    options = {"rule": "bptt", "cells": "rnn", "depths": 1}
    found = certify(subject, profile="quick", repair=2, **options)
    assert told(found) == f"no repair was looked for: {why}"


def test_hunks_from_a_stranger_are_not_believed(tmp_path):
    file = tmp_path / "a.py"
    file.write_text("x = 1\n")
    hunk = {"path": str(file), "first": 1, "last": 1, "lines": ["x = 2"], "at": 1, "to": 1}
    found = repair([{**hunk, "operator": "constant", "before": "anything"}])  # what is shown is read in the file
    assert found.texts == {str(file.resolve()): "x = 2\n"} and found.edits[0]["before"] == "x = 1"
    os.mkfifo(tmp_path / "pipe.py")  # which would be read for ever
    for wrong in (
        {"first": 7},
        {"first": float("inf")},
        {"at": 0},
        {"at": 2},
        {"to": 0},
        {"to": 9},
        {"path": "/etc/passwd"},
        {"path": str(tmp_path / "pipe.py")},
        {"lines": 3},
        {"last": "many"},
        {"path": str(tmp_path)},
    ):
        assert repair([{**hunk, "operator": "constant", **wrong}]) is None


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_repair_takes_a_number_of_seconds(seconds):
    with pytest.raises(GradcertError, match="a number of seconds"):
        certify(lambda problem: {}, rule="bptt", cells="rnn", profile="quick", repair=seconds)


def shown(path, *hunks):
    told = [
        {"path": str(path), "first": a, "last": b, "lines": new, "at": a, "to": b, "operator": f"e{n}"}
        for n, (a, b, new) in enumerate(hunks)
    ]
    return [(e["line"], e["before"], e["after"], e["operator"]) for e in repair(told).edits]


def test_every_edit_is_numbered_as_in_the_file(tmp_path):
    """The second edit is one of the text after the first; where they meet, one is shown."""
    file = tmp_path / "a.py"
    file.write_text("\n".join("abcdef"))
    added, dropped = (2, 1, ["new"]), (3, 3, [])
    assert shown(file, added, (5, 5, ["D"])) == [(2, "", "new", "e0"), (4, "d", "D", "e1")]
    assert shown(file, dropped, (4, 4, ["E"])) == [(3, "c", "", "e0"), (5, "e", "E", "e1")]
    assert shown(file, (5, 5, ["E", "e"]), (1, 1, ["A"])) == [(5, "e", "E; e", "e0"), (1, "a", "A", "e1")]
    assert shown(file, (2, 3, ["B"]), (2, 2, ["BB", "b"])) == [(2, "b; c", "BB; b", "e0 and e1")]
    assert shown(file, (2, 2, ["B", "b"]), (3, 3, ["bb"])) == [(2, "b", "B; bb", "e0 and e1")]


def test_a_search_that_ends_before_its_time_is_not_one_that_nobody_made():
    assert line({"looked": True, "ended": "its process ended"}, "bptt") == (
        "no repair found: the search ended early, its process ended"
    )


def test_one_case_is_one_case():
    certified = {"again": 1, "cases": 2, "seed": 1, "profile": "quick"}
    done = {"edits": [{"file": "pack/a.py"}], "files": ["a.py"], "certified": certified}
    said, beside = details(done)
    assert beside == "what else uses pack/a.py was not tried with it"  # the file may hold another's helper too
    assert said.startswith("certified with it: 1 case of this run, 2 fresh cases (seed 1, profile quick);")
    assert "(seed 1, profile quick), at depth 1 and 2; no" in details(done, {"depths": [1, 2]})[0]
    assert details(done, {"depths": [1], "layers": [{"cell": "lif"}]}) == [said, beside]
    shared = {"edits": [{"file": "b.py"}, {"file": "b.py"}, {"file": "a.py"}]}
    assert details(done | shared)[1] == "what else uses a.py, b.py was not tried with it"
