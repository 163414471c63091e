"""Numbers that are off by a few percent are named: of a pseudo-derivative, of a setting, of one gradient."""

from dataclasses import replace

import pytest

from gradcert.certify.claims import Claim
from gradcert.certify.diagnosis import causes
from gradcert.certify.diagnosis.direct import numbers
from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.certify.diagnosis.hypotheses import tried
from gradcert.certify.diagnosis.hypotheses.backward import slopes
from gradcert.certify.problems import Spec, generate
from gradcert.certify.variations import posed, published, trained
from gradcert.certify.variations.fptt import variations
from gradcert.reference.engines import run, tape_gradients
from gradcert.reference.networks import with_cells

TRIANGLE = {"name": "triangle", "scale": 0.5, "width": 1.5}
ONE_SIDED = {"formula": "where(x < 0, max(1 + x / w, 0), 0)", "w": 0.75}


def case_of(**spec):
    claim = Claim(**{"rule": "bptt", "cells": "lif", "depths": 1, "losses": "squared_error", "when": "every", **spec})
    depth = claim.depths[0]
    found = generate(Spec(claim.stacks[0], depth, "squared_error", "every", "bounded"), claim)
    assert found is not None
    return claim, found


def under(case, change):
    other = replace(case.problem, network=with_cells(case.problem.network, change))
    return tape_gradients(run(other), other.targets, rule=case.rule, feedback={})


def said(claim, evidence):
    """What a search over these numbers alone finds, proven."""
    search = causes._Search([evidence], [evidence], claim.claimed, [])
    return str(search._tried(numbers.candidates([evidence], claim.claimed)))


@pytest.mark.parametrize(("psi", "name", "to"), [(TRIANGLE, "width", 1.55), (ONE_SIDED, "w", 0.78)])
def test_a_scale_of_a_pseudo_derivative(psi, name, to):
    claim, case = case_of(options={"surrogate": psi})
    wrong = under(case, lambda c: replace(c, surrogate=c.surrogate.with_scale(name, to)))
    assert f"{name}={to:g}), {name} in the place of {psi[name]:g}" in said(claim, Evidence(case, wrong))
    off = {k: g * 1.01 + 0.02 * (g > 0) for k, g in wrong.items()}  # no number makes that
    assert said(claim, Evidence(case, off)) == "None"


@pytest.mark.long
def test_of_one_layer_alone():
    claim, case = case_of(options={"surrogate": TRIANGLE}, depths=2)
    cells = [layer.cell for layer in case.problem.network.layers]
    last = cells[1]
    assert cells[0] != last  # another leak
    wrong = under(case, lambda c: replace(c, surrogate=c.surrogate.with_scale("width", 1.6)) if c == last else c)
    assert "width in the place of 1.5 in layers.1" in said(claim, Evidence(case, wrong))


def test_a_setting_of_an_algorithm():
    claim, case = case_of(rule="s-tllr")
    wrong = published("s-tllr", {"lp": 0.824}, posed(case.problem, claim.claimed.settings))
    assert "s-tllr with lp = 0.824 in the place of 0.8" in said(claim, Evidence(case, wrong))


def test_a_factor_on_one_gradient():
    claim, case = case_of()
    right = {k: b.value for k, b in case.expected.gradients.items()}
    evidence = Evidence(case, {**right, "layers.0.W": 1.03 * right["layers.0.W"]})
    found = numbers.factor(claim.claimed, [(evidence, "layers.0.W")])
    assert found is not None and found.label == "bptt times 1.03"
    assert found.proven(evidence, frozenset({"layers.0.W"}))
    bent = right["layers.0.W"] * 1.03
    bent[0, 0] *= 1.001
    assert numbers.factor(claim.claimed, [(Evidence(case, {**right, "layers.0.W": bent}), "layers.0.W")]) is None


def test_psi_not_divided_where_its_argument_is():
    _, case = case_of(options={"threshold": 0.5, "scaling": "threshold", "reset": "none"})
    threshold = case.problem.network.layers[0].cell.threshold
    evidence = Evidence(case, {})
    alone = next(h for h in slopes.make(evidence.bench) if h.what == "argument alone")
    # without a reset every path has psi once; times a power of two is exact
    found, right = tried(alone, evidence.bench), case.expected.gradients
    assert all((abs(found[k] / threshold - right[k].value) <= right[k].budget).all() for k in found)


def test_the_state_of_fptts_second_pass():
    claim, case = case_of(rule="fptt(alpha=0.5, parts=3, rate=0.25)", T=6)
    p = posed(case.problem, claim.claimed.settings)
    kinds = {v.what: v for v in variations(p)}
    assert "not 1/2" in kinds["other coefficient"].label
    later = kinds["state of the second pass"].compute(p)
    others = [case.expected.gradients[k].value for k in later], [kinds["state lost"].compute(p)[k] for k in later]
    for other in others:
        assert any(abs(a - b).max() > 1e-9 for a, b in zip(later.values(), other, strict=True))


def test_the_signs_of_tess_as_sines_are_rounded():
    """With three hidden units one angle is pi, whose sine is 0: the reference has 0 there, and code has 1 or -1."""
    claim, case = case_of(rule="tess", depths=2, sizes=(3, 3, 2))
    p = posed(case.problem, claim.claimed.settings)
    kinds = {v.what: v for v in trained.tess(p)}
    found, right = kinds["rounded sines"].compute(p), case.expected.gradients
    assert abs(found["layers.0.W"] - right["layers.0.W"].value).max() > 1e-6
    assert (abs(found["layers.1.W"] - right["layers.1.W"].value) <= right["layers.1.W"].budget).all()
    even = case_of(rule="tess", depths=2, sizes=(3, 4, 2))[1]  # sines of odd multiples of a quarter
    assert "rounded sines" not in {v.what for v in trained.tess(posed(even.problem, {}))}
