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
