"""Scale cases: correct code stays inside the measured envelope; what only large or extreme numbers show is found."""

import numpy as np
import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.claims.claim import Claim
from gradcert.certify.judging.controls import reference_passes, variants
from gradcert.certify.judging.verdict import judge, judge_all
from gradcert.certify.problems.budget import envelope
from gradcert.certify.problems.cases import scale
from gradcert.certify.problems.cases.case import Spec
from gradcert.certify.problems.cases.generate import generate
from gradcert.certify.problems.cases.plan import plan
from gradcert.reference import RULES
from gradcert.reference.engines import forward, reverse
from gradcert.reference.numbers import Floats
from scripts.attack import ways


def case_of(kind, *, rule="ostl", cell="snu", depth=2, loss="squared_error", dtype="float64", seed=0):
    claim = Claim(rule=rule, cells=cell, dtype=dtype)
    case = scale.generate(Spec(cell, depth, loss, "every", "scale", scale.KINDS.index(kind)), claim, seed=seed)
    assert case is not None
    return case


def given(case):
    p = case.problem
    return p.network, p.parameters, p.inputs, p.targets


@pytest.mark.parametrize("kind", [k for k in scale.KINDS if k != "wide"])
@pytest.mark.parametrize(("cell", "rule", "dtype"), [("snu", "ostl", "float64"), ("gru", "bptt", "float32")])
def test_both_engines_stay_inside(kind, cell, rule, dtype):
    case = case_of(kind, rule=rule, cell=cell, dtype=dtype, loss="cross_entropy")
    assert reference_passes(case)


def test_known_wrong_variants_leave_it():
    for kind in ("long", "wide", "leaky"):
        shown = {name: refuted for name, refuted in variants(case_of(kind)) if refuted is not None}
        assert len(shown) >= 10
        assert all(shown.values()), (kind, shown)


def test_order_alone_changes_nothing_that_is_exact():
    # dyadic numbers: every order of every sum is exact, so another order gives the same bits
    claim = Claim(
        rule="ostl-random", cells="snu", options={"surrogate": {"name": "triangle", "scale": 1.0, "width": 1.0}}
    )
    case = generate(Spec("snu", 2, "squared_error", "every", "dyadic"), claim)
    problem, rng = case.problem, np.random.default_rng(0)
    assert case.expected.exact
    assert problem.feedback
    orders = [rng.permutation(n) for n in envelope._sizes(problem)]
    samples = rng.permutation(problem.inputs.shape[1])
    plain = envelope._evaluated(problem, case.rule, envelope.Shaken("float64"))
    other = envelope._evaluated(envelope.ordered(problem, orders, samples), case.rule, envelope.Shaken("float64"))
    assert not np.array_equal(other.gradients["layers.0.W"], plain.gradients["layers.0.W"])
    back = envelope._restored(problem, other, orders, samples)
    for name, value in plain.gradients.items():
        assert np.array_equal(back.gradients[name], value), name
    assert np.array_equal(back.outputs, plain.outputs)
    assert all(np.array_equal(back.margins[i], m) for i, m in plain.margins.items())


def test_a_spike_without_margin_is_no_case(monkeypatch):
    case = case_of("faint")
    rng = np.random.default_rng(0)
    assert envelope.envelope(case.problem, case.rule, "float64", rng) is not None
    monkeypatch.setattr(envelope, "LAMBDA", 1e15)  # as if evaluations could move a potential by that much
    assert envelope.envelope(case.problem, case.rule, "float64", rng) is None


def test_a_softmax_without_a_shift_overflows():
    claim = {"activation": "identity"}
    case = scale.generate(
        Spec("rnn", 1, "cross_entropy", "every", "scale", scale.KINDS.index("loud")),
        Claim(rule="bptt", cells="rnn", options=claim),
    )
    outputs = case.expected.outputs.value
    assert abs(outputs).max() > 710  # beyond which exp overflows
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(outputs)).any()
    assert all(np.isfinite(b.value).all() for b in case.expected.gradients.values())


def test_drift_over_many_steps_is_seen_where_small_cases_see_none():
    # every parameter off by one part in 10^12
    case = case_of("long", cell="leaky_rnn", rule="bptt", depth=1)
    p, wide = case.problem, Floats("float64")
    right = reverse.gradients(*given(case), rule=case.rule, numbers=wide)
    assert all(v.ok for v in judge_all(right, case.expected.gradients).values())
    parameters = {k: v * (1 + 2.0**-40) for k, v in p.parameters.items()}
    drifted = reverse.gradients(p.network, parameters, p.inputs, p.targets, rule=case.rule, numbers=wide)
    assert not all(v.ok for v in judge_all(drifted, case.expected.gradients).values())


def test_subnormal_numbers_may_be_flushed():
    case = case_of("subnormal", cell="rnn", rule="bptt", depth=1)
    tiny = np.finfo("float64").tiny
    assert 0 < abs(case.problem.inputs).max() < tiny
    p = case.problem
    flushed = forward.gradients(p.network, p.parameters, 0 * p.inputs, 0 * p.targets, rule=RULES["bptt"])
    assert judge(flushed["layers.0.W"], case.expected.gradients["layers.0.W"]).ok


def test_they_are_planned_for_thorough_runs_of_exact_claims():
    claim = Claim(rule="ostl", cells="snu", depths=1)
    count = lambda c, profile: sum(s.family == "scale" for s in plan(c, profile))  # noqa: E731
    assert [count(claim, name) for name in ("quick", "default", "thorough")] == [0, 0, len(scale.KINDS)]
    assert count(Claim(rule="rtrl", cells="rnn", acceptance="unbiased"), "thorough") == 0


def test_a_subject_that_fails_at_scale_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("gradcert.certify.campaign.campaign.plan", lambda claim, profile: SPECS)
    path = tmp_path / "subject.py"
    path.write_text(SUBJECT)
    found = certify(f"{path}:gradients")
    assert found.verdict == "refuted"
    (finding,) = found.findings
    assert finding.cause == "at scale: loud"
    assert "holds" in finding.reason
    assert {c.id: c.verdict for c in found.cases} == {s.id: "failed" if s.index == 2 else "passed" for s in SPECS}
    assert "scale cases are held to a measured envelope: weaker evidence than a derived budget" in found.notes


SPECS = (
    Spec("rnn", 1, "cross_entropy", "every", "bounded"),
    Spec("rnn", 1, "cross_entropy", "every", "scale", scale.KINDS.index("leaky")),
    Spec("rnn", 1, "cross_entropy", "every", "scale", scale.KINDS.index("loud")),
)
SUBJECT = """
import numpy as np
import gradcert

OPTIONS = {"activation": "identity", "recurrent": False, "bias": False}

@gradcert.claim(rule="bptt", cells="rnn", depths=1, options=OPTIONS)
def gradients(problem):
    W = problem.parameters["layers.0.W"]
    z = problem.inputs @ W.T
    p = np.exp(z)
    error = p / p.sum(axis=2, keepdims=True) - problem.targets
    return {"layers.0.W": np.einsum("tbi,tbj->ij", error, problem.inputs)}
"""


RIGHT = {
    "backward in time": ways.in_time("backward"),
    "in halves": ways.in_time("halves"),
    "traces": ways.online,
    "a leak as a logarithm": ways.kept_as(ways.logarithm),
    "a loss rescaled": ways.rescaled,
}
TRAINED = Claim(
    rule="bptt", cells="lif", readout="integrator", options={"recurrent": True, "train": ("leak", "threshold")}
)


@pytest.mark.parametrize(("kind", "depth"), [("leaky", 2), ("faint", 2), ("long", 1)])
def test_right_programs_of_every_order_stay_inside(kind, depth):
    index = scale.KINDS.index(kind)
    case = scale.generate(Spec("lif", depth, "squared_error", "last", "scale", index, index + depth - 1), TRAINED)
    assert case.spec.family == "scale"
    for name, way in RIGHT.items():
        verdicts = judge_all(way(case.problem, case.rule), case.expected.gradients)
        assert all(v.ok for v in verdicts.values()), name


def test_no_allowance_is_below_the_rounding_of_the_accumulated_terms():
    # 400 equal terms: eight evaluations may agree to the bit; another order of the sum need not
    case = case_of("long", cell="leaky_rnn", rule="bptt", depth=1)
    steps, batch, _ = case.problem.inputs.shape
    for b in case.expected.gradients.values():
        assert (b.budget >= steps * batch * 2.0**-53 * abs(b.value).max()).all()


def test_a_deviation_whose_square_underflows_is_an_allowance():
    # kappa^29 = 1e-175 with kappa = 2^-20: an error of kappa's other forms is 1e-182, its square nothing
    case = scale.generate(Spec("lif", 2, "squared_error", "last", "scale", 3, 4), TRAINED)
    bounds = case.expected.gradients["layers.2.W"]
    assert 0 < abs(bounds.value).max() < 1e-160
    assert (bounds.budget > 1e-9 * abs(bounds.value).max()).all()
