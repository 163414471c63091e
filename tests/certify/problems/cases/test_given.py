"""Problems with initial values, weights, beginnings and masks: drawn where they matter, met, budgeted, told apart."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.campaign import vectors
from gradcert.certify.claims import AXES, CLAIMED, Claim
from gradcert.certify.judging import acceptance
from gradcert.certify.judging.controls import UNREAD
from gradcert.certify.problems import PRECISIONS, Case, Spec, generate, make_case, outside, plan, scale
from gradcert.certify.problems.cases.circumstances import drawn_axes, met, ruled_out
from gradcert.certify.problems.cases.circumstances.generate import floats
from gradcert.certify.problems.cases.given import with_given
from gradcert.certify.report.counterexample import given
from gradcert.certify.runs import Task, prepare
from gradcert.properties.gallery.literal import given as literal
from gradcert.properties.numbers import Balls
from gradcert.reference import RULES
from gradcert.reference.networks import Activity, Layer, Lif, Network, Problem
from gradcert.reference.networks.losses import COLLECTED

WHOLE = Claim("bptt", "lif", 1, losses="squared_error", initial="trained", weights=True, begins=True,
              masks=("output", "v"), time="mean")  # fmt: skip
NETWORK = Network(layers=(Layer(Lif(threshold=0.3), inputs=2, units=3),))
PLAIN = Problem(NETWORK, NETWORK.parameters(), np.ones((6, 2, 2)), np.zeros((6, 2, 3)))


def drawn(row, *, exact=False, claim=WHOLE, plain=PLAIN, seed=0):
    return with_given(plain, claim, row, np.random.default_rng(seed), exact=exact, turn=seed)


@pytest.mark.parametrize("axis", CLAIMED)
@pytest.mark.parametrize("exact", [False, True])
def test_every_level_is_drawn_where_it_is_asked_for(axis, exact):
    for level in AXES[axis]:
        for seed in range(3):
            problem = drawn({axis: level}, exact=exact, seed=seed)
            tape, gradients = floats(problem, RULES["bptt"])
            assert f"{axis}: {level}" in met(problem, tape, gradients), (level, seed)


def test_whatever_is_claimed_is_there_in_every_problem():
    for spec in [*plan(WHOLE, "quick"), *plan(WHOLE, "default")[5:8]]:
        case = prepare(Task(spec, WHOLE, 0)).case
        assert case is not None and set(case.problem.data) == {
            "initial", "initial_gradient", "weights", "begins", "masks"
        }, spec.id  # fmt: skip
        assert set(case.expected.gradients) == {*case.problem.parameters, "initial.layers.0.v"}


def test_weights_of_a_dyadic_case_divide_exactly_and_a_loss_of_the_last_step_counts_it():
    for seed in range(20):
        weights = drawn({}, exact=True, seed=seed).weights
        assert {np.log2(w) % 1 for w in weights.sum(axis=0)} == {0.0}
        last = replace(PLAIN, network=replace(NETWORK, loss=replace(NETWORK.loss, when="last")))
        found = drawn({}, plain=last, seed=seed)
        assert found.weights[-1].all() and not found.begins[1:].any()


def test_equal_samples_are_equal_in_all_of_it():
    problem = drawn({"samples": "equal", "initial": "one each"})
    rows = [problem.weights, problem.begins, *problem.masks.values(), problem.initial["layers.0.v"][None]]
    assert all((row[:, 1] == row[:, 0]).all() for row in rows)


def test_what_is_not_claimed_is_neither_there_nor_an_axis():
    claim = Claim("bptt", "lif", 1, losses="squared_error")
    assert not set(drawn_axes(claim, "lif")) & set(CLAIMED)
    assert {ruled_out(claim, "lif")[axis, level] for axis in CLAIMED for level in AXES[axis]} == {"not claimed"}
    case = generate(Spec("lif", 1, "squared_error", "every", "bounded"), claim)
    assert not case.problem.data and not with_given(PLAIN, claim, {}, np.random.default_rng(0), exact=False).data


@pytest.mark.parametrize(
    ("parts", "shape"),
    [({"T": 5}, (5, 3, 3, 4)), ({"B": 2}, (6, 2, 3, 4)), ({"sizes": (2, 5)}, (6, 3, 2, 5))],
)
def test_sizes_that_a_claim_fixes_are_those_of_every_problem(parts, shape):
    claim = Claim("bptt", "rnn", 1, losses="squared_error", **parts)
    found = set()
    for spec in plan(claim, "default"):
        case = prepare(Task(spec, claim, 0)).case
        layer = case.problem.network.layers[0]
        found.add((*case.problem.inputs.shape[:2], layer.inputs, layer.units))
        assert not outside(case.problem, claim)
    fixed = [k for k in range(4) if k in {"T": (0,), "B": (1,), "sizes": (2, 3)}[next(iter(parts))]]
    assert {tuple(f[k] for k in fixed) for f in found} == {tuple(shape[k] for k in fixed)}
    assert outside(replace(PLAIN.part(steps=slice(1), samples=[0])), claim)


@pytest.mark.parametrize(
    "parts",
    [
        {"targets": "classes"},
        {"targets": "one-hot", "inputs": "spikes"},
        {"losses": "bernoulli", "when": "every"},
    ],
)
def test_targets_and_inputs_are_of_the_claimed_kind_in_every_case(parts):
    claim = Claim("bptt", "rnn", 1, **{"losses": "squared_error", **parts})
    for spec in plan(claim, "default"):
        problem = prepare(Task(spec, claim, 0)).case.problem
        y = problem.targets
        if "targets" in parts:
            assert (y.sum(axis=2) == 1).all() and np.isin(y, (0, 1)).all(), spec.id
        if parts.get("targets") == "classes":
            assert (y == y[:1]).all(), spec.id
        if "losses" in parts:
            assert np.isin(y, (0, 1)).all(), spec.id
        assert claim.inputs == "real" or np.isin(problem.inputs, (0, 1)).all(), spec.id


def test_a_program_of_loops_is_inside_the_budget_and_each_of_its_mistakes_is_not():
    """The loops share nothing with the engines; a mistake that a case cannot see is not counted."""
    claim = Claim("bptt", "lif", 1, losses="squared_error", when="every", time="mean", initial="trained",
                  initial_nodes=("v", "z"), weights=True, begins=True, masks=("output",),
                  options={"reset": "subtract_before_leak", "gain": "one", "recurrent": True, "rest": 0.0})  # fmt: skip
    case = generate(Spec("lif", 1, "squared_error", "every", "bounded"), claim)
    assert within(case, literal.gradients(case.problem))
    for fault in ("F10", "F11", "F12", "F13", "F14", "F15", "F16", "F17", "T70"):
        assert not within(case, literal.gradients(case.problem, fault=fault)), fault


def within(case, gradients):
    return all((np.abs(gradients[name] - b.value) <= b.budget).all() for name, b in case.expected.gradients.items())


def test_a_subject_that_reads_none_of_it_is_a_control_that_every_case_has_to_refute():
    case = generate(Spec("lif", 1, "squared_error", "every", "bounded"), WHOLE)
    told = dict(acceptance.variants(case, WHOLE))
    names = [name for name in told if name.endswith("not read") or "without a gradient" in name]
    assert names == ["initial values not read", "loss weights not read", "beginnings not read", "masks not read",
                     "initial values without a gradient"]  # fmt: skip
    assert all(told[name] for name in names)


@pytest.mark.parametrize("when", ["max", "first"])
def test_what_is_decided_is_exact_at_any_length(when):
    """A step that wins, or crosses, leaves the others as they were decided: nothing of them is multiplied on."""
    balls = Balls(PRECISIONS["float64"])
    spikes = balls.exactly(np.random.default_rng(0).integers(0, 2, (100, 1, 2)))
    seen = COLLECTED[when](spikes, None, 0.0, balls)
    assert all(e.exact and float(e.bound) <= 100 for e in (*seen.value.ravel(), *seen.share.ravel()))


def test_circumstances_of_it_are_cases_of_their_own():
    row = (("T", "odd"), ("B", "2"), ("begins", "adjacent"), ("loss weights", "0 inside"), ("masks", "a step all 0"))
    case = make_case(Spec("lif", 1, "squared_error", "every", "circumstance", levels=row), WHOLE)
    assert isinstance(case, Case)
    assert {"begins: adjacent", "loss weights: 0 inside", "masks: a step all 0"} <= set(case.facts["met"])


def test_at_scale_and_in_golden_vectors_they_are_there_too(tmp_path):
    case = scale.generate(Spec("lif", 1, "squared_error", "every", "scale", scale.KINDS.index("wide")), WHOLE)
    assert case.spec.family == "scale" and acceptance.sound(case, WHOLE)
    told = dict(acceptance.variants(case, WHOLE))
    assert all(told[f"{name} not read"] for name in UNREAD.values())
    one = replace(WHOLE, T=4, B=2, sizes=(2, 2))
    vectors.write(tmp_path, one, profile="quick")
    _, _, prepared = vectors.read(tmp_path)
    assert all(set(p.case.expected.gradients) >= {"initial.layers.0.v"} and p.sound for p in prepared)


def test_the_page_of_a_counterexample_shows_all_that_was_given():
    problem = drawn({}).with_loss(outputs="mean", activity=(Activity(kind="l2", strength=0.5, layers=(0,)),))
    said = dict(given(problem.to_dict()))
    assert {"initial.layers.0.v", "weights", "begins", "masks.layers.0", "masks.layers.0.v"} <= set(said)
    assert "mean over outputs" in said["loss"] and "activity l2 strength 0.5 layers [0]" in said["loss"]
    collected = drawn({}, claim=replace(WHOLE, begins=False, when="max")).with_loss(when="max", node="v")
    assert dict(given(collected.to_dict()))["loss"] == "squared error, of the max over time, output v"


def test_a_readout_may_spike_with_a_surrogate_of_its_own():
    claim = Claim("bptt", "rnn", 1, losses="cross_entropy", when="sum", readout="lif",
                  readout_options={"surrogate": {"name": "triangle", "scale": 0.5}})  # fmt: skip
    case = generate(Spec("rnn", 1, "cross_entropy", "sum", "bounded"), claim)
    cell = case.problem.network.layers[-1].cell
    assert cell.surrogate.label == "triangle(scale=0.5, width=1.0)" and cell.threshold in (0.7, 0.85, 1.15, 1.3)
