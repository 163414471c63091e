"""A cause that holds in the cases of one loss, or of one moment, is told of these; and it is right in all others."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.campaign import certify, where, within
from gradcert.certify.claims import Claim
from gradcert.certify.diagnosis import Evidence
from gradcert.certify.problems import generate, plan
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

CLAIM = Claim(rule="bptt", cells="rnn", depths=1)


def right(problem):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"])


def without_its_half(problem):
    return {k: g * (2 if problem.network.loss.kind == "squared_error" else 1) for k, g in right(problem).items()}


def mean_over_time(problem):
    steps = len(problem.inputs) if problem.network.loss.when == "every" else 1
    return {k: g / steps for k, g in right(problem).items()}


def both(problem):
    """A mean over time of a squared error alone."""
    return mean_over_time(problem) if problem.network.loss.kind == "squared_error" else right(problem)


@pytest.mark.long(keep=1)
@pytest.mark.parametrize(
    ("subject", "place", "there"),
    [
        (without_its_half, "loss: squared_error", "times 2, as of a squared error without its 1/2"),
        (mean_over_time, "loss of: every", "divided by T, as of a mean over time"),
        (both, "loss: squared_error, loss of: every", "divided by T, as of a mean over time"),
    ],
)
def test_what_it_is_there_is_told_where_it_is_wrong(subject, place, there):
    found = certify(subject, claim=CLAIM).reason
    assert found.startswith("gradient: right on ")
    assert f" where {place} (" in found and found.endswith(f"; there it equals bptt {there}")


@pytest.mark.long
def test_exactly_is_said_of_no_level_that_some_case_passes_with():
    assert "wrong only where loss of: every" in certify(mean_over_time, claim=CLAIM).reason  # in one step it is right
    assert "wrong exactly where loss: squared_error" in certify(without_its_half, claim=CLAIM).reason


def test_nothing_is_told_of_a_place_where_one_case_is_otherwise():
    """In one of the two kinds of cases that are wrong there, something else is wrong."""

    def subject(problem):
        factor = 2 if len(problem.inputs) % 2 else 1 + 1e-3 * float(np.sum(problem.inputs))
        wrong = problem.network.loss.kind == "squared_error"
        return {k: g * (factor if wrong else 1) for k, g in right(problem).items()}

    assert "there it" not in certify(subject, claim=CLAIM).reason


def test_a_case_is_inside_that_meets_one_level_of_each_axis():
    texts = ("loss: squared_error", "targets: any sum", "targets: soft")
    assert within.inside({"loss: squared_error", "targets: soft"}, texts)
    assert not within.inside({"loss: squared_error"}, texts)
    assert not within.inside({"targets: soft"}, texts)


def test_what_is_kept_for_fresh_problems_is_of_that_place_and_of_the_others_being_right():
    cases = [case for spec in plan(CLAIM, "quick") if (case := generate(spec, CLAIM)) is not None]
    held = []

    def holds(evidence):
        held.append({where.of_case(e.case) >= {"loss: squared_error"} for e in evidence})
        return True

    def given(subject):
        return [Evidence(case, subject(case.problem)) for case in cases]

    assert within._holds(holds, ("loss: squared_error",), given(without_its_half)) and held == [{True}]
    everywhere = [replace(e, given={k: 2 * g for k, g in e.given.items()}) for e in given(right)]
    assert not within._holds(holds, ("loss: squared_error",), everywhere)
