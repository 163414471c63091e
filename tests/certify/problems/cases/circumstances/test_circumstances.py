"""Circumstances: every level by default, every pair in the thorough profile; what is met, and what is ruled out."""

from itertools import combinations

import numpy as np
import pytest

from gradcert.certify.claims import AXES, Claim, from_dict
from gradcert.certify.judging import acceptance, judge_all
from gradcert.certify.problems import Spec, expect, generate, plan
from gradcert.certify.problems.cases.circumstances import (
    IMPOSSIBLE,
    MANY,
    drawn_axes,
    long,
    make_case,
    rows,
    ruled_out,
    summary,
)
from gradcert.certify.problems.cases.circumstances.rows import impossible
from gradcert.reference import CELLS, RULES, Floats, GradcertError, Layer, Network, Problem, Rnn, rule_named
from gradcert.reference.engines import reverse
from gradcert.reference.networks import FORMS, Loss


@pytest.mark.parametrize("strength", [1, 2])
def test_every_level_and_every_pair_occurs_and_nothing_impossible(strength):
    claim = Claim("bptt", "lif")
    axes = {**drawn_axes(claim, "lif"), "depth": ("1", "2"), "loss": claim.losses}
    found = rows(axes, strength, salt="0")
    levels = sorted((axis, level) for axis, names in axes.items() for level in names)
    wanted = {some for some in combinations(levels, strength) if len(dict(some)) == strength}
    wanted = {some for some in wanted if impossible(dict(some)) is None}
    assert wanted <= {some for row in found for some in combinations(sorted(row.items()), strength)}
    assert all(impossible(row) is None for row in found)
    assert len(found) <= {1: 12, 2: 120}[strength]


def test_levels_that_cannot_be_together_exist():
    names = {axis: {*levels} for axis, levels in AXES.items()} | {
        "depth": {"1"},
        "loss": {*FORMS},
    }
    assert all(set(levels) <= names[axis] for pair in IMPOSSIBLE for axis, levels in pair)


@pytest.mark.parametrize(("cell", "dtype"), [("snu", "float64"), ("lif", "float32"), ("rnn", "float32")])
def test_every_level_is_met_by_default_and_the_reference_passes(cell, dtype):
    options = (
        {"readout": "rnn", "readout_options": {"activation": "identity", "recurrent": False}} if cell == "snu" else {}
    )
    claim = Claim("bptt", cell, dtype=dtype, **options)
    met = set()
    for spec in plan(claim):
        if spec.family == "circumstance":
            case = make_case(spec, claim)
            assert acceptance.sound(case, claim), spec
            met |= set(case.facts["met"])
    open_levels = {f"{axis}: {v}" for axis, names in drawn_axes(claim, cell).items() for v in names}
    assert open_levels - met <= {"spikes: some", "numbers: ordinary"}  # which ordinary cases meet


@pytest.mark.long
@pytest.mark.parametrize("depths", [(1,), (1, 2)])
@pytest.mark.parametrize("cell", CELLS)
def test_the_cases_of_the_default_profile_meet_every_level_that_nothing_rules_out(cell, depths):
    claim = Claim("bptt", cell, depths=depths)
    draw = {"circumstance": make_case, "long": long.generate}
    facts = [draw.get(spec.family, generate)(spec, claim).facts for spec in plan(claim)]
    levels = summary(claim, facts, calls=MANY + 1, again=True)["levels"]
    assert [(axis, name) for axis, names in levels.items() for name, said in names.items() if said == "not met"] == []


def test_a_cell_of_ones_own_has_biases_under_any_name(tmp_path, monkeypatch):
    """And its cases have them: where the level is ruled out they were 0 in all circumstances."""
    monkeypatch.chdir(tmp_path)
    text = '[own]\nparameters = ["offset"]\n[own.equations]\na = "W @ x + H @ z_prev{}"\nz = "tanh(a)"\n'
    for name, words in (("with", " + offset"), ("without", "")):
        shown = text if words else text.replace('parameters = ["offset"]\n', "")
        (tmp_path / f"{name}.toml").write_text(shown.format(words), encoding="utf-8")
        claim = Claim("bptt", f"{name}.toml:own")
        (cell,) = claim.stacks
        assert drawn_axes(claim, cell)["biases"] == (("not 0", "0") if words else ("0",))


def test_a_zero_that_nobody_could_see_is_not_met():
    network = Network(layers=(Layer(Rnn(), inputs=2, units=2),))
    parameters = {k: np.array(v) for k, v in network.parameters(seed=1).items()}
    parameters["layers.0.W"][0, 0] = 0

    def levels(x):
        from gradcert.certify.problems.cases.circumstances import met
        from gradcert.certify.problems.cases.circumstances.generate import floats

        problem = Problem(network, parameters, x, np.ones((2, 1, 2)))
        return met(problem, *floats(problem, RULES["bptt"]))

    assert "weights: one exactly 0" in levels(np.ones((2, 1, 2)))
    assert "weights: one exactly 0" not in levels(np.zeros((2, 1, 2)))  # no input, no gradient of W


def test_what_a_claim_says_rules_levels_out():
    claim = Claim("bptt", "lif", depths=1, losses="squared_error", options={"leak": 0.5, "bias": False})
    out = ruled_out(claim, "lif")
    assert out["leak", "1"] == "the leak is fixed" and out["sizes", "layers alike"] == "one layer"
    assert ("targets", "soft") in out and ("biases", "not 0") in out and ("threshold", "1") not in out
    without = Claim("bptt", "lif", without={"targets": "soft", "T": ["1", "hundreds"]})
    assert "soft" not in drawn_axes(without, "lif")["targets"] and "1" not in drawn_axes(without, "lif")["T"]
    assert not any(spec.family == "long" for spec in plan(without))
    assert from_dict(without.to_dict()) == without and "without T 1 or hundreds" in str(without)
    assert "without" not in Claim("bptt", "lif").to_dict()


@pytest.mark.parametrize("wrong", [{"color": "red"}, {"targets": "sofd"}, {"B": ["1", "2", "more"]}, ["targets"]])
def test_a_level_that_does_not_exist_is_said_at_once(wrong):
    with pytest.raises(GradcertError, match="without"):
        Claim("bptt", "rnn", without=wrong)


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(
    ("cell", "dtype", "when"),
    [
        ("lif", "float64", ("every", "last")),
        ("rnn", "float32", ("every", "last")),
        ("lstm", "float64", "every"),
        ("lstm", "float32", "every"),
        ("ltc", "float32", ("every", "last")),
    ],
)
def test_truncation_at_any_length_leaves_the_budget_of_the_long_case(cell, dtype, when):
    claim = Claim("bptt", cell, dtype=dtype, when=when)
    (spec,) = (s for s in plan(claim) if s.family == "long")
    case = long.generate(spec, claim)
    p = case.problem
    assert case.facts["T"] >= (64 if cell == "ltc" else 100)
    assert case.facts["truncations seen"] == f"1 to {case.facts['T'] - 1} steps"
    for name in [f"{form}({k})" for form in ("tbptt", "tbptt-chunks") for k in (*range(1, 41), case.facts["T"] - 1)]:
        given = reverse.gradients(
            p.network, p.parameters, p.inputs, p.targets, rule=rule_named(name), numbers=Floats(dtype)
        )
        assert not all(v.ok for v in judge_all(given, case.expected.gradients).values()), name
        if name.startswith("tbptt(") and dtype == "float64":
            assert f"tbptt({long.truncation(case, given)})" == name


def test_logits_beyond_the_exponents_range_have_the_budget_of_a_shifted_softmax():
    network = Network(layers=(Layer(Rnn(activation="identity"), inputs=2, units=3),), loss=Loss("cross_entropy"))
    parameters = {name: np.array(v) for name, v in network.parameters(seed=1).items()}
    parameters["layers.0.H"][:] = 0
    far = {**parameters, "layers.0.b": parameters["layers.0.b"] + 1024}
    x, y = np.ones((1, 1, 2)), np.eye(3)[:1].reshape(1, 1, 3)
    near, beyond = (expect(Problem(network, p, x, y), RULES["bptt"], "float64") for p in (parameters, far))
    value, other = (e.gradients["layers.0.b"] for e in (near, beyond))
    assert np.abs(value.value - other.value).max() < 1e-12 and np.isfinite(other.budget).all()
    assert other.budget.max() < 1e-9 and (other.budget > value.budget).all()  # the argument itself is rounded
    assert all(
        v.ok for v in judge_all(reverse.gradients(network, far, x, y, rule=RULES["bptt"]), beyond.gradients).values()
    )


def test_a_case_that_could_see_nothing_meets_nothing():
    # weights so large that the slope of a tanh is less than its rounding
    row = {"T": "2", "B": "1", "sizes": "one unit", "memory": "Fortran order", "targets": "all 0"}
    row |= {"numbers": "saturated"}
    spec = Spec("rnn", 1, "squared_error", "last", "circumstance", 25, levels=tuple(row.items()))
    case = make_case(spec, Claim("bptt", "rnn"))
    assert min(b.relative for b in case.expected.gradients.values()) > 1 and case.facts["met"] == []


@pytest.mark.parametrize(("cell", "limit"), [("lif", 20.0), ("snu", 20.0)])
def test_a_loud_first_step_is_seen_by_whoever_limits_states(cell, limit):
    claim = Claim("bptt", cell, depths=1, losses="squared_error")
    spec = Spec(cell, 1, "squared_error", "every", "circumstance", levels=(("inputs", "a loud first step"),))
    case = make_case(spec, claim)
    assert "inputs: a loud first step" in case.facts["met"] and case.facts["T"] == 24
    network = case.problem.network
    weights = case.problem.parameters
    inputs = case.problem.inputs.copy()
    drive = inputs[0] @ weights["layers.0.W"].T
    assert np.abs(drive).max() > limit
    inputs[0] *= limit / np.abs(drive).max()  # what a limit of the state makes of the first step
    wrong = reverse.gradients(network, weights, inputs, case.problem.targets, rule=RULES["bptt"])
    assert not all(v.ok for v in judge_all(wrong, case.expected.gradients).values())


def test_errors_are_large_too_where_targets_can_be():
    claim = Claim("bptt", "rnn", depths=1)
    for loss in claim.losses:
        spec = Spec("rnn", 1, loss, "every", "circumstance", levels=(("targets", "above 1e5"),))
        case = make_case(spec, claim)
        assert "targets: above 1e5" in case.facts["met"] and case.facts["targets"] > 1e5
    for given in ({"targets": "one-hot", "losses": "cross_entropy"}, {"losses": "bernoulli"}, {"dtype": "float16"}):
        assert ("targets", "above 1e5") in ruled_out(Claim("bptt", "rnn", **given), "rnn")


def test_what_was_drawn_for_a_level_is_the_same_again():
    spec = Spec("snu", 2, "cross_entropy", "every", "circumstance", 3, levels=(("targets", "soft"), ("B", "1")))
    one, two = (make_case(spec, Claim("bptt", "snu"), seed=s) for s in (4, 4))
    assert one.problem.to_json() == two.problem.to_json()
    assert (one.problem.targets.sum(axis=-1) == 1).all() and one.problem.targets.max() == 0.75


def test_levels_that_nothing_shows_together_are_given_up_one_by_one():
    options = {"gain": "one", "adaptation_gain": "one", "reset": "threshold", "scaling": "none", "resistance": 1.0}
    readout = {"readout": "integrator", "readout_options": {"kappa": 0.75, "train": []}}
    claim = Claim("e-prop", "alif", depths=1, options=options, **readout)
    row = {"T": "even", "B": "more", "samples": "equal", "sizes": "one input", "weights": "all negative", "biases": "0"}
    row |= {"inputs": "subnormal", "memory": "read-only", "targets": "soft", "leak": "1", "threshold": "1"}
    spec = Spec("alif", 1, "cross_entropy", "every", "circumstance", 66, 66, levels=tuple(row.items()))
    case = make_case(spec, claim, seed=24)
    assert case is not None  # it was none, and the run inconclusive
    assert "targets: soft" in case.facts["met"] and "inputs: subnormal" not in case.facts["met"]
