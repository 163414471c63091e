"""Bounds with initial values, weights, beginnings, masks and losses of a whole sequence: above the error, and tight."""

import bound_problems
import numpy as np
import pytest
from networks import problem

from gradcert.reference import RULES, GradcertError, draw_feedback, record
from gradcert.reference.bounds import Online, a_priori, componentwise, windowed
from gradcert.reference.engines import reverse
from gradcert.reference.networks import Activity

RULE_NAMES = ("ostl", "ottt", "e-prop-random", "osttp", "tbptt-chunks")
ROOM = 1 + 1e-9  # bounds are moved outward by their rounding, which is far below this on networks of this size


def error(network, p, x, y, rule, feedback, data):
    want = reverse.gradients(network, p, x, y, rule=RULES["bptt"], **data)
    mine = reverse.gradients(network, p, x, y, rule=rule, feedback=feedback, **data)
    return {k: float(np.sqrt(((want[k] - mine[k]) ** 2).sum())) for k in p}, want


def optional(network, x, *, begins=True):
    steps, samples = x.shape[:2]
    rng = np.random.default_rng(3)
    data = {
        "initial": {"layers.0.v": rng.standard_normal((samples, network.layers[0].units))},
        "weights": rng.integers(1, 3, (steps, samples)) / 2.0,
        "masks": {
            "layers.0": (rng.random((steps, samples, network.layers[0].units)) < 0.8) / 0.75,
            "layers.1.v": (rng.random((steps, samples, network.layers[1].units)) < 0.7).astype(float),
        },
    }
    return {**data, "begins": rng.random((steps, samples)) < 0.3} if begins else data


@pytest.mark.parametrize("name", RULE_NAMES)
def test_bounds_are_above_the_error(name):
    rule = RULES[name]
    for seed, loss in enumerate(({}, {"when": "mean", "node": "v"}, {"when": "max", "kind": "cross_entropy"})):
        network, p, x, y = problem("lif-before", 2, seed=seed, steps=5, samples=2, **loss)
        feedback, data = draw_feedback(network, rule), optional(network, x, begins=not loss)
        true, want = error(network, p, x, y, rule, feedback, data)
        given = {"rule": rule, "feedback": feedback, **data}
        bounds = [componentwise(network, p, x, y, **given), windowed(network, p, x, y, window=2, **given)]
        if not loss:
            online = Online(network, p, steps=5, batch=2, **given)
            for one, target in zip(x, y, strict=True):
                online.step(one, target)
            step_by_step = windowed(network, p, x, y, window=1, **given)
            for key, value in online.bound().tensors.items():
                assert step_by_step.tensors[key] / ROOM <= value <= step_by_step.tensors[key] * ROOM
            bounds.append(online.bound())
        for bound in bounds:
            for key, value in true.items():
                slack = 1e-12 * abs(want[key]).max()  # of the error itself, a difference of two gradients
                assert bound.tensors[key] >= value - slack, key
                assert value or bound.tensors[key] <= slack or name == "osttp"


@pytest.mark.parametrize("begins", [False, True])
def test_where_nothing_cancels_every_bound_is_the_error(begins):
    """Were an edge into the first step of a sequence counted, the bound would be more than the error."""
    network, p, x, y = bound_problems.attained(bias=False)
    data = {"weights": np.array([[1.0], [0.5], [0.0], [2.0], [1.0]])}
    if begins:
        data["begins"] = np.array([[False], [False], [True], [False], [False]])
        y = record(network, p, x, **data).outputs - 1
    rule = RULES["ostl"]
    true, _ = error(network, p, x, y, rule, {}, data)
    for bound in (
        windowed(network, p, x, y, rule=rule, window=1, **data),
        windowed(network, p, x, y, rule=rule, window=5, **data),
        componentwise(network, p, x, y, rule=rule, **data),
    ):
        for key, value in true.items():
            assert value <= bound.tensors[key] <= value * ROOM, key
    assert max(true.values()) > 1


def test_what_no_bound_is_about_is_refused():
    network, p, x, y = problem("lif-before", 2, activity=(Activity(kind="l1"),))
    rule = RULES["ottt"]
    plain = problem("lif-before", 2)[0]
    initial = {"initial": {"layers.0.v": np.zeros(4)}, "initial_gradient": True}
    sizes, local = {"steps": len(x), "batch": x.shape[1]}, RULES["decolle"]
    refused = [
        lambda: windowed(network, p, x, y, rule=rule, window=2),
        lambda: Online(network, p, rule=rule, **sizes),
        lambda: a_priori(network, p, rule=rule, input_bound=1.0, loss_gradient_bound=1.0, **sizes),
        lambda: windowed(plain, p, x, y, rule=rule, window=2, **initial),
        lambda: Online(problem("lif-before", 2, when="max")[0], p, rule=rule, **sizes),
        lambda: Online(plain, p, rule=local, feedback=draw_feedback(plain, local), weights=x[..., 0] ** 2, **sizes),
    ]
    for make in refused:
        with pytest.raises(GradcertError, match=r"bound"):
            make()
    assert componentwise(network, p, x, y, rule=rule).total > 0


def test_a_priori_of_a_membrane_potential():
    network, p, x, y = problem("lif-after", 2, seed=1, node="v", samples=1)
    true, _ = error(network, p, x, y, RULES["ostl"], {}, {})
    delta = record(network, p, x).outputs - y
    bound = a_priori(
        network,
        p,
        rule=RULES["ostl"],
        steps=len(x),
        batch=1,
        input_bound=abs(x).max(),
        loss_gradient_bound=float(np.sqrt((delta**2).sum(axis=-1)).max()) * ROOM,
    )
    assert all(bound.tensors[key] >= value for key, value in true.items())
    assert bound.layer(0) > 0
