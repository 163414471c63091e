"""Clipped gradients are named, with their limit: by norm, of all parameters or of each, and entry by entry."""

import numpy as np
import pytest

from gradcert.certify.campaign import certify
from gradcert.certify.claims import Claim
from gradcert.certify.diagnosis import Evidence, causes
from gradcert.certify.problems import Spec, generate
from gradcert.reference import RULES, reverse

CLAIM = Claim("bptt", "rnn", depths=1, losses="squared_error", when="every")


def gradient(problem):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"])


def norm(*arrays):
    return float(np.sqrt(sum((g**2).sum() for g in arrays)))


def whole(g, c, added=0.0):
    size = norm(*g.values()) + added
    return {k: v * (c / size if size > c else 1.0) for k, v in g.items()}


def each(g, c):
    return {k: v * (c / norm(v) if norm(v) > c else 1.0) for k, v in g.items()}


def entries(g, c, low=-1, high=1):
    return {k: np.clip(v, low * c if low else None, high * c if high else None) for k, v in g.items()}


ALL = "bptt, every gradient whose norm over all parameters is above {c} scaled to norm {c}, and the others untouched"
ONE = "bptt, every gradient whose norm of one parameter is above {c} scaled to norm {c}, and the others untouched"


@pytest.mark.long(keep=3)
@pytest.mark.parametrize(
    ("clip", "said"),
    [
        (whole, f"{ALL}: clipped by norm"),
        (lambda g, c: whole(g, c, 1e-6), f"{ALL}: clipped by norm"),  # as PyTorch does
        (each, f"{ONE}: clipped by norm"),
        (
            entries,
            "bptt, every entry above {c} or below -{c} cut off there, and the others untouched: clipped by value",
        ),
        (lambda g, c: entries(g, c, low=0), "bptt, every entry above {c} cut off there, and the others untouched"),
    ],
)
@pytest.mark.parametrize("c", [0.5, 3.0])
def test_it_is_named(clip, said, c):
    found = certify(lambda problem: clip(gradient(problem), c), claim=CLAIM, profile="default")
    assert f"it equals {said.format(c=f'{c:g}')}" in found.reason


def evidence(change, number=3):
    cases = [generate(Spec("rnn", 1, "squared_error", "every", "bounded", index), CLAIM) for index in range(number)]
    return [Evidence(case, change({k: b.value for k, b in case.expected.gradients.items()})) for case in cases]


def test_of_one_case_the_limit_is_named_and_no_factor_of_six_digits():
    (one,) = evidence(lambda g: whole(g, 0.125), 1)
    assert "scaled to norm 0.125" in str(causes.find([one], RULES["bptt"]))
    (other,) = evidence(lambda g: {k: v * 0.10410137 for k, v in g.items()}, 1)
    assert causes.find([other], RULES["bptt"]).keys == ()
    assert "times 0.104101" in str(
        causes.find(evidence(lambda g: {k: v * 0.104101 for k, v in g.items()}, 2), RULES["bptt"])
    )


def test_what_is_nearly_clipped_is_not():
    def nearly(g):
        return {k: v * (1 + 1e-6 * (k == "layers.0.b")) for k, v in whole(g, 0.5).items()}

    assert not any("clipped" in key for key in causes.find(evidence(nearly), RULES["bptt"]).keys)
    assert not any(
        "clipped" in key
        for key in causes.find(evidence(lambda g: {k: v / 2 for k, v in g.items()}), RULES["bptt"]).keys
    )
