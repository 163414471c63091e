"""Traps T123 to T133 of mathematics.md 14.10: checks that let a wrong gradient pass, and the judge that does not.

Every test shows three things: a wrong gradient, a weak check that it passes, and that the judge refutes it, on cases
that cannot have the weakness.
"""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.claims.claim import Claim
from gradcert.certify.judging.verdict import judge_all
from gradcert.certify.problems.cases.plan import plan
from gradcert.certify.selftest import selftest
from gradcert.certify.selftest.judge import cases_of, key_of
from gradcert.properties.gallery import WRONG
from gradcert.properties.gallery.wrong import learners
from gradcert.properties.laws import LAWS
from gradcert.properties.runner import BROKEN, HELD, hold
from gradcert.properties.subject import Subject
from gradcert.reference import RULES
from gradcert.reference.engines import reverse
from gradcert.reference.networks import Problem
from gradcert.reference.networks.cells import snu_equations

OSTL = Claim(rule="ostl", cells="snu", depths=(1, 2), losses="squared_error", when="every")
LIF = Claim(rule="ostl", cells="lif", depths=1, losses="squared_error", when="every", options={"train": ()})
ALIF = WRONG["T41_beta_once"].claim
DIRECT = Claim(rule="e-prop-random", cells="lif", depths=1, losses="squared_error", when="every", readout="integrator")
CLAIMS = (OSTL, LIF, DIRECT)
USUAL = ("dyadic", "bounded")


def cases(claim):
    """The ordinary cases of a claim: what is said here of its problems is not so in every circumstance."""
    return [prepared.case for spec, prepared in cases_of(key_of(claim)) if spec.family in USUAL]


def problems():
    return [case.problem for claim in CLAIMS for case in cases(claim)]


def gradients(problem, rule="ostl", **changed):
    p = replace(problem, **changed)
    return reverse.gradients(p.network, p.parameters, p.inputs, p.targets, rule=RULES[rule], feedback=p.feedback)


def same(a, b):
    """The weak check at its best: not a bit of difference."""
    return all((a[name] == b[name]).all() for name in b)


def refuted(case, given):
    return any(not verdict.ok for verdict in judge_all(given, case.expected.gradients).values())


def test_t123_a_silent_network_agrees_with_everything():
    wrong = WRONG["T05_reset_term_dropped"].gradients
    for case in cases(OSTL):
        p = case.problem
        silent = replace(
            p, inputs=0 * p.inputs, parameters={k: v if k[9] != "b" else v - 4 for k, v in p.parameters.items()}
        )
        silent = replace(silent, parameters={k: 0 * v if k[9] == "H" else v for k, v in silent.parameters.items()})
        found, right = wrong(silent), gradients(silent)
        assert all((found[k] == right[k]).all() for k in right if k[9] in "WH")  # 0 = 0
        assert all(0.1 <= rate <= 0.9 for rate in case.facts["spike rates"])
        assert all(np.count_nonzero(b.value) * 2 >= b.value.size for b in case.expected.gradients.values())
    assert any(refuted(case, wrong(case.problem)) for case in cases(OSTL))


def test_t124_what_is_constant_in_time_does_not_show_a_shift():
    for case in cases(OSTL):
        y = case.problem.targets
        late = np.concatenate([y[:1], y[:-1]])
        constant = np.repeat(y[:1], len(y), axis=0)
        assert same(gradients(case.problem, targets=constant), gradients(case.problem, targets=constant[::-1]))
        assert refuted(case, gradients(case.problem, targets=late))
    for p in problems():
        assert (p.inputs[1:] != p.inputs[:-1]).any() and (p.targets[1:] != p.targets[:-1]).any()


def test_t125_one_step_has_no_jacobian():
    wrong = WRONG["T06_gate_dropped"].gradients
    for case in cases(OSTL):
        first = replace(case.problem, inputs=case.problem.inputs[:1], targets=case.problem.targets[:1])
        assert same(wrong(first), WRONG["T23_no_recursion"].gradients(first))
    assert any(refuted(case, wrong(case.problem)) for case in cases(OSTL))
    for p in problems():
        assert len(p.inputs) >= 4
        assert all((v != 0).any() for v in p.parameters.values())


@pytest.mark.parametrize(
    ("name", "blind"),
    [
        ("T16_threshold_missing_in_reset", {"threshold": 1.0}),
        ("T62_one_over_batch", {"batch": 1}),
        ("T03_lateral_transposed", {"symmetric": True}),
    ],
)
def test_t126_convenient_values_hide_factors(name, blind):
    claim, wrong = (LIF if "T16" in name else OSTL), WRONG[name].gradients
    for case in cases(claim):
        p = case.problem
        if case.spec.depth > 1:
            continue
        if "threshold" in blind:
            layers = tuple(replace(x, cell=replace(x.cell, threshold=1.0)) for x in p.network.layers)
            p = replace(p, network=replace(p.network, layers=layers))
        if "batch" in blind:
            p = replace(p, inputs=p.inputs[:, :1], targets=p.targets[:, :1])
        if "symmetric" in blind:
            half = {k: (v + v.T) / 2 if k.endswith("H") else v for k, v in p.parameters.items()}
            p = replace(p, parameters=half)
        right = WRONG["T62_one_over_steps"].gradients.func if "T16" not in name else WRONG[name].gradients.func
        assert same(wrong(p), right(p))
    assert any(refuted(case, wrong(case.problem)) for case in cases(claim))
    for p in problems():
        assert p.inputs.shape[1] > 1
        for i, layer in enumerate(p.network.layers):
            assert layer.inputs != layer.units and getattr(layer.cell, "threshold", 0) != 1
            lateral = p.parameters.get(f"layers.{i}.H")
            assert lateral is None or (lateral != lateral.T).any()


def test_t127_one_layer_does_not_speak_for_two():
    one, two = ([case for case in cases(OSTL) if case.spec.depth == depth] for depth in (1, 2))
    assert not any(refuted(case, gradients(case.problem, rule="bptt")) for case in one)
    assert all(refuted(case, gradients(case.problem, rule="bptt")) for case in two)
    deep = replace(OSTL, depths=(1, 2, 3))
    assert {spec.depth for spec in plan(deep, "quick")} == {1, 2, 3}


def test_t128_a_cosine_is_blind_to_scale():
    for case in cases(OSTL):
        given = {k: g / 4 for k, g in gradients(case.problem).items()}
        for name, bounds in case.expected.gradients.items():
            cosine = (given[name] * bounds.value).sum() / np.sqrt((given[name] ** 2).sum() * (bounds.value**2).sum())
            assert cosine > 1 - 2.0**-48  # a handful of roundings of three sums of a few dozen terms
        assert refuted(case, given)


@pytest.mark.parametrize(("name", "tolerance"), [("T41_beta_once", 0.05), ("T122_float32_inside", 1e-5)])
def test_t129_a_tolerance_larger_than_the_effect(name, tolerance):
    entry = WRONG[name]
    claim = Claim(**{**entry.claim, "losses": ("squared_error",), "when": ("every",)})
    seen = []
    for case in cases(claim):
        found = entry.gradients(case.problem)
        for key, bounds in case.expected.gradients.items():
            off = np.abs(found[key] - bounds.value).max() / np.abs(bounds.value).max()
            assert off <= tolerance  # passes as "close enough"
        seen.append(refuted(case, found))
    assert any(seen)
    # the judge shows in every run that it sees one part in a million
    controls = [dict(prepared.variants) for spec, prepared in cases_of(key_of(claim)) if spec.family in USUAL]
    assert all(each["one part in a million"] for each in controls)


def test_t130_a_helper_on_both_sides_hides_its_mistakes(monkeypatch):
    right = snu_equations.factors

    def without_gate(n, p, prev, now, **options):
        return {**right(n, p, prev, now, **options), snu_equations.STATE: p["leak"] + 0 * prev["z"]}

    subject = Subject.of_reference("ostl", engine="reverse", cells_from=("snu",), recurrent=True)
    assert hold(subject, LAWS["stopped"], examples=4).verdict == HELD
    monkeypatch.setattr(snu_equations, "factors", without_gate)
    assert hold(subject, LAWS["row"], examples=4, shrink=False).verdict == HELD  # the same derivative on both sides
    # the law that shares none of it: dual numbers through the cell's own step
    assert hold(subject, LAWS["stopped"], examples=8, shrink=False).verdict == BROKEN


def test_t131_a_fixed_tolerance_and_few_draws_cannot_see_a_bias():
    entry = WRONG["T85_noise_of_one_step"]
    claim = Claim(**{**entry.claim, "when": ("every",)})
    case = cases(claim)[0]
    draws = [entry.estimate(case.problem, seed) for seed in range(8)]
    for name, bounds in case.expected.gradients.items():
        mean = np.mean([d[name] for d in draws], axis=0)
        assert (np.abs(mean - bounds.value) <= 10 * np.abs(bounds.value).max()).all()
    assert hold(entry.subject(), LAWS["enumeration"], examples=3, shrink=False).verdict == BROKEN


@pytest.mark.long
def test_t132_an_entry_point_for_the_whole_sequence_bypasses_the_online_rule():
    case = cases(OSTL)[0]
    prophet = learners.Prophet(case.problem)
    for x, y in zip(case.problem.inputs, case.problem.targets, strict=True):
        prophet.step(x, y)
    assert not refuted(case, prophet.gradients())  # of the whole sequence, all at once
    (member,) = selftest(["F01_prophet"])
    assert (member.verdict, member.check) == ("killed", "call")


def test_t133_one_seed_hides_the_sign_of_random_feedback():
    def wrong(p: Problem):
        return gradients(p, rule="e-prop-random", feedback={k: abs(b) for k, b in p.feedback.items()})

    for case in cases(DIRECT):
        lucky = replace(case.problem, feedback={k: abs(b) for k, b in case.problem.feedback.items()})
        assert same(wrong(lucky), gradients(lucky, rule="e-prop-random"))
    assert all(refuted(case, wrong(case.problem)) for case in cases(DIRECT))
    matrices = [b for case in cases(DIRECT) for b in case.problem.feedback.values()]
    assert all((b > 0).any() and (b < 0).any() for b in matrices)
    assert len({b.tobytes() for b in matrices}) == len(matrices)
