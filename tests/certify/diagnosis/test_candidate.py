"""Candidates of a small gradient beside a huge one: told from the claimed gradient by its own budget."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.claims import Claim
from gradcert.certify.diagnosis import Evidence
from gradcert.certify.diagnosis.candidate import Candidate
from gradcert.certify.problems import Bounds, Spec, generate

CLAIM = Claim(rule="bptt", cells="rnn", depths=1, losses="squared_error", when="every", options={"activation": "tanh"})
SMALL, HUGE = "layers.0.b", "layers.0.W"


@pytest.fixture(scope="module")
def case():
    """W's gradient is 2^60 times what it is, so that b's is lost in its rounding."""
    made = generate(Spec("rnn", 1, "squared_error", "every", "bounded"), CLAIM)
    gradients = dict(made.expected.gradients)
    gradients[HUGE] = Bounds(gradients[HUGE].value * 2.0**60, gradients[HUGE].budget * 2.0**60)
    return replace(made, expected=replace(made.expected, gradients=gradients))


def posed(case, factor, *, room=None, kept=True):
    """Evidence of a subject whose b is wrong by a factor, and the candidate that says so; None for no enclosure."""
    values = {name: bounds.value * (factor if name == SMALL else 1) for name, bounds in case.expected.gradients.items()}
    bounds = None
    if room is not None:
        budgets = {name: one.budget for name, one in case.expected.gradients.items()}
        bounds = {k: Bounds(v, budgets[k] * (room if k == SMALL else 1)) for k, v in values.items()}
    candidate = Candidate("test:b", "with another b", lambda _: values, lambda _: bounds, kept=kept)
    return Evidence(case, values), candidate


def test_a_small_gradient_that_leaves_its_own_budget_is_another(case):
    e, candidate = posed(case, 3.0, room=1.0)
    assert not e.apart(SMALL, candidate.tried(e)[SMALL]) and e.changed(SMALL, candidate.tried(e)[SMALL])
    assert SMALL not in e.right and SMALL in candidate.near(e)
    assert candidate.proven(e, frozenset(e.given))


def test_what_is_as_claimed_explains_nothing(case):
    """One budget more than is allowed: the candidate is the claimed gradient, what was given is not."""
    e, _ = posed(case, 3.0)
    right = {name: bounds.value for name, bounds in case.expected.gradients.items()}
    same = Candidate("test:same", "as it is", lambda _: right, lambda _: dict(case.expected.gradients), kept=True)
    assert not e.changed(SMALL, right[SMALL]) and SMALL not in same.near(e)


@pytest.mark.parametrize("room", [None, 1e30])
def test_no_enclosure_and_one_that_holds_the_claimed_gradient_too_prove_nothing(case, room):
    """Floats do not tell them apart, beside the huge one; what is proven has to be another gradient for certain."""
    e, candidate = posed(case, 3.0, room=room)
    assert SMALL in candidate.near(e) and not candidate.proven(e, frozenset({SMALL}))
    assert candidate.proven(e, frozenset({HUGE}))
    assert np.isfinite(e.worked.scale)
