"""Claims of graphs of populations: said in a file, in Python and on the command line; what does not fit is refused."""

import copy
import io
import json
import random
import tomllib
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from rich.console import Console

from gradcert.certify import certify
from gradcert.certify.claims import Claim, from_dict, made, parts_of, read_claim, sentence
from gradcert.certify.problems import Spec, generate
from gradcert.certify.report import html, junit, terminal
from gradcert.certify.variations import posed, variations
from gradcert.commands.claims import parts
from gradcert.reference import RULES, Connection, GradcertError, Graph, Lif, Population
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import uoro
from gradcert.reference.networks import Integrator, Sparse
from gradcert.reference.published import read_rule

FILE = """
rule = "e-prop"
loss = "squared_error of every"
[options]
bias = false
[network]
inputs = { image = 3, context = 2 }
[[network.populations]]
name = "low"
cell = "lif"
units = 4
options = { recurrent = true, train = ["leak"], bias = true }
synapses = { H = { kind = "dense", absent = [[0, 0], [1, 1]] } }
shared = ["leak"]
[[network.populations]]
name = "high"
cell = "lif"
units = 3
[[network.populations]]
name = "out"
cell = "integrator"
[[network.connections]]
source = "image"
target = "low"
synapse = { kind = "sparse", mask = [[1, 0, 0], [0, 1, 1], [1, 1, 1], [0, 0, 1]] }
[[network.connections]]
source = "context"
target = "low"
[[network.connections]]
source = "low"
target = "high"
[[network.connections]]
source = "high"
target = "low"
lag = 1
[[network.connections]]
source = "high"
target = "out"
[[network.connections]]
source = "low.v"
target = "out"
lag = 3
"""
POPULATIONS = [{"name": "low", "cell": "lif"}, {"name": "out", "cell": "rnn"}]
CHAIN = [{"source": "x", "target": "low"}, {"source": "low", "target": "out"}]


def network(populations=POPULATIONS, connections=CHAIN, inputs=("x",), **more):
    return {"inputs": list(inputs), "populations": list(populations), "connections": list(connections), **more}


def back(**more):
    return {"source": "out", "target": "low", **more}


def reference(problem, rule="bptt", scale=1.0):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return {k: scale * v for k, v in reverse.gradients(*given, rule=RULES[rule]).items()}


def test_a_network_in_a_file_is_one_everywhere(tmp_path):
    (tmp_path / "claim.toml").write_text(FILE)
    claim = read_claim(tmp_path / "claim.toml")
    spec = json.loads(json.dumps(claim.to_dict()))
    assert from_dict(spec) == claim and claim.depths == (2,) and claim.stacks == ("graph",)
    assert parts({"network": json.dumps(claim.network)})["network"] == claim.network
    assert made(Claim(rule="e-prop", cells="lif", readout="rnn"), {"network": claim.network}).readout is None
    assert made(claim, {"cells": "rnn"}).network == {} and made(claim, {"layers": ["lif", "rnn"]}).network == {}
    line = str(claim)
    assert sentence(spec) == line
    for said in ("e-prop on a graph of low: lif (4 units", "one leak for all units", "low.v -> out lag 3",
                 "image (3) -> low through sparse", "H dense (absent", "high -> low lag 1", "bias False"):  # fmt: skip
        assert said in line
    assert line.removeprefix("e-prop on ").startswith(dict(parts_of(spec))["network"])


def test_a_graph_in_python_is_claimed_with_the_sizes_and_constants_that_it_has():
    low, out = Population("low", Lif(leak=0.75), 4), Population("out", Integrator(), 2)
    some = Sparse.of_mask([[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1]], inputs=3, units=4)
    graph = Graph({"x": 3}, (low, out), (Connection("x", "low", synapse=some), Connection("low", "out", lag=2)))
    found = certify(reference, rule="bptt", network=graph, losses="squared_error", when="every", profile="quick")
    assert found.verdict == "certified", found.reason
    assert found.claim["network"]["populations"][0]["options"]["leak"] == 0.75
    assert {tuple(case.facts["sizes"]) for case in found.cases} == {(3, 4, 2)}
    assert any("not looked at where a network is a graph: problems at another scale" in note for note in found.notes)


def test_all_of_it_is_shown_and_a_refuted_one_can_be_asked_again():
    given = {"rule": "bptt", "network": network(), "loss": "squared_error of every", "profile": "quick"}
    found = certify(partial(reference, scale=2.0), **given)
    said = "a graph of low: lif, out: rnn; x -&gt; low, low -&gt; out"
    assert found.verdict == "refuted" and said in html.write(found) and said in junit.write(found).decode()
    assert "--network" in found.findings[0].replay and "--depths" not in found.findings[0].replay
    console = Console(file=io.StringIO(), width=200)
    terminal.write(found, console)
    assert "low -> out" in console.file.getvalue()


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"network": 3}, "network=3; allowed: a Graph, or"),
        ({"network": network(), "cells": "lif"}, "a network, and cells"),
        ({"network": network(), "layers": ["lif"]}, "a network, and layers"),
        ({"network": network(), "sizes": (1, 2, 3)}, "a network, and sizes"),
        ({"network": network(), "depths": 3}, "a network, and depths; to fix it: leave depths out"),
        ({"network": network(), "acceptance": "aligned", "within": {"cosine": 0.5}}, "an aligned claim of a graph"),
        ({"network": network(), "rule": "otpe"}, "otpe, whose traces are filtered by the leak of the one layer above"),
        ({"network": network(), "rule": "eventprop"}, "whose adjoint is that of layers in a row, on a graph"),
        ({"network": {**network(), "depth": 2}}, "a network with 'depth'; allowed: inputs, populations"),
        ({"network": network(inputs=())}, "inputs=.* of a network"),
        ({"network": network(inputs=[{"name": "x", "width": 2}])}, "the input 'x' with 'width'"),
        ({"network": network(populations=())}, "populations of a network"),
        ({"network": network(populations=[{"name": "low"}])}, "the population {'name': 'low'}"),
        ({"network": network(populations=[{"name": "low", "cell": "no-such"}])}, "the cell 'no-such' is unknown"),
        ({"network": network([{**POPULATIONS[0], "options": {"leek": 1}}, POPULATIONS[1]])}, "options: 'leek'"),
        ({"network": network([*POPULATIONS, POPULATIONS[0]])}, "called low twice"),
        ({"network": network([*POPULATIONS, {"name": "far", "cell": "rnn"}])}, "'far' has no connection"),
        ({"network": network(connections=[*CHAIN, back(source="up")])}, "up -> low from 'up'; allowed: x, low, out"),
        ({"network": network(connections=[*CHAIN, back(target="up")])}, "out -> up to 'up'; allowed: low, out"),
        ({"network": network(connections=[*CHAIN, back()])}, "a cycle within one step"),
        (
            {"network": network(connections=[*CHAIN, back(lag=-1)])},
            "the lag of the connection out -> low: -1; allowed: a whole",
        ),
        ({"network": network(connections=[*CHAIN, back(delay=1)])}, "out -> low with 'delay'; allowed: source, target"),
        ({"network": network(output="low")}, "out does not reach the output 'low'"),
        ({"network": network(output="up")}, "the output 'up'; allowed: low, out"),
        (
            {"network": network(connections=[CHAIN[0], {**CHAIN[1], "synapse": {"kind": "sparse", "mask": [[1, 0]]}}])},
            r"a mask of shape \(1, 2\) of a connection from 4 to 2 units; allowed: 0 and 1 in 2 rows of 4",
        ),
        (
            {"network": network(connections=[CHAIN[0], {**CHAIN[1], "synapse": {"kind": "linear"}}])},
            "the synapse 'linear' is unknown",
        ),
        ({"network": network(), "node": "v"}, "node, of a last layer of rnn: 'v'"),
        (
            {"network": network(), "activity": {"kind": "l1", "layers": [0]}},
            "in a graph; to fix it: name its populations",
        ),
        (
            {"network": network(), "activity": {"kind": "l1", "populations": ["up"]}},
            "a term about 'up'; allowed: low, out",
        ),
        (
            {"network": network(), "activity": {"kind": "l1", "populations": []}},
            r"populations \[\]; allowed: a list of",
        ),
        ({"network": network(), "activity": (3,)}, "activity: 3; allowed: {"),
        ({"network": network(), "local": (3,)}, "local: 3; allowed: {"),
        ({"network": network(), "local": {"populations": ["out"]}}, "a loss of its own of out; allowed: low"),
        (
            {"network": network(connections=[*CHAIN, back(lag=1)]), "activity": {"kind": "l1", "populations": ["low"]}},
            "a term about low alone, in a loop with others; allowed: out; to fix it: a term is about what leaves",
        ),
        ({"cells": "lif", "activity": {"kind": "l1", "populations": ["low"]}}, "a term about populations, of a stack"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(parts, says):
    with pytest.raises(GradcertError, match=says):
        Claim(**{"rule": "bptt", "losses": "squared_error", "when": "every", **parts})


def test_constants_unit_by_unit_cannot_be_claimed():
    graph = Graph({"x": 1}, (Population("low", Lif(leak=(0.5, 0.75)), 2),), (Connection("x", "low"),))
    with pytest.raises(GradcertError, match="leak of 'low' unit by unit"):
        Claim(rule="bptt", network=graph)
    fine = replace(graph, populations=(Population("low", Lif(train=("leak",)), 2),))
    assert Claim(rule="bptt", network=fine).network["populations"][0]["options"]["train"] == ["leak"]


JUNK = (None, "", -1, 0, 1, 3.5, "low", [], {}, [1], {"a": 1}, True, 10**9, [[0, 0]], {"kind": "conv2d"}, [None])


def places(value, at=()):
    """The places of a nested record."""
    yield at
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*at, key))


def test_whatever_stands_in_a_network_ends_in_a_sentence():
    rng = random.Random(0)
    network = tomllib.loads(FILE)["network"]
    inside = [at for at in places(network) if at]
    read_as, refused = 0, 0
    for _ in range(300):
        wrong = copy.deepcopy(network)
        *way, last = rng.choice(inside)
        part = wrong
        for key in way:
            part = part[key]
        part[last] = rng.choice(JUNK)
        try:
            assert str(from_dict({"rule": "bptt", "network": wrong}))
            read_as += 1
        except GradcertError:
            refused += 1
    assert read_as > 5 and refused > 100


SKIP = {
    "inputs": ["x"],
    "populations": [
        {"name": "low", "cell": "lif"},
        {"name": "high", "cell": "lif"},
        {"name": "out", "cell": "rnn", "options": {"recurrent": False, "activation": "identity"}},
    ],
    "connections": [
        {"source": "x", "target": "low"},
        {"source": "low", "target": "high"},
        {"source": "x", "target": "high"},
        {"source": "high", "target": "out"},
        {"source": "low", "target": "out", "lag": 2},
    ],
}
ALGORITHMS = {  # that are no rows, and a line of each done otherwise
    "sltt-k(k=2)": "the factor T / K",
    "fptt": "the pull with the opposite sign",
    "sltt then bptt": "with STATE in layer 0",
    "update-per-step": "contributions that are kept from step to step",
    "update-per-sequence": "an update of the opposite sign",
    "uoro(normalisers=[1.0 0.5])": "the two normalisers swapped",
    "kf-rtrl(normalisers=[1.0 0.5])": "the noise of the first step at every step",
}


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("rule", ALGORITHMS)
def test_an_algorithm_that_is_no_row_can_be_claimed_of_a_graph(rule):
    claim = Claim(rule, network=SKIP, losses="squared_error", when="every")
    found = read_rule(claim.rule, claim.settings)

    def otherwise(problem):
        (one,) = (v for v in variations(found, problem) if v.label == ALGORITHMS[rule])
        return one.compute(posed(problem, found.settings))

    right = certify(lambda problem: found.gradients(problem), claim=claim, profile="quick")
    wrong = certify(otherwise, claim=claim, profile="quick", repair=0.0)
    assert (right.verdict, wrong.verdict) == ("certified", "refuted")
    assert ALGORITHMS[rule] in wrong.reason


@pytest.mark.long
def test_the_mean_of_a_random_algorithm_can_be_claimed_of_a_graph():
    claim = Claim("uoro", network=SKIP, acceptance="unbiased", losses="squared_error", when="every")

    def drawn(problem):
        p = problem
        rng = np.random.default_rng(p.seed)
        return uoro.gradients(p.network, p.parameters, p.inputs, p.targets, numbers=p.numbers, rng=rng)

    assert certify(drawn, claim=claim, profile="quick").verdict == "certified"


def test_terms_are_about_populations():
    claim = Claim(rule="bptt", network=network(), activity={"kind": "rate"}, local={"strength": 0.5})
    assert claim.activity == ({"kind": "rate", "target": 0.0, "populations": ["low"]},)  # all below the output
    assert "activity rate populations low target 0" in str(claim)
    assert Claim(**claim.to_dict()) == claim
    problem = generate(Spec(claim.stacks[0], claim.depths[0], "squared_error", "every", "bounded"), claim).problem
    assert problem.network.loss.activity[0].layers == problem.network.loss.local[0].layers == (0,)
    assert {*problem.readouts} == {"low"}
