"""Optional arrays at the edge: what does not fit is refused with one sentence; JSON holds those that are there."""

import json
from fractions import Fraction

import numpy as np
import pytest

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import FLOAT64, RULES, GradcertError, Layer, Learner, Lif, Loss, Network
from gradcert.reference.engines import forward, reverse
from gradcert.reference.engines.residual import residual
from gradcert.reference.networks import Activity, Problem, problem_from_json, with_loss
from gradcert.reference.numbers import FLOAT32

NETWORK = Network(layers=(Layer(Lif(threshold=0.3), inputs=2, units=3), Layer(Lif(threshold=0.3), inputs=3, units=2)))
T, B = 4, 2
P = NETWORK.parameters(seed=2)
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((T, B, 2)), RNG.standard_normal((T, B, 2))
ONES, NO = np.ones((T, B)), np.zeros((T, B), dtype=bool)
LATE = NO.copy()
LATE[2, 0] = True
PADDED, SILENT = ONES.copy(), ONES.copy()
PADDED[-1, 1], SILENT[:, 1] = 0, 0

WRONG = {
    "an unknown node": ({"initial": {"layers.0.u": np.zeros(3)}}, {}, r"initial value for 'layers\.0\.u'"),
    "an initial value of another size": ({"initial": {"layers.0.v": np.zeros((3, 3))}}, {}, r"allowed: shape \(2, 3\)"),
    "an initial value for other units": ({"initial": {"layers.0.v": np.zeros(2)}}, {}, r"allowed: shape \(3,\)"),
    "a list": ({"initial": {"layers.0.v": [0.0] * 3}}, {}, "as a list"),
    "a gradient of nothing": ({"initial_gradient": True}, {}, "initial values that are not given"),
    "no switch": ({"initial": {"layers.0.v": np.zeros(3)}, "initial_gradient": 1}, {}, "allowed: true, false"),
    "weights of another shape": ({"weights": np.ones(T)}, {}, r"allowed: shape \(4, 2\)"),
    "weights of whole numbers": ({"weights": np.ones((T, B), dtype=int)}, {}, "weights of dtype int64"),
    "a weight below 0": ({"weights": -ONES}, {}, "below 0"),
    "weights that are all 0": ({"weights": 0 * ONES}, {}, "all 0; allowed: one step or more that counts"),
    "a sample without weight": ({"weights": SILENT}, {"time": "mean"}, "of sample 1, none of whose steps counts"),
    "a sample without a largest": ({"weights": SILENT}, {"when": "max"}, "of sample 1, none of whose steps counts"),
    "a sample without a rate": ({"weights": SILENT}, {"activity": (Activity(),)}, "of sample 1, none of whose"),
    "a padded last step": ({"weights": PADDED}, {"when": "last"}, "0 at the last step, .* in sample 1; to fix it"),
    "begins of numbers": ({"begins": ONES}, {}, r"begins: float64 of shape \(4, 2\); allowed: an array of booleans"),
    "begins in a list": ({"begins": [True, False]}, {}, r"begins: \[True, False\]; allowed: an array of booleans"),
    "begins of another shape": ({"begins": LATE[:-1]}, {}, r"allowed: an array of booleans of shape \(4, 2\)"),
    "begins under a loss of the row": ({"begins": LATE}, {"when": "last"}, "a loss of the row as a whole"),
    "begins under a rate": ({"begins": LATE}, {"activity": (Activity(),)}, "a loss of the row as a whole"),
    "a mask of an unknown name": ({"masks": {"layers.2": np.ones((T, B, 2))}}, {}, r"a mask for 'layers\.2' .*allowed"),
    "a mask of the wrong shape": ({"masks": {"layers.0": np.ones((T, B, 2))}}, {}, r"allowed: shape \(4, 2, 3\)"),
    "a mask with NaN": ({"masks": {"layers.0.v": np.full((T, B, 3), np.nan)}}, {}, "NaN or infinity"),
}
WAYS = {
    "reverse": lambda n, **k: reverse.gradients(n, P, X, Y, rule=RULES["bptt"], **k),
    "forward": lambda n, **k: forward.gradients(n, P, X, Y, rule=RULES["bptt"], **k),
    "residual": lambda n, **k: residual(n, P, X, Y, rule=RULES["ottt"], **k),
    "problem": lambda n, **k: Problem(n, P, X, Y, **k),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_fit_is_refused(wrong, way):
    given, loss, said = WRONG[wrong]
    with pytest.raises(GradcertError, match=said):
        WAYS[way](with_loss(NETWORK, **loss), **given)


def test_what_fits_is_not():
    """Each refusal's neighbour is accepted."""
    WAYS["problem"](NETWORK, weights=SILENT, begins=LATE)
    WAYS["problem"](with_loss(NETWORK, when="last", time="mean"), weights=ONES, begins=NO)
    WAYS["problem"](with_loss(NETWORK, when="sum"), weights=SILENT)
    WAYS["problem"](NETWORK, initial={"layers.0.v": np.zeros(3), "layers.1.z": np.zeros((B, 2))}, initial_gradient=True)


def test_a_rule_with_a_reach_has_no_gradient_of_initial_values():
    given = {"initial": {"layers.0.v": np.zeros(3)}, "initial_gradient": True}
    for way in (reverse.gradients, forward.gradients, residual):
        with pytest.raises(GradcertError, match="initial values by 'snap-1', which confines paths"):
            way(NETWORK, P, X, Y, rule=RULES["snap-1"], **given)
    with pytest.raises(GradcertError, match="initial values by 'snap-1'"):
        Learner(NETWORK, P, rule=RULES["snap-1"], steps=T, batch=B, **given)


EVERYTHING = {
    "initial": {"layers.0.v": RNG.standard_normal(3), "layers.1.v": RNG.standard_normal((B, 2))},
    "initial_gradient": True,
    "weights": PADDED,
    "begins": LATE,
    "masks": {"layers.0": RNG.random((T, B, 3)), "layers.1.v": RNG.random((T, B, 2))},
}


def test_json_holds_what_is_there_and_nothing_else():
    plain = Problem(NETWORK, P, X, Y)
    assert list(json.loads(plain.to_json())) == [
        "id",
        "dtype",
        "network",
        "parameters",
        "inputs",
        "targets",
        "feedback",
    ]
    assert list(plain.to_dict()["network"]["loss"]) == ["kind", "when", "time", "batch"]
    assert not plain.data
    for name, value in EVERYTHING.items():
        if name == "initial_gradient":
            continue
        one = Problem(NETWORK, P, X, Y, **{name: value})
        assert list(json.loads(one.to_json()))[-1] == name and list(one.data) == [name]


@pytest.mark.parametrize("numbers", [FLOAT64, FLOAT32])
def test_a_problem_comes_back_from_json_and_gives_the_same_gradient(numbers):
    loss = Loss(kind="bernoulli", outputs="mean", node="v", activity=(Activity(kind="l2", layers=(0, 1)),))
    problem = Problem(
        with_loss(NETWORK, **{k: getattr(loss, k) for k in ("kind", "outputs", "node", "activity")}), P, X, Y
    )
    problem = Problem(problem.network, P, X, Y, **EVERYTHING).in_numbers(numbers)
    again = problem_from_json(problem.to_json())
    assert again.to_json() == problem.to_json() and again.network == problem.network
    assert again.begins.dtype == bool and again.weights.dtype == numbers.array(1.0).dtype
    a, b = (
        reverse.gradients(q.network, q.parameters, q.inputs, q.targets, rule=RULES["bptt"], **q.data)
        for q in (problem.copy(), again)
    )
    assert list(a) == list(b) and all(np.array_equal(a[k], b[k]) for k in a)
    assert "initial.layers.1.v" in a


def test_numbers_that_json_has_not_are_written_out():
    """Fractions as texts, floats that lie among them as floats; in lists of the same shape."""
    listed = Problem(NETWORK, P, X, Y).in_numbers(RATIONALS).to_dict()["inputs"]
    assert np.shape(listed) == X.shape and Fraction(listed[1][0][1]) == Fraction(float(X[1, 0, 1]))
    mixed = np.array([[[Fraction(1, 3), 0.5]]], dtype=object)
    one = Network(layers=(Layer(Lif(), inputs=2, units=1),))
    problem = Problem(one, one.parameters(numbers=RATIONALS), mixed, mixed[..., :1], numbers=RATIONALS)
    assert problem.to_dict()["inputs"] == [[["1/3", 0.5]]]


def test_every_array_of_a_problem_has_a_name():
    found = Problem(NETWORK, P, X, Y, feedback={"layers.0.B": np.ones((2, 3))}, **EVERYTHING).arrays
    others = {"layers.0.B", "initial.layers.0.v", "initial.layers.1.v", "masks.layers.0", "masks.layers.1.v"}
    assert set(found) == {*P, "inputs", "targets", "weights", "begins", *others}
    assert set(Problem(NETWORK, P, X, Y).arrays) == {*P, "inputs", "targets"}
    assert found["inputs"] is X and found["initial.layers.0.v"] is EVERYTHING["initial"]["layers.0.v"]


def test_feedback_of_a_problem_is_arrays():
    for wrong in ([[1.0]], np.array([[np.nan]]), np.array([[1]])):
        with pytest.raises(GradcertError, match=r"layers\.0\.B"):
            Problem(NETWORK, P, X, Y, feedback={"layers.0.B": wrong})


def test_begins_in_json_are_zeros_and_ones():
    line = Problem(NETWORK, P, X, Y, begins=LATE).to_dict() | {"begins": [[0, 2]] * T}
    with pytest.raises(GradcertError, match="other numbers than 0 and 1"):
        problem_from_json(json.dumps(line))
