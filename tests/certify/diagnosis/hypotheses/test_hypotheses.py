"""Hypotheses: the graph that they edit is the engine's, a right one is proven, and no other is believed."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.claims.claim import Claim
from gradcert.certify.diagnosis import causes
from gradcert.certify.diagnosis.direct import fits, stored_values
from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.certify.diagnosis.hypotheses import all_of, tried
from gradcert.certify.diagnosis.unrolled import Edit, edited, on_floats
from gradcert.certify.problems.cases.case import Spec
from gradcert.certify.problems.cases.generate import generate
from gradcert.reference.rules import RULES

GRAPHS = (
    ("ostl", "snu", 2, {}),
    ("e-prop", "alif", 1, {"readout": "integrator"}),
    ("osttp", "lif", 2, {"readout": "rnn"}),
    ("tbptt-chunks", "lif", 1, {"options": {"reset": "hard", "recurrent": True}}),
    ("ostl-random", "snu", 2, {}),
)


def case_of(rule, cell, depth, options, family="dyadic", index=0):
    claim = Claim(rule=rule, cells=cell, depths=(depth,), losses="squared_error", **options)
    return generate(Spec(cell, depth, "squared_error", "every", family, index), claim)


@pytest.mark.parametrize(("rule", "cell", "depth", "options"), GRAPHS)
def test_without_an_edit_the_graph_gives_the_engines_gradient(rule, cell, depth, options):
    case = case_of(rule, cell, depth, options)
    bench = on_floats(case.problem, case.rule)
    found = edited(bench, Edit())
    # both sums are inside the budget of the case; where it is zero they are equal to the last bit
    for name, bounds in case.expected.gradients.items():
        assert (np.abs(found[name] - bounds.value) <= bounds.budget).all()


def evidence_for(make, *, rule="ostl", cell="snu", depth=2, **options):
    out = []
    for index, family in enumerate(("dyadic", "bounded")):
        case = case_of(rule, cell, depth, options, family, index)
        out.append(Evidence(case, make(case)))
    return out


def computed(key):
    """Return what somebody with this mistake returns, by the hypothesis' own arithmetic in floats."""

    def make(case):
        bench = on_floats(case.problem, case.rule)
        return next(h for h in all_of(bench) if h.key == key).compute(bench)

    return make


@pytest.mark.parametrize(
    "key",
    [
        "timing:slope too new",
        "timing:trace read before its update",
        "factor:a<-v' = leak",
        "convention:strict = False",
        "loss:when = last",
    ],
)
def test_a_mistake_is_named(key):
    evidence = evidence_for(computed(key))
    explanation = causes.find(evidence, RULES["ostl"])
    assert explanation.keys == (key,) and str(explanation).startswith("it equals ostl with ")


@pytest.mark.long
def test_a_mistake_with_a_second_one_on_top_is_not_named():
    right = computed("factor:a<-v' = leak")
    # one entry in a thousand parts: far inside what the floats of the first filter let pass, far outside any budget
    spoiled = evidence_for(lambda case: {k: g * (1 + 2.0**-10 * (k == "layers.0.W")) for k, g in right(case).items()})
    explanation = causes.find(spoiled, RULES["ostl"])
    assert "layers.0.W" in explanation.unexplained
    assert not list(fits.search(spoiled, RULES["ostl"])) and not stored_values.search(spoiled)


def gradient(case, **changed):
    bench = on_floats(case.problem, case.rule)
    return edited(bench, Edit(**changed))


def test_amounts_are_found_and_rounded_to_what_somebody_wrote():
    decayed = evidence_for(lambda case: {k: g + 0.25 * case.problem.parameters[k] for k, g in gradient(case).items()})
    (fit,) = fits.search(decayed, RULES["ostl"])
    assert fit.what == "weight decay" and "0.25" in fit.label
    ramp = evidence_for(lambda case: gradient(case, error=lambda d, b: d * np.arange(1, len(d) + 1)[:, None, None]))
    (fit,) = fits.search(ramp, RULES["ostl"])
    assert fit.what == "steps weighed" and "1, 2, 3, 4" in fit.label


def test_what_was_done_to_the_values_afterwards():
    def held(case):
        out = dict(gradient(case))
        out["layers.0.W"] = out["layers.0.W"].copy()
        out["layers.0.W"][1] = 0
        return out

    assert [what for what, _ in stored_values.search(evidence_for(held))] == ["rows held"]
    half = evidence_for(lambda case: {k: g.astype(np.float16).astype(float) for k, g in gradient(case).items()})
    assert "float16" in [what for what, _ in stored_values.search(half)]
    nearly = [replace(e, given={k: np.nextafter(g, 9) for k, g in e.given.items()}) for e in half]
    assert not stored_values.search(nearly)


@pytest.mark.long
@pytest.mark.parametrize(
    ("rule", "cell", "options"), [("e-prop", "alif", {"readout": "integrator"}), ("ostl", "gru", {})]
)
def test_every_hypothesis_can_be_computed_or_does_not_apply(rule, cell, options):
    case = case_of(rule, cell, 1, options, "bounded")
    bench = on_floats(case.problem, case.rule)
    found = {h.key: tried(h, bench) for h in all_of(bench, differenced=True)}
    assert len(found) > 100
    for key, gradients in found.items():
        shapes = None if gradients is None else {k: np.shape(g) for k, g in gradients.items()}
        assert shapes in (None, {k: v.shape for k, v in case.problem.parameters.items()}), key
    # at least one of every kind that this network has changes something
    right = edited(bench, Edit())
    other = {k.partition(":")[0] for k, g in found.items() if g and any((g[n] != right[n]).any() for n in right)}
    assert {"timing", "arc", "factor"} <= other


def test_what_reads_alike_computes_alike():
    """Hypotheses are known by key and label: of two that read alike and differ, one would never be tried."""
    options = {"readout": "rnn", "readout_options": {"recurrent": False}, "options": {"recurrent": False}}
    bench = on_floats((case := case_of("ottt", "lif", 1, options)).problem, case.rule)
    groups = {}
    for hypothesis in all_of(bench):
        groups.setdefault((hypothesis.key, hypothesis.label), []).append(hypothesis)
    for first, *others in groups.values():
        for other in others:
            mine, theirs = tried(first, bench), tried(other, bench)
            assert (mine is None) == (theirs is None)
            assert mine is None or all((mine[k] == theirs[k]).all() for k in mine), first.label
