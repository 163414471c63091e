"""Lines of published algorithms done otherwise: every algorithm has some, and each of them makes a difference."""

import numpy as np
import pytest

from gradcert.certify.claims import Claim
from gradcert.certify.problems import generate, plan
from gradcert.certify.variations import VARIATIONS, fptt, posed
from gradcert.reference.published import KINDS, algorithm

NAMES = {"rows": "bptt then ottt + untraced bias"}
SETTINGS = {"uoro": {"normalisers": [1.0, 0.5]}, "kf-rtrl": {"normalisers": [1.0, 0.5]}, "sltt-k": {"k": 2}}
EVENTS = {"cells": "synaptic", "options": {"order": "old", "reset": "hard", "gain": "one_minus_leak"}}
LIF = {"cells": "lif", "readout": "rnn", "losses": "squared_error", "when": "every"}


def test_every_algorithm_has_variations():
    assert set(VARIATIONS) == set(KINDS)


@pytest.mark.long(keep=3)
@pytest.mark.parametrize("name", VARIATIONS)
def test_each_differs_from_the_algorithm_on_a_case_and_is_refuted(name):
    claim = Claim(
        NAMES.get(name, name),
        **(LIF | EVENTS if name == "eventprop" else LIF),
        depths=2,
        settings=SETTINGS.get(name, {"form": "code", "parts": 3} if name == "fptt" else {}),
    )
    case = generate(next(s for s in plan(claim) if s.family == "bounded"), claim)
    rule = claim.claimed
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


def test_without_a_finish_the_weights_are_not_their_average():
    claim = Claim("fptt", **LIF, depths=2, settings={"form": "paper", "parts": 3, "finish": False})
    case = generate(next(s for s in plan(claim) if s.family == "bounded"), claim)
    given = posed(case.problem, algorithm("fptt", claim.settings).settings)

    def away(found):
        return max(float((np.abs(found[k] - e.value) - e.budget).max()) for k, e in case.expected.gradients.items())

    assert away(fptt.run(fptt.Lines(0.5, replaced=False), given)) <= 0
    same = {v.what for v in VARIATIONS["fptt"](given) if away(v.compute(given)) <= 0}
    assert same == {"average first", "update sign", "pull is the gradient"}  # which the code's form alone has
