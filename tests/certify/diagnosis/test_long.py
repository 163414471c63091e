"""What explains the short cases alone is no cause: a long case disproves it, and the sentence says as much."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from gradcert.certify.campaign import BESIDE, certify
from gradcert.certify.claims import Claim
from gradcert.certify.diagnosis.hypotheses.backward import timing
from gradcert.reference import RULES, reverse, rule_named

OPTIONS = {
    "recurrent": False, "gain": "one", "rest": 0.0, "reset": "subtract_before_leak", "strict": True, "train": [],
    "surrogate": "atan",
}  # fmt: skip
CLAIM = Claim(rule="tbptt-chunks(5) - reset", cells="lif", depths=1, losses="squared_error", when="every",
              options=OPTIONS)  # fmt: skip


def off_by(shift):
    """BPTT of one LIF layer by hand, its reset detached, cut before step t where t + shift is a multiple of 5."""

    def gradients(problem):
        (layer,) = problem.network.layers
        p, x, cell = problem.parameters, problem.inputs, layer.cell
        v, z = (np.zeros((len(x), x.shape[1], layer.units)) for _ in range(2))
        for t in range(len(x)):
            kept = v[t - 1] - cell.threshold * z[t - 1] if t else 0
            v[t] = cell.leak * kept + x[t] @ p["layers.0.W"].T + p["layers.0.b"]
            z[t] = v[t] > cell.threshold
        out, carried = {k: 0 * a for k, a in p.items()}, 0 * v[0]
        for t in reversed(range(len(x))):
            psi = 1 / (1 + (np.pi * (v[t] - cell.threshold)) ** 2)
            credit = (z[t] - problem.targets[t]) * psi + carried
            out["layers.0.W"] += credit.T @ x[t]
            out["layers.0.b"] += credit.sum(axis=0)
            carried = 0 * credit if t and (t + shift) % 5 == 0 else cell.leak * credit
        return out

    return gradients


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(
    ("shift", "cause"),
    [(0, ""), (1, "the first chunk has 4 steps, every other 5"), (-1, "has 1 step, every")],
)
def test_a_cut_one_step_off_is_no_other_length(shift, cause):
    found = certify(off_by(shift), claim=CLAIM, profile="default")
    assert (found.verdict == "certified") == (not cause), found.reason
    assert cause in found.reason


@pytest.mark.long
def test_without_that_hypothesis_the_length_is_no_cause(monkeypatch):
    monkeypatch.setattr(timing, "_cut_from", lambda first, chunk, graph, tape, _: graph)
    short = replace(CLAIM, without={"inputs": "a loud first step"})  # else a case of 24 steps tells it too
    found = certify(off_by(1), claim=short, profile="default")
    assert "no known mistake explains it; up to " in found.reason
    assert "steps it equals tbptt-chunks(5) - reset with chunks of 4 steps" in found.reason
    assert ", but not over 150" in found.reason


def of(problem, rule):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES[rule])


def untraced(problem):
    """OTTT whose bias has no trace."""
    traced, without = of(problem, "ottt"), of(problem, "sltt")
    return {k: without[k] if k.endswith(".b") else g for k, g in traced.items()}


def forgetful(problem):
    """The same, and over long sequences the weights have none either."""
    return of(problem, "sltt") if len(problem.inputs) > 30 else untraced(problem)


OTTT = Claim(rule="ottt", cells="snu", depths=1, losses="squared_error", when="every")


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("profile", ["quick", "default"])
def test_the_cause_of_a_part_is_held_against_that_part_of_the_long_cases(profile):
    found = certify(untraced, claim=OTTT, profile=profile)
    assert "layers.0.b: equals ottt without STATE" in found.reason
    assert "the rest is as claimed" in found.reason


@pytest.mark.long
def test_what_is_wrong_in_long_cases_alone_is_not_as_claimed():
    """Neither is it the row that the weights are in the long case alone."""
    found = certify(forgetful, claim=OTTT, profile="default").reason
    assert "layers.0.b: equals ottt without STATE" in found
    assert "nothing known explains layers.0.W" in found  # in the long case no unit spikes: that of H is right
    assert "tbptt" not in found and "truncated" not in found


@pytest.mark.long(keep=1)
@pytest.mark.parametrize(
    ("rule", "cut"), [("bptt", "tbptt(30)"), ("bptt - reset", "bptt - reset with a window of 30 steps")]
)
def test_a_truncation_that_only_the_long_case_sees_is_one_of_the_claimed_row(rule, cut):
    def subject(problem):
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        return reverse.gradients(*given, rule=replace(rule_named(rule), window=30))

    claim = Claim(rule=rule, cells="snu", depths=1, losses="squared_error", when="every")
    found = certify(subject, claim=claim, profile="default").reason
    assert f"it equals {cut}: credit is truncated after 30 steps, seen in 1 case of " in found
    assert "last step" not in found


@pytest.mark.long
def test_where_the_last_step_alone_counts_earlier_ones_may_be_left_out_as_well(monkeypatch):
    """All steps but the last 30 are left out, which is a truncation where the loss of the last one is all there is."""
    monkeypatch.setitem(BESIDE, "lengths", lambda run, seed: None)

    def subject(problem):
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        return reverse.gradients(*given, rule=replace(RULES["bptt"], window=30))

    claim = Claim(rule="bptt", cells="snu", depths=1, losses="squared_error", when="last")
    found = certify(subject, claim=claim, profile="default").reason
    assert "seen in 1 case of" in found and "with a loss of the last step alone, where it is the same to leave" in found


def test_an_amount_is_held_against_the_long_cases_too():
    def decayed(problem, short=0.25, beyond=0.25):
        c = beyond if len(problem.inputs) > 30 else short
        return {k: g + c * problem.parameters[k] for k, g in of(problem, "ottt").items()}

    said = "it equals ottt with weight decay in it, 0.25 times the parameter"
    assert said in certify(decayed, claim=OTTT, profile="default").reason
    assert said not in certify(partial(decayed, beyond=0.5), claim=OTTT, profile="default").reason
