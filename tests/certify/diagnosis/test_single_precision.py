"""Float32 is named where what came back shows it; what is off by as much for another reason is not called so."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.campaign import certify
from gradcert.certify.claims import Claim
from gradcert.certify.diagnosis import Evidence
from gradcert.certify.diagnosis.direct import transformations
from gradcert.certify.problems import Spec, generate
from gradcert.reference import RULES, reverse

CLAIM = Claim(rule="bptt", cells="rnn", depths=1, losses="cross_entropy", when="every")
ARITHMETIC = "float32 arithmetic"


def gradient(problem):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"])


def reason(subject, losses="cross_entropy"):
    return certify(subject, claim=replace(CLAIM, losses=losses), profile="quick").reason


def rounded(value):
    return np.asarray(value, dtype=np.float32).astype(float)


def in_the_logarithm(problem):
    """BPTT of a tanh layer, with 1e-7 added to the probability in the logarithm: all of it in float64."""
    p, x = problem.parameters, problem.inputs
    w, h, b = (p[f"layers.0.{k}"] for k in "WHb")
    z = np.zeros((len(x) + 1, x.shape[1], len(b)))
    for t in range(len(x)):
        z[t + 1] = np.tanh(x[t] @ w.T + z[t] @ h.T + b)
    share = np.exp(z[1:]) / np.exp(z[1:]).sum(axis=-1, keepdims=True)
    part = problem.targets * share / (share + 1e-7)
    error, back = share * part.sum(axis=-1, keepdims=True) - part, 0
    out = {k: 0 * g for k, g in p.items()}
    for t in reversed(range(len(x))):
        credit = (error[t] + back) * (1 - z[t + 1] ** 2)
        out["layers.0.W"] += credit.T @ x[t]
        out["layers.0.H"] += credit.T @ z[t]
        out["layers.0.b"] += credit.sum(axis=0)
        back = credit @ h
    return out


def of_one(problem):
    """One gradient off by a few 1e-7, in a direction of its own."""
    found = gradient(problem)
    h = found["layers.0.H"]
    return {**found, "layers.0.H": h + 2e-7 * np.linalg.norm(h) * np.sin(np.arange(h.size)).reshape(h.shape)}


@pytest.mark.parametrize("subject", [in_the_logarithm, of_one])
def test_a_small_difference_is_not_taken_for_float32(subject):
    found = reason(subject)
    assert ARITHMETIC not in found
    assert "it equals bptt but for " in found and "of its norm, as of float32 somewhere inside, a small" in found


def test_float32_at_the_end_is_float32():
    assert f"it equals bptt in {ARITHMETIC}" in reason(lambda p: {k: rounded(g) for k, g in gradient(p).items()})


def test_and_so_it_is_of_one_gradient():
    def subject(problem):
        return {k: rounded(g) if k.endswith("H") else g for k, g in gradient(problem).items()}

    assert f"layers.0.H: equals bptt in {ARITHMETIC}, where float64 is claimed; the rest" in reason(subject)


@pytest.mark.parametrize("what", ["inputs", "targets", "parameters"])
def test_what_went_through_float32_before_is_said(what):
    def subject(problem):
        value = getattr(problem, what)
        single = {k: rounded(v) for k, v in value.items()} if what == "parameters" else rounded(value)
        return gradient(replace(problem, **{what: single}))

    said = f"it equals bptt with {what} rounded to float32, where float64 is claimed"
    assert reason(subject, "squared_error") == f"gradient: {said}"


def test_how_far_it_is_off_is_rounded_up_and_float32_is_no_suspect_of_less_than_its_rounding():
    case = generate(Spec("rnn", 1, "cross_entropy", "every", "bounded"), CLAIM)
    right = {k: b.value for k, b in case.expected.gradients.items()}

    def off(by):
        return transformations.nearly([Evidence(case, {k: g * (1 + by) for k, g in right.items()})], CLAIM.claimed)

    assert off(2.4e-7).startswith("it equals bptt but for 3e-07 of its norm, as of float32 somewhere inside")
    assert off(2.4e-10) == "it equals bptt but for 3e-10 of its norm, as of a small constant, or small values left out"
    assert off(1e-4) == off(0) == ""
