"""Budgets under layer normalisation in float32: they see 4 % in one recurrent layer, and right programs pass."""

import numpy as np
import pytest

from gradcert.certify import certify
from gradcert.certify.claims import Claim
from gradcert.certify.problems import generate, plan
from gradcert.reference import RULES, forward
from gradcert.reference.numbers import Floats

CLAIM = Claim("bptt", "rnn", 1, dtype="float32", options={"normalised": True})


@pytest.mark.parametrize("seed", range(2))
def test_four_percent_of_any_parameter_is_out_of_its_budget(seed):
    """With weights from below of the usual size the largest budget here is 30 % of its gradient, at seed 0."""
    for spec in plan(CLAIM, "quick"):
        found = generate(spec, CLAIM, seed=seed).expected.gradients
        assert max(np.linalg.norm(b.budget) / np.linalg.norm(b.value) for b in found.values()) < 0.04


@pytest.mark.long
def test_the_forward_engine_in_float32_is_certified():
    def gradients(problem):
        p = problem
        return forward.gradients(
            p.network, p.parameters, p.inputs, p.targets, rule=RULES["bptt"], numbers=Floats("float32")
        )

    found = certify(gradients, claim=Claim("bptt", ("rnn", "gru"), 1, dtype="float32",
                                           options={"normalised": True}), profile="quick")  # fmt: skip
    assert found.verdict == "certified", found.reason
