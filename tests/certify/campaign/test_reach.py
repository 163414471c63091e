"""The subject's own code is a circumstance: what never ran is said, and problems are tried that reach it."""

import pytest

from gradcert.certify.campaign import certify

SOURCE = """
from gradcert.reference import RULES
from gradcert.reference.engines import reverse


def helper():
    return 1


def gradients(problem):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    found = reverse.gradients(*given, rule=RULES["bptt"])
    if problem.inputs.shape[TAKEN] == 23:
        found = {name: 2 * g for name, g in found.items()}
    if problem.dtype not in ("float64", "float32"):
        raise ValueError(problem.dtype)
    return found
"""


@pytest.fixture
def rule(tmp_path):
    def made(taken):
        path = tmp_path / f"rule{taken}.py"
        path.write_text(SOURCE.replace("TAKEN", taken))
        return f"{path}:gradients"

    return made


@pytest.mark.long
def test_a_branch_of_a_number_of_steps_is_reached_and_refuted(rule):
    found = certify(rule("0"), rule="bptt", cells="rnn", depths=1)
    assert found.verdict == "refuted"
    (case,) = (c for c in found.cases if c.verdict == "failed")
    assert case.facts["T"] == 23
    (file,) = found.circumstances["code"]["files"]
    assert file["lines"] == [[16, 16]] and file["functions"] == ["helper"]
    assert [15, "never true"] in file["conditions"] and [13, "never false"] not in file["conditions"]


INLINE = ("found = {k: 2 * g for k, g in found.items()} if n == 23 else found",
          "if n == 23: found = {k: 2 * g for k, g in found.items()}",
          "found = {k: (n != 23 and 1) * g for k, g in found.items()}")  # fmt: skip


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("line", INLINE)
def test_a_condition_inside_a_line_is_reached_too_and_a_journal_forgets_nothing(tmp_path, line):
    path = tmp_path / "rule.py"
    text = SOURCE.replace("    if problem.inputs.shape[TAKEN] == 23:\n", f"    n = len(problem.inputs)\n    {line}\n")
    path.write_text(text.replace("        found = {name: 2 * g for name, g in found.items()}\n", ""))
    claim = {"rule": "bptt", "cells": "rnn", "depths": 1, "resume": tmp_path / "journal.jsonl"}
    found = [certify(f"{path}:gradients", **claim) for _ in range(3)]
    assert [f.verdict for f in found] == ["refuted"] * 3
    assert found[1].resumed == len(found[1].cases) == len(found[0].cases)
    assert [f.circumstances["code"] for f in found[1:]] == [found[0].circumstances["code"]] * 2


def test_what_stays_out_of_reach_is_on_the_certificate(rule):
    found = certify(rule("2"), rule="bptt", cells="rnn", depths=1, profile="quick")  # quick tries nothing further
    assert found.verdict == "certified"
    (file,) = found.circumstances["code"]["files"]
    assert file["lines"] == [[14, 14], [16, 16]]
    assert [13, "never true"] in file["conditions"]
    from gradcert.certify.report import circumstances

    said = circumstances.code(found.circumstances["code"])
    assert said == [
        "rule2.py: lines 14, 16 never ran; line 13 was never true; line 15 was never true; never called: helper"
    ]
