"""Shapes of own cells that no cell of the library has: both engines, and the sum over paths by their length, agree.

Weights that drive two nodes, inputs that enter a state without a node between, parameters that are used twice.
"""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sympy", reason="needs sympy: pip install 'gradcert[derivations]'")

from gradcert.certify.campaign import certify
from gradcert.models.equations import define
from gradcert.reference import RULES, Layer, Lif, Network, forward, reverse
from gradcert.reference.engines import residual
from gradcert.reference.engines.majorant import gamma, majorant
from gradcert.reference.numbers import Surrogate
from gradcert.reference.rules import draw_feedback

STATE, RESET, LATERAL = {"v -> v": "state"}, {"z -> v": "reset"}, {"H @ z -> v": "recurrent"}
SPIKING, SMOOTH = {"leak": 0.9, "threshold": 0.3}, {"leak": 0.9}
SHAPES = {
    "input into the potential": (
        {"v": "leak*(v_prev - threshold*z_prev) + W @ x + H @ z_prev + b", "z": "spike(v - threshold)"},
        {**STATE, **RESET, **LATERAL},
        SPIKING,
    ),
    "input into the output": ({"z": "leak*z_prev + W @ x + b"}, {"z -> z": "state"}, SMOOTH),
    "one lateral weight, two nodes": (
        {
            "l": "H @ z_prev",
            "m": "H @ z_prev",
            "v": "leak*v_prev - threshold*z_prev + W @ x + b + 0.5*l*l + tanh(m)",
            "z": "spike(v - threshold)",
        },
        {**STATE, **RESET, "H @ z -> l": "recurrent", "H @ z -> m": "adaptation"},
        SPIKING,
    ),
    "one input weight, two nodes": (
        {"a": "W @ x + b", "k": "W @ x", "v": "leak*v_prev*sigmoid(k) + a + H @ z_prev", "z": "tanh(v)"},
        {**STATE, **LATERAL},
        SMOOTH,
    ),
    "one input weight, two states": (
        {"u": "leak*u_prev + W @ x", "v": "leak*v_prev + W @ x + b - u", "z": "spike(v - threshold)"},
        {**STATE, "u -> u": "state"},
        SPIKING,
    ),
    "one bias, two nodes": (
        {"u": "leak*u_prev + W @ x + b", "v": "leak*v_prev + u + b", "z": "tanh(v)"},
        {**STATE, "u -> u": "state"},
        SMOOTH,
    ),
}
ROUNDINGS = 4096  # of networks of at most 3 layers of 3 units and 5 steps: tests/reference/budget.py counts them


def made(shape):
    equations, edges, constants = SHAPES[shape]
    return define("own", equations, edges=edges, constants=constants)()


def given(cell, depth):
    rng = np.random.default_rng(depth)
    network = Network(layers=tuple(Layer(cell, inputs=3, units=3) for _ in range(depth)))
    return network, network.parameters(seed=2, scale=1.2), 2 * rng.random((5, 2, 3)), rng.random((5, 2, 3))


def by_length(*arguments, rule, **options):
    return reverse.gradients(
        *arguments, rule=replace(rule, window=len(arguments[2]) * arguments[0].depth + 1), **options
    )


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_engines_agree_on_every_row(shape, depth):
    arguments = given(made(shape), depth)
    seen = 0
    for rule in RULES.values():
        one_node = shape not in ("one input weight, two nodes", "one input weight, two states")
        if rule.feedback == "direct" and depth > 1 and not one_node:
            continue  # refused: there is no one node whose credit is broadcast
        feedback = draw_feedback(arguments[0], rule) if rule.feedback != "symmetric" else {}
        options = {"rule": rule, "feedback": feedback}
        right, scale = reverse.gradients(*arguments, **options), majorant(*arguments, **options)
        ways = [forward.gradients]
        if rule.feedback == "symmetric" and rule.reach is None and not rule.chunk and not rule.window:
            ways.append(by_length)
        for way in ways:
            found = way(*arguments, **options)
            for name, bound in scale.items():
                assert np.abs(found[name] - right[name]).max() <= gamma(ROUNDINGS) * bound.max(), (rule.name, name)
                seen += bool(right[name].any())
    assert seen > 40


def test_a_weight_in_two_halves_is_the_weight():
    """Half of the lateral input by one node, half by another: the gradient of the library's neuron."""
    halves = define(
        "own",
        {
            "l": "H @ z_prev",
            "m": "H @ z_prev",
            "v": "leak*(v_prev - threshold*z_prev) + W @ x + b + 0.5*l + 0.5*m",
            "z": "spike(v - threshold)",
        },
        edges={**STATE, **RESET, "H @ z -> l": "recurrent", "H @ z -> m": "recurrent"},
        constants=SPIKING,
        surrogate=Surrogate("sigmoid", scale=4.0),
    )()
    whole = Lif(**SPIKING, recurrent=True, surrogate=halves.surrogate)
    for depth in (1, 2, 3):
        for name in ("bptt", "ostl", "bptt-detached-reset"):
            arguments = given(halves, depth)
            mine = reverse.gradients(*arguments, rule=RULES[name])
            theirs = reverse.gradients(given(whole, depth)[0], *arguments[1:], rule=RULES[name])
            bound = majorant(*arguments, rule=RULES[name])
            assert any(theirs[f"layers.{i}.H"].any() for i in range(depth))
            for key, g in theirs.items():
                assert np.abs(g - mine[key]).max() <= gamma(ROUNDINGS) * bound[key].max()


@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_row_drops_is_the_rest(shape):
    arguments = given(made(shape), 2)
    whole, bound = reverse.gradients(*arguments, rule=RULES["bptt"]), majorant(*arguments, rule=RULES["bptt"])
    kept = reverse.gradients(*arguments, rule=RULES["sltt"])
    dropped = residual(*arguments, rule=RULES["sltt"])
    for name, g in whole.items():
        assert np.abs(kept[name] + dropped.total[name] - g).max() <= gamma(ROUNDINGS) * bound[name].max()
    assert any(g.any() for g in dropped.total.values())


SUBJECT = """
from gradcert.models.equations import define
from gradcert.reference import RULES
from gradcert.reference.engines import forward

Own = define("own", {equations!r}, edges={edges!r}, constants={constants!r})

def gradients(problem):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return forward.gradients(*given, rule=RULES["bptt"])
"""


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("shape", ["one lateral weight, two nodes", "input into the potential"])
def test_a_right_subject_is_certified(tmp_path, shape):
    equations, edges, constants = SHAPES[shape]
    path = tmp_path / "mine.py"
    path.write_text(SUBJECT.format(equations=equations, edges=edges, constants=constants))
    options = {"rule": "bptt", "cells": f"{path}:Own", "depths": (1, 2), "profile": "quick", "run_cells": True}
    assert certify(f"{path}:gradients", **options).verdict == "certified"
