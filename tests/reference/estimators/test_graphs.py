"""Algorithms that are no rows, on graphs of populations: skips, several inputs, feedback, delays, shared numbers.

What is random is compared in the mean over all draws, over the rationals; what is left is compared with rows, whose
engines the graph tests hold against literal loops.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from graph_cases import CASES, GATED, Ordered
from rational_nets import HEAD, lif, same

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import (
    RULES,
    TEMPORAL,
    Connection,
    GradcertError,
    Graph,
    Network,
    Population,
    Problem,
    Rnn,
    Rule,
    record,
)
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import kf_rtrl, sltt_k, state_size, uoro
from gradcert.reference.procedures import fptt, last_state
from gradcert.reference.published import algorithm, read_rule

FIELD = Ordered()
C, P = Connection, Population
NORMALISERS = tuple(RATIONALS.array([1.5, 0.25]))
FREE = {"reset": "none", "recurrent": False}
READ = replace(HEAD, bias=False)
SMALL = {
    "skip": Graph(
        {"x": 2},
        (P("a", lif(0, reset="none"), 1), P("b", lif(1, reset="none"), 1), P("o", READ, 2)),
        (C("x", "a"), C("a", "b"), C("x", "b"), C("b", "o"), C("a", "o")),
    ),
    "feedback": Graph(
        {"x": 1},
        (P("a", lif(0, reset="none"), 1), P("b", Rnn(activation="relu", recurrent=False), 1), P("o", READ, 1)),
        (C("x", "a"), C("a", "b"), C("b", "a", lag=1), C("b", "o")),
    ),
    "delay": Graph(
        {"x": 1},
        (P("a", lif(0, reset="none"), 1), P("o", READ, 1)),
        (C("x", "a"), C("a", "o", lag=1, name="late"), C("a", "o")),
    ),
    "shared": Graph(
        {"x": 1, "u": 1},
        (P("a", lif(0, reset="none"), 2, shared=("b",)), P("o", READ, 1)),
        (C("x", "a"), C("u", "a"), C("a", "o")),
    ),
}


def small(name, steps=3):
    """The problem of the smallest seed whose true gradient moves every parameter, and is not that of single steps."""
    network = Network(graph=SMALL[name])
    for seed in range(300):
        rng = np.random.default_rng(seed)

        def eighths(*shape, rng=rng):
            return RATIONALS.array(rng.integers(-12, 17, size=shape) / 8)

        p = {key: eighths(*shape) for key, shape in network.shapes().items()}
        x, y = eighths(steps, 1, network.inputs), eighths(steps, 1, network.layers[-1].units)
        rows = [reverse.gradients(network, p, x, y, rule=RULES[r], numbers=RATIONALS) for r in ("bptt", "sltt")]
        if all((rows[0][k] != 0).any() for k in p) and all(
            (rows[0][k] != rows[1][k]).any() for k in p if "W" in k[2:5] and k[0] == "a"
        ):
            return network, p, x, y, rows[0]
    raise AssertionError("every network is silent")


def all_signs(entries, steps):
    flat = list(product((-1, 1), repeat=entries * steps))
    return np.array(flat).reshape(len(flat), steps, entries).transpose(1, 0, 2)


@pytest.mark.parametrize("name", SMALL)
def test_the_mean_of_uoro_over_all_signs_is_bptt(name):
    network, p, x, y, truth = small(name)
    signs = all_signs(state_size(network), 3) if state_size(network) < 4 else None
    if signs is None:
        network, p, x, y, truth = small(name, steps=2)
        signs = all_signs(state_size(network), 2)
    many = signs.shape[1]
    x, y = (np.repeat(v, many, axis=1) for v in (x, y))
    found = uoro.gradients(network, p, x, y, numbers=RATIONALS, signs=signs, normalisers=NORMALISERS)
    assert same({k: v / many for k, v in found.items()}, truth)
    one = uoro.gradients(network, p, x[:, :1], y[:, :1], numbers=RATIONALS, signs=signs[:, :1], normalisers=NORMALISERS)
    assert not same(one, truth)


@pytest.mark.parametrize("name", ["skip", "shared", "delay"])
def test_the_mean_of_kf_rtrl_over_all_signs_is_ostl(name):
    network, p, x, y, _ = small(name, steps=2)
    layers = sum(any(link.lag for link in layer.cell.links) for layer in network.layers)
    signs = all_signs(2 * layers, 2)
    many = signs.shape[1]
    signs = signs.reshape(2, many, layers, 2).transpose(2, 0, 1, 3)
    want = reverse.gradients(network, p, x, y, rule=RULES["ostl"], numbers=RATIONALS)
    x, y = (np.repeat(v, many, axis=1) for v in (x, y))
    found = kf_rtrl.gradients(network, p, x, y, numbers=RATIONALS, signs=signs, normalisers=NORMALISERS)
    assert same({k: v / many for k, v in found.items()}, want)


def test_kf_rtrl_has_one_drive_a_layer():
    network, p, x, y, _ = small("feedback")
    with pytest.raises(GradcertError, match=r"whose parameters act at a\.a, b\.a; allowed: weights and biases"):
        kf_rtrl.gradients(network, p, x, y, numbers=RATIONALS, rng=np.random.default_rng(0))


def case(name, steps=4, batch=2):
    network, rng = {**CASES, **GATED}[name].network, np.random.default_rng(len(name))
    p = {key: FIELD.draw(rng, shape) for key, shape in network.shapes().items()}
    x = FIELD.draw(rng, (steps, batch, network.inputs))
    return network, p, x, FIELD.draw(rng, (steps, batch, network.layers[-1].units))


@pytest.mark.parametrize("name", [*CASES, *GATED])
def test_steps_of_sltt_k_are_steps_of_sltt_that_count(name):
    """The loss of the other steps weighs nothing; every layer, merged or not, late or not."""
    network, p, x, y = case(name)
    found = sltt_k.gradients(network, p, x, y, numbers=FIELD, chosen=[1, 3])
    weights = FIELD.array(np.array([[0, 0], [1, 1], [0, 0], [1, 1]]))
    assert same(found, reverse.gradients(network, p, x, y, rule=RULES["sltt"], numbers=FIELD, weights=weights))


@pytest.mark.parametrize("name", [*CASES, *GATED])
def test_rows_of_layers_are_rows(name):
    """The lowest layer by the first row, what is above it by the second."""
    network, p, x, y = case(name)
    problem = Problem(network, p, x, y, numbers=FIELD)
    found = read_rule("sltt then bptt").gradients(problem)
    low = reverse.gradients(network, p, x, y, rule=Rule("low", "", frozenset(), TEMPORAL), numbers=FIELD)
    high = reverse.gradients(network, p, x, y, rule=RULES["bptt"], numbers=FIELD)
    lowest = {network.layers[0].full_name(0, k) for k in network.layers[0].shapes()}
    assert same(found, {k: (low if k in lowest else high)[k] for k in p})


@pytest.mark.parametrize("name", ["skip", "feedback", "delay", "convolution", "gates"])
def test_the_gradients_of_fptts_parts_are_those_of_what_is_left_of_the_sequence(name):
    network, p, x, y = case(name)
    seen = []
    rate, alpha = Fraction(1, 4), Fraction(1, 2)
    given = {"parts": 2, "alpha": alpha, "rate": rate, "form": "code", "numbers": FIELD}
    fptt(network, p, x, y, **given, watch=seen.append)
    first = reverse.gradients(network, p, x[:2], y[:2], rule=RULES["bptt"], numbers=FIELD)
    assert same(seen[0], first)
    start = last_state(record(network, p, x[:2], numbers=FIELD))
    moved = {k: p[k] - FIELD.array(rate)[()] * first[k] for k in p}
    assert same(
        seen[1], reverse.gradients(network, moved, x[2:], y[2:], rule=RULES["bptt"], numbers=FIELD, initial=start)
    )


@pytest.mark.parametrize("name", ["skip", "feedback", "delay", "shared"])
def test_an_update_of_one_step_is_an_update_of_the_sequence(name):
    network, p, x, y = case(name, steps=1)
    problem = Problem(network, p, x, y, numbers=FIELD)
    found = [
        algorithm(k, {"rule": "ostl", "rate": 0.5}).gradients(problem)
        for k in ("update-per-step", "update-per-sequence")
    ]
    g = reverse.gradients(network, p, x, y, rule=RULES["ostl"], numbers=FIELD)
    assert same(found[0], found[1]) and same(found[0], {k: p[k] - FIELD.array(Fraction(1, 2))[()] * g[k] for k in p})


@pytest.mark.parametrize("name", ["inputs", "skip", "feedback from the output", "shared"])
def test_what_is_untraced_is_what_reads_the_networks_input_and_the_biases(name):
    """Weights of every population that reads the input, in whatever layer: their gradient is that of single steps."""
    network, p, x, y = case(name)
    problem = Problem(network, p, x, y, numbers=FIELD)
    found = read_rule("bptt + untraced input + untraced bias").gradients(problem)
    whole = reverse.gradients(network, p, x, y, rule=RULES["bptt"], numbers=FIELD)
    steps = reverse.gradients(network, p, x, y, rule=Rule("steps", "", frozenset(), TEMPORAL), numbers=FIELD)
    given = dict(network.graph.inputs)
    reading = [f"{c.target}.W" for c in network.graph.connections if c.origin[0] in given]
    reading += [f"{c.target}.W.{c.label}" for c in network.graph.connections if c.origin[0] in given]
    untraced = {k for k in p if k in reading or k.split(".")[1:] == ["b"]}
    assert len(untraced) > 2
    assert same(found, {k: (steps if k in untraced else whole)[k] for k in p})
