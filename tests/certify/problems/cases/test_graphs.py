"""Cases of graphs of populations: drawn, stored and budgeted like those of stacks, told apart from rows near them."""

import numpy as np
import pytest

from gradcert.certify.claims import Claim, usual_sizes
from gradcert.certify.problems import Spec, expect, generate, outside, owners, plan, stored, summary
from gradcert.certify.problems.budget.expected import on_balls
from gradcert.certify.problems.cases.circumstances import met, ruled_out
from gradcert.certify.problems.cases.circumstances.generate import floats
from gradcert.certify.problems.cases.graphs import alike, latest, pairs_of, readers, sizes_of
from gradcert.certify.runs import Task, prepare
from gradcert.properties.graphs import as_graph, population
from gradcert.properties.numbers import Balls, Decay, Precision, working_precision
from gradcert.reference import RULES, Connection, Graph, Lif, Network, Population, Rnn
from gradcert.reference.networks import Conv2d, Integrator

LOOP = {
    "inputs": ["image", "context"],
    "populations": [
        {"name": "low", "cell": "lif", "options": {"train": ["leak"]}, "shared": ["leak"]},
        {"name": "high", "cell": "lif"},
        {"name": "out", "cell": "integrator"},
    ],
    "connections": [
        {"source": "image", "target": "low"},
        {"source": "context", "target": "high"},
        {"source": "low", "target": "high"},
        {"source": "high", "target": "low", "lag": 1},
        {"source": "high", "target": "out"},
        {"source": "low", "target": "out", "lag": 2},
    ],
}
ONE = {"losses": "squared_error", "when": "every"}
TRIANGLE = {"name": "triangle", "scale": 0.5, "width": 1.0}
OPTIONS = {"surrogate": TRIANGLE, "train": [], "recurrent": False, "reset": "subtract_before_leak"}

CLAIM = Claim(rule="bptt", network=LOOP, options=OPTIONS, **ONE)


def case_of(claim=CLAIM, family="bounded", index=0):
    return generate(Spec("graph", claim.depths[0], "squared_error", "every", family, index, index), claim)


def test_a_case_has_the_sizes_the_constants_and_the_length_that_its_graph_needs():
    case = case_of()
    graph = case.problem.network.graph
    assert sizes_of(case.problem.network) == [5, 4, 3, 2] and len(case.problem.inputs) == 5 + latest(graph) == 7
    assert len({p.cell.constants()["kappa" if p.name == "out" else "threshold"] for p in graph.populations}) > 1
    assert case.problem.parameters["low.leak"].shape == (1,) and case.facts["sizes"] == [5, 4, 3, 2]
    assert usual_sizes(CLAIM.network, (1, 3, 2)) == {"image": 1, "context": 2, "low": 3, "high": 2, "out": 3}
    again = case_of()
    assert all((again.problem.arrays[k] == v).all() for k, v in case.problem.arrays.items())
    assert not outside(case.problem, CLAIM)
    untrained = [{**p, "options": {}, "shared": []} for p in LOOP["populations"]]
    short = {**LOOP, "populations": untrained, "connections": LOOP["connections"][:-1]}
    plain = Claim(rule="bptt", network=short, options=OPTIONS, **ONE)
    assert case_of(plain, family="dyadic").expected.exact  # but for more steps, and a leak that is kept as its logit


def test_rows_near_the_row_are_refuted_and_so_is_every_other_control():
    prepared = prepare(Task(plan(CLAIM, "quick")[-1], CLAIM, 0))
    found = dict(prepared.variants)
    assert prepared.sound and found["without FEEDBACK"] is True and found["without DELAY in the layers above"] is True
    assert found["lateral weights transposed"] is None if "lateral weights transposed" in found else True
    assert set(found.values()) <= {True, None}
    assert prepared.case.separates["own FEEDBACK"] > 1e6 and prepared.case.separates["upper DELAY"] > 1e6


def test_each_population_stores_what_it_computes_and_leaks_may_be_kept_in_any_form():
    problem = case_of().problem
    balls = Balls(Precision(53, slack=4))
    constants = stored(problem.network).layers[0].cell.constants()
    assert isinstance(constants["high.leak"].item(), Decay) and not isinstance(constants["high.threshold"], np.ndarray)
    with working_precision():
        tape = on_balls(problem, balls)
    loop = tape.layers[0]
    nodes = [f"{name}.{node}" for name in ("low", "high") for node in Lif().nodes]
    assert max(e.count for node in nodes for e in loop.now[node].ravel()) == 1


def test_a_chain_has_the_budgets_of_the_stack():
    claim = Claim(rule="e-prop", cells="lif", depths=2, readout="integrator", options={"recurrent": True}, **ONE)
    case = generate(Spec("lif", 2, "squared_error", "every", "bounded"), claim)
    chain = expect(as_graph(case.problem), RULES["e-prop"], "float64").gradients
    for name, bounds in case.expected.gradients.items():
        _, number, local = name.split(".")
        mine = chain[f"{population(int(number))}.{local}"]
        assert (mine.value == bounds.value).all() and (mine.budget == bounds.budget).all()


def test_what_a_graph_shows_is_read_from_its_populations_and_connections():
    problem = case_of().problem
    tape, gradients = floats(problem, RULES["bptt"])
    found = met(problem, tape, gradients)
    assert {"spikes: some", "threshold: other", "leak: between", "biases: not 0"} <= set(found)
    assert [owner.name for owner in owners(problem.network)] == ["low", "high", "out"]
    assert pairs_of(problem.network) == [(3, 4), (2, 3), (4, 3), (3, 4), (3, 2), (4, 2)]
    assert readers(problem.network, 1) == {"low.W.image": 1} and readers(problem.network, 4) == {"high.W.context": 1}
    low, out = Population("low", Lif(), 3), Population("out", Lif(), 3)
    assert alike(Network(graph=Graph({"x": 1}, (low, out), (Connection("x", "low"), Connection("low", "out")))))
    assert not alike(problem.network)
    image = Connection("x", "low", synapse=Conv2d(1, 2, 2, 1, kernel=(1, 1)))
    assert readers(Network(graph=Graph({"x": 4}, (Population("low", Rnn(), 4),), (image,))), 0) is None


def test_the_latest_connection_decides_how_long_a_case_is():
    low, out = Population("low", Lif(), 1), Population("out", Integrator(), 1)
    links = (Connection("x", "low", lag=2), Connection("low", "out"), Connection("low", "low", lag=4, name="far"))
    assert latest(Graph({"x": 1}, (low, out), links)) == 6


def test_what_cannot_be_met_is_ruled_out_with_its_reason():
    out = ruled_out(CLAIM, "graph")
    assert ("weights", "lateral 0") not in out and out["targets", "soft"] == "of a cross-entropy"
    assert ("biases", "0") not in out and ("sizes", "one unit") not in out
    sizes = {"inputs": {"x": 4}, "populations": [{"name": "low", "cell": "rnn", "units": 4}]}
    kernel = {"kind": "conv2d", "in_channels": 1, "height": 2, "width": 2, "out_channels": 1, "kernel": [1, 1]}
    fixed = Claim(
        rule="bptt", network={**sizes, "connections": [{"source": "x", "target": "low", "synapse": kernel}]}, **ONE
    )
    out = ruled_out(fixed, "graph")
    assert (
        out["sizes", "one unit"] == "the claim fixes it" and out["inputs", "tiny"] == "a shared weight reads an input"
    )
    assert out["spikes", "some"] == "no spikes"


@pytest.mark.long
def test_a_truncation_to_any_number_of_steps_is_seen_on_the_long_case():
    spec = next(spec for spec in plan(CLAIM) if spec.family == "long")
    prepared = prepare(Task(spec, CLAIM, 0))
    assert prepared.case.facts["T"] == 150 and prepared.case.facts["truncations seen"] == "1 to 149 steps"
    assert prepared.sound and {found for _, found in prepared.variants} == {True}


@pytest.mark.long
def test_the_cases_of_a_graph_meet_every_level_that_is_not_ruled_out():
    claim = Claim(rule="bptt", network=LOOP, options=OPTIONS, initial="trained", weights=True, begins=True,
                  masks=("output", "v"), **ONE)  # fmt: skip
    cases = [prepare(Task(spec, claim, 0)).case for spec in plan(claim)]
    found = summary(claim, [case.facts for case in cases if case is not None], calls=200, again=True)["levels"]
    missing = [f"{axis}: {name}" for axis, names in found.items() for name, how in names.items() if how == "not met"]
    assert missing == []
    problem = cases[-1].problem
    assert set(problem.masks) == {"low", "low.v", "high", "high.v", "out.v"} - {"out.v"}
    assert set(problem.initial) == {"low.v", "high.v", "out.z", "out.low.now", "out.low.late1"}
