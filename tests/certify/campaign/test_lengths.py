"""A truncation is named by its length where the answers tell it from others; else the others are named as well."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gradcert.certify.campaign import BESIDE, certify
from gradcert.certify.campaign.lengths import told
from gradcert.certify.claims import Claim
from gradcert.certify.diagnosis import rows
from gradcert.certify.problems import Bounds
from gradcert.reference import RULES, reverse

CLAIM = Claim(rule="bptt", cells="leaky_rnn", depths=1, losses="squared_error", when=("every", "last"))


def cut(kind, steps):
    def subject(problem):
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        name = "chunk" if "chunks" in kind else "window"
        return reverse.gradients(*given, rule=replace(RULES[kind], **{name: steps}))

    return subject


@pytest.mark.long(keep=1)
@pytest.mark.parametrize(("kind", "steps"), [("tbptt-chunks", 20), ("tbptt-chunks", 40), ("tbptt", 30)])
def test_a_length_that_long_cases_alone_see_is_told_from_others(kind, steps):
    found = certify(cut(kind, steps), claim=CLAIM, profile="default").reason
    assert f"it equals {kind}({steps})" in found
    assert "no case tells it" not in found and "truncated after" not in found


@pytest.mark.long
def test_lengths_that_no_case_tells_apart_are_all_named(monkeypatch):
    monkeypatch.setitem(BESIDE, "lengths", lambda run, seed: None)
    found = certify(cut("tbptt-chunks", 40), claim=CLAIM, profile="default").reason
    assert "it equals tbptt(30): credit is truncated after 30 steps" in found
    assert found.endswith("; no case tells it from chunks of 30, 40, 60 or 120 steps")


def test_a_number_of_steps_tells_as_many_lengths_apart_as_it_can():
    chunks = [replace(RULES["tbptt-chunks"], chunk=k) for k in (5, 6, 10)]
    assert list(told(chunks, every=True)) == [12, 8, 7]
    assert next(told(chunks, every=False)) == 7  # 2, 1 and 7 steps are left
    assert list(told(chunks[:1], every=False)) == []


def test_what_roundings_leave_of_zero_is_not_far_from_a_row():
    """A gradient of one parameter, or a whole case, that is smaller than its budget says nothing of the distance."""

    def bounds(e):
        return {k: Bounds(np.array([v]), np.array([1e-12])) for k, v in e.row.items()}

    row = replace(rows.row(RULES["bptt"]), bounds=bounds)
    tiny = SimpleNamespace(row={"W": 1.0, "b": 1e-16}, given={"W": np.array([1 + 1e-15]), "b": np.array([0.0])})
    nothing = SimpleNamespace(row={"W": 1e-40}, given={"W": np.array([0.0])})
    assert 0 < row.distance([tiny, nothing]) < 1e-14
