"""Claims of algorithms that are no rows: right subjects are certified, wrong ones refuted with what differs."""

import json
from functools import partial

import numpy as np
import pytest

from gradcert.certify import certify
from gradcert.certify.certificates import canonical
from gradcert.certify.certificates.held import contradictions
from gradcert.certify.claims import Claim, from_dict
from gradcert.certify.variations import VARIATIONS, posed
from gradcert.properties.gallery.literal import own_trace
from gradcert.reference import ESTIMATORS, RULES, GradcertError
from gradcert.reference.published import algorithm

LIF = {"cells": "lif", "readout": "rnn"}
PLAIN = {"reset": "subtract_before_leak", "recurrent": False, "gain": "one", "bias": True, "train": [], "rest": 0.0}
PAIR = {"normalisers": [1.0, 0.5]}
CLAIMS = {
    "otpe": ({}, "no membrane trace"),
    "s-tllr": ({"acausal": "code"}, "lq and lp, a_post and a_pre swapped"),
    "ndot": ({}, "the leak of the layer itself for the ratio"),
    "ottt-code": ({}, "a trace on biases"),
    "rate-based": ({"live_reset": False}, None),
    "tess": ({}, "no acausal term"),
    "es-d-rtrl": ({"decay": 0.5}, "D without the reset"),
    "fptt": ({"form": "code", "parts": 3}, "the average made before the pull"),
    "sltt-k": ({"k": 2}, "the factor T / K"),
    "etlp": ({"rate": 0.5}, "events one step late"),
    "opzo": ({}, "the estimate of the last step alone"),
    "uoro": (PAIR, "the noise of the first step at every step"),
    "kf-rtrl": (PAIR, "the noise of the first sample for all"),
    "update-per-step": ({"rule": "e-prop"}, "contributions that are kept from step to step"),
    "update-per-sequence": ({}, "an update after every step"),
}


def right(name, settings, problem):
    return algorithm(name, settings).gradients(problem)


def wrong(name, settings, label, problem):
    given = posed(problem, algorithm(name, settings).settings)
    return next(v for v in VARIATIONS[name](given) if v.label == label).compute(given)


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("name", CLAIMS)
def test_it_is_certified_and_a_line_done_otherwise_is_named(name):
    settings, label = CLAIMS[name]
    claimed = {"rule": name, "settings": settings, "profile": "quick", **LIF}
    found = certify(partial(right, name, settings), **claimed)
    assert contradictions(json.loads(canonical(found.to_dict()))) == []  # numbers of its settings are whole ones there
    assert found.verdict == "certified", found.reason
    assert str(from_dict(found.claim)).startswith(algorithm(name, settings).name)
    if label is not None:
        refuted = certify(partial(wrong, name, settings, label), **claimed)
        assert refuted.verdict == "refuted" and label in refuted.reason, refuted.reason


@pytest.mark.long
def test_equations_written_out_are_certified_in_every_circumstance_and_a_mistake_is_named():
    claimed = {"rule": "otpe", "losses": "squared_error", "when": "every", "options": PLAIN, **LIF}
    found = certify(own_trace.otpe, **claimed)
    assert found.verdict == "certified" and found.counts["passed"] >= 12, found.reason
    assert {c.name for c in found.controls} >= {"the input added twice in a step", "divided by T", "sign reversed"}
    other = certify(partial(own_trace.otpe, fault="T77"), profile="quick", **claimed)
    assert other.reason == "gradient: it equals otpe with the input added twice in a step"


@pytest.mark.long
def test_a_row_for_an_algorithm_and_a_factor_are_named_too():
    def row(problem):
        from gradcert.reference.engines import reverse

        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        return reverse.gradients(*given, rule=RULES["ostl"])

    def half(problem):
        return {k: g / 2 for k, g in right("otpe", {}, problem).items()}

    claimed = {"rule": "otpe", "profile": "quick", "depths": 2, **LIF}
    assert "ostl, a row of the table" in certify(row, **claimed).reason
    assert "otpe divided by 2" in certify(half, **claimed).reason


@pytest.mark.long
@pytest.mark.parametrize(("name", "settings"), [("sltt-k", {"k": 2}), ("etlp", {"rate": 0.5}), ("uoro", {})])
def test_in_the_mean_over_its_own_draws(name, settings):
    def drawn(factor, problem):
        rng = np.random.default_rng(problem.seed)
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        more = {"feedback": problem.feedback} if name == "etlp" else {}
        found = ESTIMATORS[name].gradients(*given, rng=rng, **settings, **more)
        return {k: factor * g for k, g in found.items()}

    claimed = {"rule": name, "settings": settings, "acceptance": "unbiased", "losses": "squared_error"}
    claimed |= {"when": "every", "depths": 1, "profile": "quick", **LIF}
    found = certify(partial(drawn, 1), **claimed)
    assert found.verdict == "certified" and f"has {name} as the mean of its draws" in found.reason
    assert certify(partial(drawn, 1.5), **claimed).verdict == "refuted"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rule": "fptt", "T": 1}, "T >= 2"),
        ({"rule": "fptt", "settings": {"form": "both"}}, "'paper' or 'code'"),
        ({"rule": "otpe", "cells": "lstm"}, "lif layers"),
        ({"rule": "otpe", "options": {"recurrent": True}}, "recurrent=False"),
        ({"rule": "otpe", "masks": ["output"]}, "inputs and targets alone"),
        ({"rule": "otpe", "when": "max"}, "with the loss"),
        ({"rule": "otpe", "acceptance": "bounded"}, "a row of the rule table"),
        ({"rule": "otpe", "acceptance": "unbiased"}, "which is not random"),
        ({"rule": "opzo", "acceptance": "unbiased"}, "not known in closed form"),
        ({"rule": "otpe", "online": True}, "a row of the rule table"),
        ({"rule": "uoro"}, "acceptance='unbiased'"),
        ({"rule": "ostl", "settings": {"k": 1}}, "rows have no settings"),
        ({"rule": "update-per-step", "settings": {"rule": "ottt "}}, "unknown"),
        ({"rule": "s-tllr", "settings": {"feedback": "random"}}, "symmetric, direct"),
    ],
)  # fmt: skip
def test_what_cannot_be_claimed_is_refused_with_a_sentence(given, said):
    with pytest.raises(GradcertError, match=said):
        Claim(**{**LIF, "depths": 2, **given})


def test_settings_are_in_the_name_beside_it_and_on_the_line():
    one = Claim("fptt(form=code, parts=3)", **LIF)
    assert one == Claim("fptt", settings={"parts": 3, "form": "code"}, **LIF)
    assert one.to_dict()["settings"] == {"form": "code", "parts": 3} and one.rule == "fptt"
    assert str(one) == "fptt(form=code, parts=3) on lif, depth 1, 2, float64, readout rnn"
    assert from_dict(one.to_dict()) == one
    assert "settings" not in Claim("ostl", **LIF).to_dict()
