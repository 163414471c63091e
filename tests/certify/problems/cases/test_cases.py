"""Cases: seeded, worth having, able to tell a claim from its neighbours; controls that fail."""

from itertools import pairwise

import numpy as np
import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.certificates import grounds
from gradcert.certify.certificates.grounds import SEPARATION
from gradcert.certify.claims.claim import Claim
from gradcert.certify.claims.rows import changes, present
from gradcert.certify.judging import controls
from gradcert.certify.problems.cases.case import Spec
from gradcert.certify.problems.cases.generate import generate
from gradcert.certify.problems.cases.plan import plan
from gradcert.reference import CELLS, Floats, GradcertError, record, rule_named
from gradcert.reference.engines import forward, reverse

CLAIMS = [
    Claim(rule="bptt", cells="lif", depths=(1, 2, 3)),
    Claim(rule="ostl", cells=("snu", "ssnu"), options={"surrogate": ["triangle", "tanh"]}),
    Claim(rule="e-prop", cells="alif", readout="integrator", options={"recurrent": True}),
    Claim(rule="osttp", cells="snu"),
    Claim(rule="tbptt(3)", cells="rnn", dtype="float32"),
    Claim(
        rule="ostl-random", cells="lif", dtype="float32", options={"recurrent": True, "train": ("leak", "threshold")}
    ),
]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_cases_are_worth_having(claim):
    separated = {}
    for spec in plan(claim, "quick"):
        case = generate(spec, claim, seed=1)
        assert case is not None, spec.id
        problem = case.problem
        assert problem.dtype == claim.dtype
        sizes = [problem.network.layers[0].inputs, *(layer.units for layer in problem.network.layers)]
        assert all(a != b for a, b in pairwise(sizes))
        steps, batch, _ = problem.inputs.shape
        assert steps >= 4
        assert batch > 1
        tape = record(problem.network, problem.parameters, problem.inputs)
        for layer in tape.layers:
            if hasattr(layer.layer.cell, "surrogate"):
                assert 0.1 <= layer.now["z"].mean() <= 0.9
                assert set(np.unique(layer.now["z"])) == {0.0, 1.0}
        for name, bounds in case.expected.gradients.items():
            assert np.count_nonzero(np.abs(bounds.value) > bounds.budget) * 2 >= bounds.value.size, name
        if spec.family == "dyadic" and hasattr(problem.network.layers[0].cell, "surrogate"):
            assert case.facts["ties"] > 0
            assert case.expected.outputs.exact
        best = separated.setdefault((spec.cell, spec.depth), {})
        for label, budgets in case.separates.items():
            best[label] = max(best.get(label, 0), budgets)
    for labels in separated.values():
        assert labels
        assert all(budgets == 0 or budgets >= SEPARATION[claim.dtype] for budgets in labels.values())
        assert any(budgets > 0 for budgets in labels.values())


def test_every_edge_of_a_network_has_to_be_separated():
    claim = Claim(rule="ostl", cells="snu", depths=2)
    case = generate(Spec("snu", 2, "squared_error", "every", "bounded"), claim)
    assert [edge.name for edge in present(case.problem.network)] == ["STATE", "RESET", "RECURRENT"]
    labels = {change.label for change in changes(case.rule, case.problem.network)}
    assert set(case.separates) == labels
    assert len(labels) == 6


def test_a_seed_is_a_case():
    claim, spec = CLAIMS[1], Spec("snu", 2, "squared_error", "every", "dyadic")
    first, again, other = (generate(spec, claim, seed=s) for s in (5, 5, 6))
    assert first.problem.to_json() == again.problem.to_json()
    assert first.problem.to_json() != other.problem.to_json()


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_every_cell_has_cases(cell):
    claim = Claim(rule="bptt", cells=cell)
    for spec in plan(claim, "quick"):
        assert generate(spec, claim) is not None, spec.id


def ordinary(claim):
    return [spec for spec in plan(claim) if spec.family in ("dyadic", "bounded")]


def test_alternatives_are_taken_in_turn():
    claim = CLAIMS[1]
    cases = [generate(spec, claim) for spec in ordinary(claim) if spec.cell == "snu"]
    names = {(c.spec.family, c.problem.network.layers[0].cell.surrogate.name) for c in cases}
    assert names == {(f, s) for f in ("dyadic", "bounded") for s in ("triangle", "tanh")}
    assert any(case.expected.exact for case in cases)


def test_layers_have_constants_of_their_own():
    claim = Claim(rule="bptt", cells="lif", depths=2)
    cells = [layer.cell for s in ordinary(claim) for layer in generate(s, claim).problem.network.layers]
    assert len({cell.leak for cell in cells}) > 2
    assert 1.0 not in {cell.threshold for cell in cells}


def test_what_a_claim_fixes_stays_fixed():
    claim = Claim(rule="ottt", cells="lif", options={"leak": 0.5, "strict": True, "bias": False})
    for spec in plan(claim, "quick"):
        for layer in generate(spec, claim).problem.network.layers:
            assert (layer.cell.leak, layer.cell.strict, layer.cell.bias) == (0.5, True, False)


def subject_of(claim):
    """The reference itself, in the claimed dtype."""

    def subject(p):
        given, numbers = (p.network, p.parameters, p.inputs, p.targets), Floats(p.dtype)
        return reverse.gradients(*given, rule=rule_named(claim.rule), numbers=numbers, feedback=p.feedback)

    return subject


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_every_control_is_refuted(claim):
    certificate = certify(subject_of(claim), claim=claim, profile="quick")
    assert certificate.verdict == "certified", certificate.reason
    shown = certificate.controls
    assert {"divided by T", "divided by 2", "sign reversed", "targets one step late"} <= {c.name for c in shown}
    assert any(c.name.startswith("without") or c.name.startswith("with ") for c in shown)
    assert all(0 < c.refuted <= c.shown for c in shown)


def test_edges_that_are_hardly_seen_void_the_run(monkeypatch):
    monkeypatch.setattr(grounds, "SEPARATION", {"float64": 1e30})
    certificate = certify(subject_of(CLAIMS[0]), claim=CLAIMS[0], profile="quick")
    assert certificate.verdict == "inconclusive"
    assert "hardly see the edge" in certificate.reason


def test_a_judge_that_passes_everything_voids_the_run(monkeypatch):
    def blind(case, gradients, right):
        return False

    monkeypatch.setattr(controls, "refuted", blind)
    certificate = certify(subject_of(Claim(rule="bptt", cells="rnn")), rule="bptt", cells="rnn", profile="quick")
    assert certificate.verdict == "inconclusive"
    assert "the control 'without RECURRENT' passed on every case" in certificate.reason


def test_the_reference_has_to_pass(monkeypatch):
    def wrong(*arguments, **options):
        return {name: 1.01 * g for name, g in reverse.gradients(*arguments, **options).items()}

    monkeypatch.setattr(forward, "gradients", wrong)
    certificate = certify(subject_of(Claim(rule="bptt", cells="rnn")), rule="bptt", cells="rnn", profile="quick")
    assert certificate.verdict == "inconclusive"
    assert "leaves its own budget" in certificate.reason


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rule": "nothing", "cells": "rnn"}, "the rule 'nothing' is unknown"),
        ({"rule": "bptt", "cells": "neuron"}, "'neuron'"),
        ({"rule": "bptt", "cells": ()}, "a claim without cells, layers or a network; allowed: at least one"),
        ({"rule": "bptt", "cells": "rnn", "depths": 0}, "depth 0"),
        ({"rule": "bptt", "cells": "rnn", "dtype": "float8"}, "dtype: 'float8'"),
        ({"rule": "bptt", "cells": "rnn", "options": {"leak": 0.5}}, "options: 'leak'"),
        ({"rule": "bptt", "cells": "rnn", "losses": "hinge"}, "losses: 'hinge'"),
    ],
)
def test_a_claim_that_does_not_fit_is_said_at_once(options, words):
    with pytest.raises(GradcertError) as caught:
        Claim(**options)
    assert words in str(caught.value)


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("seed", range(4))
def test_where_no_draw_has_many_entries_one_with_few_is_taken(seed):
    """A lateral gradient of one step has a column for each unit that has just fired: no draw was ever acceptable."""
    claim = Claim("sltt", "alif", options={"recurrent": True}, when="last")
    for spec in plan(claim):
        if spec.family in ("dyadic", "bounded"):
            case = generate(spec, claim, seed=seed)
            assert case is not None, spec.id
            assert all(bounds.value.any() for bounds in case.expected.gradients.values()), spec.id
