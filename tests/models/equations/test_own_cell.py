"""Cells from equations against the built-in ones: every rule of the table, over a prime field, without a tolerance."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from rewritten import CELLS, DRIVE, FIRE, MEMBRANE, PAIR, SCALED_ALIF, TRIANGLE, built_in

from gradcert.models.equations import check, define
from gradcert.models.equations.cell import differentiate
from gradcert.models.equations.expression import derivative, evaluate
from gradcert.properties.numbers.prime_field import PrimeField
from gradcert.properties.numbers.rationals import Rationals
from gradcert.reference import RULES, Edge, GradcertError, Layer, Network, Rnn, draw_feedback
from gradcert.reference.engines import forward, reverse
from gradcert.reference.numbers import ACTIVATIONS, FLOAT64, Surrogate

pytest.importorskip("sympy", reason="needs sympy: pip install 'gradcert[derivations]'")

FIELD, RATIONALS = PrimeField(), Rationals()
STEPS, BATCH = 4, 2


def gradients(cell, rule, engine=reverse):
    """Gradients of two layers and a readout over the field; parameters of one name are the same numbers."""
    readout = Layer(Rnn(activation="identity", recurrent=False), inputs=2, units=2)
    network = Network(layers=(Layer(cell, inputs=2, units=3), Layer(cell, inputs=3, units=2), readout))
    shapes = network.shapes()
    rng = np.random.default_rng(5)
    drawn = {name: FIELD.draw(rng, shapes[name]) for name in sorted(shapes)}
    x, y = FIELD.draw(rng, (STEPS, BATCH, 2)), FIELD.draw(rng, (STEPS, BATCH, 2))
    feedback = {k: FIELD.array(np.round(8 * v) / 8) for k, v in draw_feedback(network, rule, seed=3).items()}
    return engine.gradients(network, drawn, x, y, rule=rule, numbers=FIELD, feedback=feedback)


def different(mine, theirs):
    assert mine.keys() == theirs.keys()
    assert any((np.asarray(v) != 0).any() for v in theirs.values())
    return [name for name in theirs if (mine[name] != theirs[name]).any()]


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("name", sorted(CELLS))
def test_every_rule(name, rule):
    own, theirs = CELLS[name]
    assert different(gradients(own, RULES[rule]), gradients(theirs, RULES[rule])) == []


@pytest.mark.parametrize("name", ["snu", "lif-hard", "lstm-peepholes", "gru-before"])
def test_the_forward_engine_too(name):
    own, theirs = CELLS[name]
    assert different(gradients(own, RULES["ostl"], forward), gradients(theirs, RULES["ostl"], forward)) == []


def test_a_quotient_inside_the_spike():
    """A step does not see the size of its argument, so a field, which has no step, cannot compare the two spellings."""
    own, theirs = SCALED_ALIF
    layers = [Network(layers=(Layer(cell, inputs=2, units=3),)) for cell in (own, theirs)]
    rng = np.random.default_rng(2)
    names = layers[0].shapes()
    drawn = {k: rng.integers(1, 8, names[k]) / 8 for k in sorted(names)}
    x, y = rng.integers(0, 9, (STEPS, BATCH, 2)) / 8, rng.integers(0, 9, (STEPS, BATCH, 3)) / 8
    given = [RATIONALS.array(v) for v in (x, y)]
    exact = {k: RATIONALS.array(v) for k, v in drawn.items()}
    found = [reverse.gradients(n, exact, *given, rule=RULES["bptt"], numbers=RATIONALS) for n in layers]
    assert different(*found) == []


@pytest.mark.parametrize("name", sorted(CELLS))
def test_derivatives_are_those_of_the_equations(name):
    checked = check(type(CELLS[name][0]))
    assert len(checked) >= 3


WRONG = {
    "the reset called state": ({"v -> v": "state", "z -> v": "state"}, {"e-prop", "ottt"}, {"bptt", "ostl"}),
    "the leak called reset": ({"v -> v": "reset", "z -> v": "reset"}, {"e-prop", "ottt"}, {"bptt", "ostl"}),
    "the reset called recurrent": ({"v -> v": "state", "z -> v": "recurrent"}, {"bptt-detached-reset"}, {"bptt"}),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_wrong_label_is_seen_by_the_rules_that_cut_there(name):
    edges, seen, blind = WRONG[name]
    equations = {**DRIVE, "v": "leak*(v_prev - threshold*z_prev) + a", **FIRE}
    own = define("mislabelled", equations, edges=edges, constants=PAIR, surrogate=TRIANGLE)(train=("leak", "threshold"))
    theirs = built_in(reset="subtract_before_leak")
    for rule in seen:
        assert different(gradients(own, RULES[rule]), gradients(theirs, RULES[rule])), rule
    for rule in blind:
        assert different(gradients(own, RULES[rule]), gradients(theirs, RULES[rule])) == [], rule


def test_a_wrong_derivative_is_found():
    own = type(CELLS["lif-hard"][0])

    def forgetful(recipe, links, *rest):
        found = differentiate(recipe, links, *rest)
        reset = next(link for link in links if link.edge is Edge.RESET)
        return {**found, reset: found[reset] + found[reset]}

    with pytest.raises(GradcertError, match="v <- z_prev is not that of the equation"):
        check(own, factors=forgetful)


def test_a_missing_derivative_is_found():
    own = type(CELLS["lstm"][0])

    def forgetful(recipe, links, *rest):
        found = differentiate(recipe, links, *rest)
        return {k: v for k, v in found.items() if (k.target, getattr(k, "source", "")) != ("z", "o")}

    with pytest.raises(GradcertError, match="z <- o is not that of the equation"):
        check(own, factors=forgetful)


LIF = {**DRIVE, "v": "leak*v_prev + a", **FIRE}


@pytest.mark.parametrize(
    ("equations", "edges", "says"),
    [
        ({"v": "leak*v_prev"}, MEMBRANE, "the last node is z"),
        ({**LIF, "v": "leak*v_prev +"}, MEMBRANE, "one expression"),
        ({**LIF, "v": "leak*u_prev + a"}, MEMBRANE, "u_prev in v"),
        ({**LIF, "v": "leak*v_prev + z"}, MEMBRANE, "v reads z of the same step"),
        ({**LIF, "v": "leak*v_prev + log(a)"}, MEMBRANE, "'log.a.' in the equation of v"),
        ({**LIF, "v": "leak*(W @ x)"}, MEMBRANE, "a node of its own"),
        (LIF, {}, "no label for the edge 'v -> v'"),
        (LIF, {"v -> v": "leak"}, "the label 'leak'"),
        (LIF, {"v -> v": "state", "z -> v": "reset"}, "a label for z -> v, which no equation has"),
        ({**DRIVE, **FIRE, "v": "leak*v_prev + a"}, MEMBRANE, "the last node is z"),
    ],
)
def test_what_does_not_fit_is_said(equations, edges, says):
    with pytest.raises(GradcertError, match=says):
        define("wrong", equations, edges=edges, constants=PAIR)


def test_a_pseudo_derivative_as_a_mapping_or_a_name():
    given = {"a": "W @ x", "v": "leak*v_prev + a", "z": "spike(v - threshold)"}
    options = {"edges": {"v -> v": "state"}, "constants": {"leak": 0.9, "threshold": 1.0}}
    for said, meant in (
        ({"formula": "height/(1 + x^2)", "height": 0.5}, Surrogate(formula="height/(1 + x^2)", height=0.5)),
        ("atan", Surrogate("atan")),
    ):
        assert define("mine", given, **options, surrogate=said)().surrogate == meant
    with pytest.raises(GradcertError, match="the surrogate"):
        define("mine", given, **options, surrogate={"height": 1})


def test_a_spike_without_a_threshold():
    with pytest.raises(GradcertError, match="a spike in the equation of z, in a cell without v and threshold"):
        define("wrong", {**DRIVE, "z": "spike(a)"}, edges={}, constants={})


def test_careless_words_are_asked_about():
    with pytest.raises(GradcertError, match=r"W\*x in the equation of a: .*; allowed: a weighted sum, W @ x"):
        define("careless", {"a": "W*x + b", "z": "tanh(a)"}, edges={})
    meant = define("meant", {"a": "W*x + b", "z": "tanh(a)"}, edges={}, parameters=("W", "b"))
    assert set(Layer(meant(), inputs=3, units=3).shapes()) == {"W", "b"}
    with pytest.raises(GradcertError, match="strict='sigmoid'; allowed: True: above the threshold alone"):
        define("careless", {"v": "W @ x", "z": "spike(v)"}, edges={}, constants={"threshold": 1.0}, strict="sigmoid")
    capitals = define("capitals", {"z": "W @ x + 0.5*z_prev"}, edges={"z -> z": "STATE"})
    assert [link.edge for link in capitals().links if link.lag] == [Edge.STATE]


def test_a_cell_comes_back_from_another_process():
    cell = define(
        "travelled",
        {"a": "W @ x + b", "v": "leak*v_prev + a", "z": "spike(v - threshold)"},
        edges={"v -> v": "state"},
        constants={"leak": 0.9, "threshold": 1.0},
    )(leak=0.5)
    there = pickle.dumps(cell)
    assert pickle.loads(there) == cell and type(pickle.loads(there)) is type(cell)
    code = "import pickle, sys; cell = pickle.load(sys.stdin.buffer); print(cell.leak, cell.nodes, cell.name)"
    done = subprocess.run([sys.executable, "-c", code], input=there, capture_output=True, check=True)
    assert done.stdout.decode().strip() == "0.5 ('a', 'v', 'z') travelled"


@pytest.mark.parametrize(
    ("text", "at_a_tie"),
    [("max(v, 0)", 1), ("max(0, v)", 0), ("min(v, 0)", 1), ("relu(v)", 1), ("relu_off_at_zero(v)", 0), ("abs(v)", 0)],
)
def test_the_side_that_a_derivative_takes_is_the_one_that_is_told(text, at_a_tie):
    found = evaluate(derivative(text, "v"), {"v": np.zeros(1)}, FLOAT64, ACTIVATIONS)
    assert float(np.asarray(found).reshape(-1)[0]) == at_a_tie
