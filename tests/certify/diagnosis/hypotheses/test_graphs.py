"""Mistakes with graphs of populations are named; an edit that changes nothing is the engine, on graphs too."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.claims import Claim
from gradcert.certify.counterexample import smaller
from gradcert.certify.diagnosis import evidence_of, locate
from gradcert.certify.diagnosis.causes import find
from gradcert.certify.diagnosis.hypotheses.forward_pass import values
from gradcert.certify.diagnosis.localise import layer_of
from gradcert.certify.diagnosis.unrolled import Edit, edited, on_floats
from gradcert.certify.problems import Spec, generate
from gradcert.certify.report.counterexample import given
from gradcert.certify.runs import Prefix
from gradcert.certify.subjects import Answer
from gradcert.reference import RULES, reverse

CONV = {"kind": "conv2d", "in_channels": 1, "height": 2, "width": 3, "out_channels": 1, "kernel": [1, 2]}
NETWORK = {
    "inputs": {"image": 6, "context": 2},
    "populations": [
        {"name": "low", "cell": "rnn", "units": 4, "options": {"activation": "tanh", "bias": False}},
        {"name": "high", "cell": "lif", "units": 5, "options": {"train": ["leak"]}, "shared": ["leak"]},
        {"name": "out", "cell": "integrator", "units": 2},
    ],
    "connections": [
        {"source": "image", "target": "low", "synapse": CONV},
        {"source": "context", "target": "low"},
        {"source": "low", "target": "high"},
        {"source": "high", "target": "low", "lag": 1},
        {"source": "high", "target": "out"},
        {"source": "low", "target": "out", "lag": 2},
    ],
}
CLAIM = Claim(rule="bptt", network=NETWORK, losses="squared_error", when="every", initial="trained", begins=True,
              options={"recurrent": False, "surrogate": "atan"})  # fmt: skip
PLAIN = replace(CLAIM, initial="zero", begins=False)


def cases(claim=PLAIN):
    specs = (Spec("graph", claim.depths[0], "squared_error", "every", "bounded", k, k) for k in range(2))
    return [generate(spec, claim) for spec in specs]


def solved(problem, network=None, **changes):
    inputs, parameters = changes.get("inputs", problem.inputs), changes.get("parameters", problem.parameters)
    rule = RULES["bptt"]
    return reverse.gradients(network or problem.network, parameters, inputs, problem.targets, rule=rule)


def rewired(problem, k, **changes):
    graph = problem.network.graph
    links = (replace(c, **changes) if i == k else c for i, c in enumerate(graph.connections))
    return replace(problem.network, layers=(), graph=replace(graph, connections=tuple(links)))


def unit_by_unit(problem):
    """The gradients of the shared leak, one for each unit."""
    graph = problem.network.graph
    apart = tuple(replace(p, shared=()) for p in graph.populations)
    network = replace(problem.network, layers=(), graph=replace(graph, populations=apart))
    own = {**problem.parameters, "high.leak": np.repeat(problem.parameters["high.leak"], 5)}
    return solved(problem, network, parameters=own)["high.leak"]


def without(problem, name):
    """The network without a connection, whose weight keeps a gradient of zero."""
    zero = {**problem.parameters, name: 0 * problem.parameters[name]}
    return {**solved(problem, parameters=zero), name: zero[name]}


MISTAKES = {
    "graph:low -> out at lag 1": lambda p: solved(p, rewired(p, 5, lag=1)),
    "graph:low -> out at lag 3": lambda p: solved(p, rewired(p, 5, lag=3)),
    "graph:context -> low at lag 1": lambda p: solved(p, rewired(p, 1, lag=1)),
    "graph:high -> low at lag 2": lambda p: solved(p, rewired(p, 3, lag=2)),
    "graph:low -> out not read": lambda p: without(p, "out.W.low"),
    "graph:high.leak of the mean over its units": lambda p: (
        solved(p) | {"high.leak": unit_by_unit(p).mean(keepdims=True)}
    ),
    "graph:high.leak of its last unit alone": lambda p: solved(p) | {"high.leak": unit_by_unit(p)[-1:]},
    "graph:low.W.image turned": lambda p: solved(p) | {"low.W.image": solved(p)["low.W.image"][..., ::-1, ::-1]},
    "row:without FEEDBACK": lambda p: reverse.gradients(
        p.network, p.parameters, p.inputs, p.targets, rule=replace(RULES["bptt"], own=NOT_FEEDBACK, upper=NOT_FEEDBACK)
    ),
}
NOT_FEEDBACK = frozenset(e for e in RULES["bptt"].own if e.value != "feedback_edge")


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("key", MISTAKES)
def test_a_mistake_is_named(key):
    judged = evidence_of([(case, Answer(gradients=MISTAKES[key](case.problem))) for case in cases()])
    assert all(e.right != set(e.given) for e in judged)
    assert find(judged, RULES["bptt"]).keys == (key,)


@pytest.mark.parametrize("rule", ["bptt", "e-prop", "e-prop-random", "osttp"])
def test_an_edit_that_changes_nothing_is_the_engine(rule):
    claim = replace(CLAIM, rule=rule)
    bench = on_floats(cases(claim)[0].problem, RULES[rule])
    found, right = edited(bench, Edit()), bench.gradients()
    assert set(found) == set(right) and "initial.out.low.late1" in right
    size = max(float(np.abs(g).max()) for g in right.values())
    # two orders of sums over some hundred terms of this size
    assert all((np.abs(found[k] - right[k]) <= 2.0**-44 * size).all() for k in right)


def test_where_it_starts_is_a_layer_of_the_graph():
    case = cases()[0]
    network = case.problem.network
    assert [layer_of(name, network) for name in ("low.W.image", "high.leak", "initial.out.z", "out.W.low")] == [
        0,
        0,
        1,
        1,
    ]
    wrong = {name: bounds.value + (name.startswith("high")) for name, bounds in case.expected.gradients.items()}
    place = locate(case, [Prefix(1, case, Answer(gradients=wrong), wrong)])
    assert place["layer"] == 0 and place["array"].startswith("high") and place["step"] == 1


def test_a_smaller_problem_has_simpler_constants_and_the_same_graph():
    problem = cases()[0].problem
    found = list(smaller.constants(problem, fixed=frozenset({"threshold"})))
    assert found and all(p.network.shapes() == problem.network.shapes() for p in found)
    assert {p.network.graph.by_name["out"].cell.kappa for p in found} <= {0.5, 1.0, problem.network.cells[2].kappa}
    assert list(smaller.sizes(problem, RULES["bptt"])) == []
    said = dict(given(problem.to_dict()))
    assert said["high -> low"] == "lag 1" and said["image -> low"] == "within the step, conv2d"
    assert said["input context"] == "2 entries" and said["low"].startswith("rnn 4 units")


def test_a_counterexample_shows_a_formula():
    claim = replace(PLAIN, options={**PLAIN.options, "surrogate": {"formula": "height / (1 + x^2)", "height": 0.5}})
    said = dict(given(cases(claim)[0].problem.to_dict()))
    assert "surrogate height / (1 + x^2)(height=0.5)" in said["high"]


def test_values_of_the_forward_pass_are_changed_under_masks_too():
    """Layers that merged stand for several populations: a changed cell still knows which masks are whose."""
    bench = on_floats(cases(replace(CLAIM, masks="output"))[0].problem, RULES["bptt"])
    assert bench.data["masks"]
    found = [h.compute(bench) for h in values.make(bench)]
    assert sum(g is not None for g in found) > 50
