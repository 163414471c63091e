"""Classes of claims beside exact: bounded, aligned, unbiased; what they accept, and what they have to refute."""

import json
from dataclasses import replace
from fractions import Fraction
from math import comb
from pathlib import Path

import numpy as np
import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.campaign.conclude import control
from gradcert.certify.campaign.verify import verify
from gradcert.certify.certificates import seal
from gradcert.certify.certificates.certificate import from_dict
from gradcert.certify.claims.claim import Claim
from gradcert.certify.judging.acceptance import aligned, bounded, draws, unbiased
from gradcert.certify.problems.budget.goal import proven
from gradcert.certify.problems.cases.case import Spec
from gradcert.certify.problems.cases.generate import generate
from gradcert.certify.report import html, junit
from gradcert.certify.runs.prepare import Task, prepare
from gradcert.certify.subjects.answers import Answer
from gradcert.reference import RULES, GradcertError
from gradcert.reference.engines import residual, reverse
from gradcert.reference.estimators import kf_rtrl, uoro

EXAMPLES = Path(__file__).resolve().parents[4] / "examples"
LIMITS = {"cosine": 0.5, "signs": 0.6, "ratio": [0.1, 10]}


def case_of(claim, *, depth=1, when="every"):
    return generate(Spec(claim.cells[0], depth, "squared_error", when, "bounded"), claim)


def row(name, p):
    return reverse.gradients(p.network, p.parameters, p.inputs, p.targets, rule=RULES[name])


# --- bounded ----------------------------------------------------------------------------------------------------------

BOUNDED = Claim(rule="ostl", cells="snu", depths=(1, 2), acceptance="bounded")


@pytest.fixture(scope="module")
def deep():
    return case_of(BOUNDED, depth=2)


def test_a_row_and_bptt_are_within_the_rows_bound(deep):
    for name in ("ostl", "bptt"):
        assert bounded.check(deep, Answer(gradients=row(name, deep.problem)), BOUNDED) == []


def test_the_bound_is_that_of_the_dropped_paths(deep):
    p, bound = deep.problem, proven(deep.problem, RULES["ostl"])
    dropped = residual(p.network, p.parameters, p.inputs, p.targets, rule=RULES["ostl"]).total
    assert not bound["layers.1.W"].any()
    for name, value in dropped.items():
        assert (abs(value) <= bound[name]).all()
        assert (deep.expected.gradients[name].budget >= bound[name]).all()


def test_outside_the_bound_is_refuted_and_where_the_rule_is_exact_it_says_so(deep):
    (finding,) = bounded.check(deep, Answer(gradients=row("sltt", deep.problem)), BOUNDED)
    assert finding.reason.endswith(("ostl is exact there", "farther than the bound proven for ostl"))
    right = row("ostl", deep.problem)
    b = deep.expected.gradients["layers.0.b"]
    off = {**right, "layers.0.b": b.value + 1.01 * b.budget}
    (finding,) = bounded.check(deep, Answer(gradients=off), BOUNDED)
    assert finding.reason.endswith("farther than the bound proven for ostl")
    (finding,) = bounded.check(deep, Answer(gradients={**right, "layers.1.b": right["layers.1.b"] * 1.001}), BOUNDED)
    assert finding.reason.endswith("ostl is exact there")


def test_a_bound_of_the_subjects_own():
    claim = replace(BOUNDED, within={"error": 0.25})
    case = case_of(claim, depth=2)
    right = row("bptt", case.problem)
    for factor, ok in ((1.2, True), (0.8, True), (1.3, False), (0.7, False)):
        given = {k: v * (factor if k.startswith("layers.0") else 1) for k, v in right.items()}
        assert (bounded.check(case, Answer(gradients=given), claim) == []) is ok
    prepared = prepare(Task(case.spec, claim, 0))
    assert prepared.sound
    assert all(refuted for _, refuted in prepared.variants)


@pytest.mark.parametrize("family", ["bounded", "dyadic"])
def test_a_stated_limit_holds_where_the_rule_is_exact(family):
    triangle = {"surrogate": {"name": "triangle", "scale": 1.0, "width": 1.0}}
    claim = Claim(rule="bptt", cells="lif", acceptance="bounded", within={"error": 1e-5}, options=triangle)
    case = generate(Spec("lif", 1, "squared_error", "every", family), claim)
    right = row("bptt", case.problem)
    assert case.expected.exact is (family == "dyadic")
    for factor, ok in ((1, True), (1 + 9e-6, True), (1 - 9e-6, True), (1 + 1.1e-5, False)):
        found = bounded.check(case, Answer(gradients={k: v * factor for k, v in right.items()}), claim)
        assert (found == []) is ok
    assert "1e-05 is claimed" in found[0].reason
    prepared = prepare(Task(case.spec, claim, 0))
    assert all(refuted for _, refuted in prepared.variants)


def test_a_bound_that_says_nothing_certifies_nothing():
    claim = Claim(rule="rflo", cells="rnn", depths=1, options={"activation": "tanh"}, acceptance="bounded")
    void = control([prepare(Task(Spec("rnn", 1, "squared_error", "every", "bounded"), claim, 0))], claim)[2]
    assert "the control 'zero' passed on every case" in void


# --- aligned ----------------------------------------------------------------------------------------------------------

ALIGNED = Claim(rule="bptt", cells="rnn", depths=2, options={"activation": "tanh"}, acceptance="aligned", within=LIMITS)


@pytest.fixture(scope="module")
def near():
    return case_of(ALIGNED, depth=2)


def test_alignment_is_what_numpy_says_less_the_budget(near):
    given = {k: v + 0.2 * abs(v).max() for k, v in row("bptt", near.problem).items()}
    for layer, found in aligned.layers(near, given).items():
        names = [k for k in given if k.startswith(layer)]
        h, g = (np.concatenate([np.ravel(x[k]) for k in names]) for x in (given, row("bptt", near.problem)))
        cosine = h @ g / np.linalg.norm(h) / np.linalg.norm(g)
        ratio = np.linalg.norm(h) / np.linalg.norm(g)
        slack = 2.0**-30  # of budgets, which are below 2^-36 of the gradient here
        assert cosine - slack < found.cosine <= cosine
        assert ratio - slack < found.shortest <= ratio <= found.longest < ratio + slack
        assert found.signs == (np.sign(h) == np.sign(g)).mean()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g: -g, "cosine"),
        (lambda g: 0 * g, "cosine"),
        (lambda g: 11 * g, "ratio of norms"),
        (lambda g: g / 11, "ratio of norms"),
        (lambda g: np.where(abs(g) == abs(g).max(), 2 * g, -0.2 * g), "sign agreement"),
    ],
)
def test_every_limit_counts(near, change, words):
    right = row("bptt", near.problem)
    assert aligned.check(near, Answer(gradients=right), ALIGNED) == []
    wrong = {k: change(v) if k.startswith("layers.0") else v for k, v in right.items()}
    (finding,) = aligned.check(near, Answer(gradients=wrong), ALIGNED)
    assert finding.reason.startswith("in layers.0 the ")
    found = aligned.layers(near, wrong)["layers.0"]
    outside = {
        "cosine": found.cosine < 0.5,
        "sign agreement": found.signs < 0.6,
        "ratio of norms": found.shortest < 0.1 or found.longest > 10,
    }
    assert outside[words]
    assert any(outside[w] and w in finding.reason for w in outside)


def test_a_good_last_layer_does_not_hide_a_bad_first_one(near):
    right = row("bptt", near.problem)
    wrong = {k: 1e-9 * -v if k.startswith("layers.0") else v for k, v in right.items()}
    whole = [np.concatenate([np.ravel(x[k]) for k in right]) for x in (right, wrong)]
    assert whole[0] @ whole[1] > 0
    assert aligned.check(near, Answer(gradients=wrong), ALIGNED)


def test_controls_lie_just_outside_and_are_refuted(near):
    variants = dict(aligned.variants(near, ALIGNED))
    assert set(variants) == {"sign reversed", "too long", "too short", "turned away", "signs mixed"}
    assert all(variants.values())


def test_what_limits_allow_is_said_of_the_cases_that_were_asked(near):
    """A wide limit lets known mistakes through, a narrow one does not; a reversed sign is never allowed."""
    wide = replace(ALIGNED, within={"cosine": 0.01, "signs": 0, "ratio": [1e-6, 1e6]})
    narrow = replace(ALIGNED, within={"cosine": 1 - 1e-9, "signs": 1, "ratio": [1 - 1e-9, 1 + 1e-9]})
    found = aligned.allowed([near], wide)
    assert {"without STATE", "divided by 2"} & set(found) and "sign reversed" not in found
    assert not set(found) & {"float32 inside", "one part in a million"}
    assert aligned.allowed([near], narrow) == []


@pytest.mark.parametrize(
    ("acceptance", "limits"),
    [
        ("aligned", {}),
        ("aligned", {"cosine": 0.5}),
        ("aligned", {**LIMITS, "cosine": 0}),
        ("aligned", {**LIMITS, "ratio": [2, 3]}),
        ("aligned", {**LIMITS, "ratio": [1]}),
        ("bounded", {"cosine": 0.5}),
        ("bounded", {"error": 0}),
        ("unbiased", {"error": 0.1}),
        ("exact", {"error": 0.1}),
        ("nearly", {}),
    ],
)
def test_limits_that_do_not_fit_are_refused(acceptance, limits):
    with pytest.raises(GradcertError):
        Claim(rule="bptt", cells="rnn", acceptance=acceptance, within=limits)


# --- unbiased ---------------------------------------------------------------------------------------------------------

UNBIASED = Claim(rule="rtrl", cells="rnn", depths=1, options={"activation": "tanh"}, acceptance="unbiased")


def test_the_tail_is_students():
    # 31 degrees of freedom, an odd number: the closed form (Abramowitz & Stegun 26.7.3) in rationals and one arctan
    for t in (0.5, 2.0, 6.0):
        theta = np.arctan(t / np.sqrt(31))
        c = np.cos(theta)
        total = sum(
            float(Fraction(4**k, (2 * k + 1) * comb(2 * k, k))) * c ** (2 * k + 1) for k in range(15)
        )  # cos + 2/3 cos^3 + ... + (2 4 ... 28)/(3 5 ... 29) cos^29
        inside = 2 / np.pi * (theta + np.sin(theta) * total)
        # 1 - inside cancels: both sides are exact to some units in the last place of 1
        assert abs((1 - inside) - draws.tail(t)) <= 64 * 2.0**-53
    assert draws.tail(draws.quantile(1e-7)) <= 1e-7 < draws.tail(draws.quantile(1e-7) - 1e-6)


def test_statistics_on_numbers_of_known_mean():
    rng = np.random.default_rng(0)
    reference = np.array([1.0, -2.0, 0.0])
    every = draws.tests(reference, 0 * reference, ["a", "b", "c"], {"sum": np.ones(3)})
    p = draws.level(1e-9, len(every))
    sample = reference + rng.choice([-1.0, 1.0], (4096, 3))
    assert draws.suspects(draws.look(sample, every), p) == {}
    found = draws.suspects(draws.look(sample + np.array([0.0, 0.3, 0.0]), every), p)
    assert {"b", "sum"} <= set(found)
    assert all(t > 0 for t in found.values())
    looked = draws.look(sample, every)[1]
    n = draws.needed(looked, 4096, 0.3, p)
    # sigma is 1: ((q + 3.1) / 0.3)^2, up to the error of the estimated sigma, 4 of its standard errors 1 / sqrt(62)
    exact = ((draws.quantile(p) + draws.POWER) / 0.3) ** 2
    assert exact / (1 + 4 / 62**0.5) ** 2 < n < exact * (1 + 4 / 62**0.5) ** 2
    assert draws.power(looked, 0.3, p) > 0.999 > 0.1 > draws.power(looked, 0.03, p)


def test_numbers_without_spread_are_held_to_their_rounding():
    every = draws.tests(np.array([1.0]), np.array([0.0]), ["a"], {})
    p = draws.level(1e-9, 1)
    assert draws.suspects(draws.look(np.full((64, 1), 1 + 2.0**-45), every), p) == {}
    assert draws.suspects(draws.look(np.full((64, 1), 1 + 2.0**-35), every), p) == {"a": float("inf")}


def test_false_alarms_are_as_rare_as_stated():
    # one stage at p = 0.02: 2000 right samples of a skewed distribution, 40 expected, 6 sigma = 38 more at most
    rng = np.random.default_rng(1)
    every = draws.tests(np.array([1.0]), np.array([0.0]), ["a"], {})
    alarms = sum(bool(draws.suspects(draws.look(rng.exponential(1.0, (512, 1)), every), 0.02)) for _ in range(2000))
    assert 40 - 38 < alarms < 40 + 38


def of_reference(file, **options):
    def draw(case):
        p = case.problem

        def many(seeds):
            given = (p.network, p.parameters, p.inputs, p.targets)
            rows = [file.gradients(*given, rng=np.random.default_rng(seed), **options) for seed in seeds]
            return np.stack([unbiased.joined({k: g[k] for k in case.expected.gradients}) for g in rows])

        return many

    return draw


@pytest.mark.parametrize(("file", "rule"), [(uoro, "rtrl"), (kf_rtrl, "ostl")])
def test_the_references_own_estimators_are_unbiased(file, rule):
    case = case_of(replace(UNBIASED, rule=rule))
    outcome = unbiased.judge(case, of_reference(file)(case), profile="quick", cases=1)
    assert outcome.result.verdict == "passed", outcome.result
    assert dict(outcome.variants)["multiplied by 0.5"] is True
    assert outcome.result.facts["power"]["multiplied by 0.5"] > 0.99
    assert 0 < outcome.worst < 1


def test_too_few_draws_are_said_to_be_too_few(monkeypatch):
    case = case_of(UNBIASED)
    right = unbiased.flat(case)[0]

    def noise(seeds):
        return right + 100 * abs(right).max() * np.random.default_rng(seeds).standard_normal((len(seeds), right.size))

    monkeypatch.setitem(unbiased.MOST, "quick", 256)
    outcome = unbiased.judge(case, noise, profile="quick", cases=1)
    assert outcome.result.verdict == "blocked"
    assert outcome.result.what.startswith("256 draws cannot tell the gradient from: ")
    assert {name for name, seen in outcome.variants if seen is False} == {"multiplied by 0.5", "sign reversed"}


SIGNS = "nu = rng.choice([-1.0, 1.0], size=(batch, n))"
MUTATIONS = {  # of the example: what makes its mean wrong
    "other signs in the other role": ("fresh = (nu *", "fresh = (rng.choice([-1.0, 1.0], size=nu.shape) *"),
    "a factor on one side alone": ("fresh / r1[:, :, None]", "fresh"),
    "uniform noise": (SIGNS, "nu = rng.uniform(-1, 1, (batch, n))"),
    "the same signs at every step": (SIGNS, "nu = np.random.default_rng(problem.seed).choice([-1.0, 1.0], (batch, n))"),
    "always the same draw": ("default_rng(problem.seed)", "default_rng(7)"),
    "twice what it should be": ("(error * a)", "(2 * error * a)"),
}


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("what", MUTATIONS)
def test_a_wrong_estimator_is_refuted(what):
    old, new = MUTATIONS[what]
    text = (EXAMPLES / "uoro.py").read_text(encoding="utf-8")
    assert old in text
    found = {}
    exec(text.replace(old, new), found)
    case = case_of(UNBIASED)

    def draw(seeds):
        return np.stack([unbiased.joined(found["gradients"](replace(case.problem, seed=seed))) for seed in seeds])

    outcome = unbiased.judge(case, draw, profile="quick", cases=1)
    assert outcome.result.verdict == "failed"
    assert outcome.worst > 1
    (finding,) = outcome.findings
    assert finding.check == "mean"
    assert "times the reference" in finding.reason


def test_a_draw_that_fails_ends_it(tmp_path):
    text = (EXAMPLES / "uoro.py").read_text(encoding="utf-8")
    path = tmp_path / "uoro.py"
    path.write_text(text.replace("    rng =", "    assert problem.seed < 100, 'no more'\n    rng ="))
    certificate = certify(f"{path}:gradients", profile="quick")
    assert certificate.verdict == "refuted"
    assert certificate.reason == "call: it raised AssertionError: no more"


@pytest.mark.long
def test_one_certificate_of_each_class_goes_through_everything(tmp_path):
    text = (
        (EXAMPLES / "uoro.py").read_text(encoding="utf-8").replace('"squared_error"', '"squared_error", when="every"')
    )
    path = tmp_path / "subject.py"
    path.write_text(text + ROWS)
    reasons = {
        "gradients": "1 case has rtrl as the mean of its draws, at an error rate of 1e-09",
        "near": "1 case is aligned with bptt, layer by layer, inside the stated limits",
        "within": "1 case is within the bound proven for ostl of bptt",
    }
    for name, reason in reasons.items():
        certificate = certify(f"{path}:{name}", profile="quick")
        assert (certificate.verdict, certificate.reason) == ("certified", reason)
        data = seal.write(certificate)
        assert from_dict(json.loads(data)) == from_dict(certificate.to_dict())
        assert name != "gradients" or verify(data, run=True).outcome == "verified"  # draws too come out again
        assert certificate.claim["acceptance"] in html.write(certificate)
        assert b'failures="0"' in junit.write(certificate)


ROWS = """

CLAIM = {"cells": "rnn", "depths": 1, "losses": "squared_error", "when": "every", "options": {"activation": "tanh"}}


def exact(p):
    from gradcert.reference import RULES
    from gradcert.reference.engines import reverse

    return reverse.gradients(p.network, p.parameters, p.inputs, p.targets, rule=RULES["bptt"])


@gradcert.claim(rule="bptt", acceptance="aligned", within={"cosine": 0.5, "signs": 0.6, "ratio": [0.1, 10]}, **CLAIM)
def near(p):
    return {k: 0.5 * v for k, v in exact(p).items()}


@gradcert.claim(rule="ostl", acceptance="bounded", **{**CLAIM, "depths": 2})
def within(p):
    return exact(p)
"""
