"""Whatever is asked is judged: prefixes, smaller problems, repeats; and where a subject is wrong is said."""

import os
import re

import numpy as np
import pytest

from gradcert.certify.campaign import certify
from gradcert.certify.claims import Claim
from gradcert.certify.judging import controls
from gradcert.reference import RULES
from gradcert.reference.engines import reverse


def right(problem, rule="bptt"):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES[rule])


def ones_for_an_odd_length(problem):
    found = right(problem)
    return {k: np.ones_like(g) for k, g in found.items()} if len(problem.inputs) % 2 else found


def dies_of_three_steps(problem):
    if len(problem.inputs) == 3:
        os._exit(7)
    return right(problem)


def raises_without_weights(problem):
    if not problem.parameters["layers.0.W"].any():
        raise ValueError("no weights")
    return {k: 2 * g for k, g in right(problem).items()}


def doubled(problem):
    return {k: 2 * g for k, g in right(problem).items()}


@pytest.mark.long
def test_nothing_is_refuted_by_a_reference_whose_engines_disagree(monkeypatch):
    """What both engines do not agree on is no ground for a verdict, nor are its first steps; a case beside it is."""
    options = {"rule": "bptt", "cells": "rnn", "depths": 1, "profile": "quick"}
    assert certify(doubled, **options).verdict == "refuted"
    monkeypatch.setattr(controls, "reference_passes", lambda case: False)
    found = certify(doubled, **options)
    assert found.verdict == "inconclusive" and found.findings
    assert "the reference, run in float64, leaves its own budget" in found.reason
    monkeypatch.setattr(controls, "reference_passes", lambda case: "bounded" in case.id)
    assert certify(doubled, **options).verdict == "refuted"


def test_a_wrong_prefix_is_a_finding():
    # the cases of the quick profile have an even length: the prefixes alone are odd
    found = certify(ones_for_an_odd_length, rule="bptt", cells="rnn", depths=1, profile="quick")
    assert found.verdict == "refuted" and all(c.verdict == "passed" for c in found.cases)
    assert found.findings[0].check == "gradient" and re.match(
        r"given the first [135] steps: ", found.findings[0].reason
    )


def test_a_process_that_dies_of_a_prefix_is_a_finding():
    found = certify(dies_of_three_steps, rule="bptt", cells="rnn", depths=1, profile="quick")
    assert found.verdict == "refuted" and found.findings[0].check == "call"
    assert "given the first 3 steps: the process ended: exit status 7" in found.reason


def test_an_error_in_a_smaller_problem_is_a_finding_of_its_own():
    claim = Claim("bptt", "rnn", depths=1, losses="squared_error", when="every")
    found = certify(raises_without_weights, claim=claim)
    assert [f.check for f in found.findings] == ["gradient", "call"]
    assert "asked for a smaller problem: it raised ValueError: no weights" in found.findings[1].reason


@pytest.mark.parametrize("ruled_out", [False, True])
def test_a_level_is_asked_for_unless_the_claim_rules_it_out(ruled_out):
    def hard(problem):
        if problem.network.loss.kind != "cross_entropy":
            return right(problem)
        hot = np.eye(problem.targets.shape[2])[problem.targets.argmax(axis=-1)]
        soft = (problem.targets.max(axis=-1, keepdims=True) < 1) & (problem.targets.sum(axis=-1, keepdims=True) == 1)
        targets = np.where(soft, hot, problem.targets)
        return reverse.gradients(problem.network, problem.parameters, problem.inputs, targets, rule=RULES["bptt"])

    claim = Claim("bptt", "rnn", depths=1, without={"targets": ["soft"]} if ruled_out else {})
    found = certify(hard, claim=claim)
    levels = found.circumstances["levels"]["targets"]
    if ruled_out:
        assert found.verdict == "certified" and levels["soft"] == "the claim says so"
    else:
        assert found.verdict == "refuted" and levels["soft"] == "met"
        assert "wrong exactly where targets: soft" in found.reason


@pytest.mark.long
def test_a_certificate_says_where_the_judge_has_been():
    found = certify(right, rule="bptt", cells="lif", depths=(1, 2))
    assert found.verdict == "certified"
    record = found.circumstances
    assert record["largest"]["T"] >= 100 and record["largest"]["B"] == 3 and [2, 10] in record["largest"]["sizes"]
    assert record["calls"] > 150
    missed = [(a, v) for a, names in record["levels"].items() for v, what in names.items() if what == "not met"]
    assert missed == []
    assert 0 < record["pairs"]["met"] < record["pairs"]["of"]
    from gradcert.certify.certificates.certificate import from_dict
    from gradcert.certify.report import html

    assert from_dict(found.to_dict()).circumstances == found.to_dict()["circumstances"]
    page = html.write(found)
    assert "Circumstances" in page and "<strong>hundreds</strong>" in page and "The longest sequence had" in page
