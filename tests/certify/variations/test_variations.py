"""Lines of published algorithms done otherwise: every algorithm has some, and each of them makes a difference."""

import numpy as np
import pytest

from gradcert.certify.claims import Claim
from gradcert.certify.problems import generate, plan
from gradcert.certify.variations import VARIATIONS, posed
from gradcert.reference.published import KINDS, algorithm

SETTINGS = {"uoro": {"normalisers": [1.0, 0.5]}, "kf-rtrl": {"normalisers": [1.0, 0.5]}, "sltt-k": {"k": 2}}
LIF = {"cells": "lif", "readout": "rnn", "losses": "squared_error", "when": "every"}


def test_every_algorithm_has_variations():
    assert set(VARIATIONS) == set(KINDS)


@pytest.mark.long(keep=3)
@pytest.mark.parametrize("name", VARIATIONS)
def test_each_differs_from_the_algorithm_on_a_case_and_is_refuted(name):
    claim = Claim(
        name, **LIF, depths=2, settings=SETTINGS.get(name, {"form": "code", "parts": 3} if name == "fptt" else {})
    )
    case = generate(next(s for s in plan(claim) if s.family == "bounded"), claim)
    rule = algorithm(name, claim.settings)
    right = rule.gradients(case.problem.floats())
    labels = []
    for variation in VARIATIONS[name](posed(case.problem, rule.settings)):
        with np.errstate(all="ignore"):
            found = variation.compute(posed(case.problem, rule.settings))
        away = max(float((np.abs(found[k] - right[k]) - case.expected.gradients[k].budget).max()) for k in right)
        # the paper's form alone has a second gradient, and the code's alone a sign of Lambda
        same = name == "fptt" and "second gradient" in variation.label
        assert (away > 0) != same, variation.label
        labels.append(variation.label)
    assert labels and len(set(labels)) == len(labels)
