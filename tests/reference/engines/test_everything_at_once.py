"""All that a problem can have at once, in a prime field: engines, and rule + residual = BPTT, to the last digit.

Functions are random there, so that equality is that of formulas; no two numbers are alike, so that no order of theirs,
no sample and no step can be taken for another. Each case is the smallest in which its parts meet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from gradcert.properties.numbers import PrimeField
from gradcert.reference import (
    RULES,
    TEMPORAL,
    Edge,
    Layer,
    Lif,
    Loss,
    Network,
    Rnn,
    Rule,
    draw_feedback,
    rule_named,
)
from gradcert.reference.engines import forward, reverse
from gradcert.reference.engines.residual import residual
from gradcert.reference.networks import Activity
from gradcert.reference.networks.cells import Alif, Gru, Integrator, Lstm

FIELD = PrimeField()
T, B = 4, 2
LATERAL = Lif(leak=0.5, threshold=0.25, recurrent=True, train=("leak", "threshold"))
ADAPTIVE = Alif(leak=0.5, threshold=0.25, recurrent=True, train=("threshold", "beta"))


@dataclass(frozen=True)
class Late(Rnn):
    """tanh(W x' + V x + H z' + b)."""

    @property
    def links(self):
        """The link of the step before comes first."""
        first, *others = super().links
        return (replace(first, lag=1, edge=Edge.STATE), *others, replace(first, weight="V"))


def edges(*kept, **options):
    return Rule("cut", "", frozenset(kept), frozenset(kept), **options)


def with_upper(rule, *kept):
    return replace(rule, upper=frozenset(kept))


STATE, RECURRENT, RESET = Edge.STATE, Edge.RECURRENT, Edge.RESET
SILENT = {"when": "last", "activity": (Activity(kind="l2", layers=(0,)),)}
CASES = {
    # every way to drop a path, with initial values of both shapes and sequences that begin inside a row
    "ottt": ((LATERAL, LATERAL), "ottt", ("initial", "begins")),
    "ostl": ((ADAPTIVE, LATERAL), "ostl", ("initial", "begins", "weights")),
    "sltt": ((LATERAL, LATERAL), "sltt", ("initial",)),
    "bptt": ((LATERAL, LATERAL, LATERAL), "bptt", ("initial", "masks")),
    "nothing above": ((LATERAL, ADAPTIVE), with_upper(RULES["bptt"]), ("initial", "begins")),
    "one step": ((LATERAL, LATERAL), "tbptt(1)", ("initial", "begins")),
    "two steps": ((ADAPTIVE, LATERAL), "tbptt(2)", ("initial", "begins")),
    "all steps": ((LATERAL, LATERAL), "tbptt(9)", ("initial",)),
    "two steps of a state": ((LATERAL, LATERAL), edges(STATE, window=2), ("initial",)),
    "two steps, without resets": ((LATERAL, LATERAL), edges(STATE, RECURRENT, window=2), ("begins",)),
    "chunks": ((LATERAL, LATERAL), "tbptt-chunks(2)", ("initial", "begins")),
    "chunks of a state": ((LATERAL, ADAPTIVE), edges(STATE, RESET, chunk=3), ("masks",)),
    "masks": ((LATERAL, Gru()), "ostl", ("initial", "masks", "begins")),
    # feedback of every kind, the loss silent but at the end, a term about activity all the time
    "direct": ((LATERAL, LATERAL, LATERAL), replace(RULES["ostl"], feedback="direct"), ("initial", "masks")),
    "silent random": ((LATERAL, LATERAL), "ostl-random", ()),
    "silent target": ((LATERAL, LATERAL, LATERAL), "osttp", ()),
    "silent local": ((LATERAL, LATERAL, LATERAL), "decolle", ("initial",)),
    "silent": ((LATERAL, LATERAL), "bptt", ("initial",)),
    # several weighted inputs above, among links that are none
    "gates, random": ((Rnn(), Lstm(peepholes=True)), "ostl-random", ("initial",)),
    "gates": ((Gru(), Gru(reset="before")), "ottt", ("initial", "begins")),
    # paths confined to units
    "reach of one": ((ADAPTIVE, LATERAL), "snap-1", ("begins",)),
    "reach of two": ((Lstm(), Gru()), "snap-2", ("begins",)),
    "reach of one, gates": ((Gru(), Gru(reset="before")), "snap-1", ("masks",)),
}
WINDOWED = {  # whose residual is not defined
    "three steps, random": ((LATERAL, LATERAL), replace(RULES["tbptt"], window=3, feedback="random"), ("weights",)),
    "two steps, one above": ((LATERAL, ADAPTIVE), with_upper(rule_named("tbptt(2)"), STATE), ("initial", "begins")),
}
LATE = {  # which cannot be learned online
    "late": ((Late(), Late()), "ottt", ("initial", "begins")),
    "late, random": ((Rnn(), Late()), "ostl-random", ("begins",)),
    "late, two steps": ((Rnn(), Late()), "tbptt(2)", ("initial", "begins")),
    "late, all edges": ((Late(), Late()), "bptt", ("initial", "begins")),
}


def problem(name):
    """A network, its parameters and data, the rule and its feedback, all drawn from the whole field."""
    cells, rule, kinds = {**CASES, **LATE, **WINDOWED}[name]
    rule = rule if isinstance(rule, Rule) else rule_named(rule)
    sizes = (2, 3, 2, 3)
    layers = [Layer(cell, inputs=sizes[i], units=sizes[i + 1]) for i, cell in enumerate(cells)]
    layers.append(Layer(Integrator(kappa=0.5), inputs=sizes[len(cells)], units=2))
    network = Network(layers=tuple(layers), loss=Loss(**(SILENT if name.startswith("silent") else {"time": "mean"})))
    rng = np.random.default_rng(len(name))

    def draw(*shape):
        return FIELD.draw(rng, shape)

    p = {key: draw(*shape) for key, shape in network.shapes().items()}
    given = {}
    if "initial" in kinds:
        given = {"initial_gradient": True, "initial": {}}
        for i, layer in enumerate(network.layers):
            for k, node in enumerate(n for n in ("v", "c", "h", "z") if n in layer.cell.nodes):
                given["initial"][f"layers.{i}.{node}"] = draw(*((B,) if (i + k) % 2 else ()), layer.units)
    if "begins" in kinds:
        given["begins"] = np.array([[False, True], [True, False], [False, False], [False, True]])
    if "weights" in kinds:
        given["weights"] = draw(T, B)
    if "masks" in kinds:
        given["masks"] = {"layers.0": draw(T, B, 3), "layers.1.z": draw(T, B, 2)}
    feedback = draw_feedback(network, rule, numbers=FIELD, seed=1)
    x, y = draw(T, B, 2), draw(T, B, 2)
    y[1, 0, 0] = 0 * y[1, 0, 0]  # nothing may be divided by a target
    return network, p, x, y, rule, {"numbers": FIELD, **given}, feedback


@pytest.mark.parametrize("name", [*CASES, *LATE])
def test_rule_and_residual_are_bptt(name):
    network, p, x, y, rule, given, feedback = problem(name)
    truth = reverse.gradients(network, p, x, y, rule=Rule("truth", "", TEMPORAL, TEMPORAL), **given)
    mine = reverse.gradients(network, p, x, y, rule=rule, feedback=feedback, **given)
    parts = residual(network, p, x, y, rule=rule, feedback=feedback, **given)
    assert list(mine) == list(parts.total) == list(truth)
    assert ("initial_gradient" in given) is (len(truth) > len(p))
    for key, want in truth.items():
        assert (mine[key] + parts.total[key] == want).all(), key
        assert (sum((part[key] for part in parts.split.values()), 0 * want) == parts.total[key]).all(), key


@pytest.mark.parametrize("name", [*CASES, *WINDOWED])
def test_forward_is_reverse(name):
    network, p, x, y, rule, given, feedback = problem(name)
    want = reverse.gradients(network, p, x, y, rule=rule, feedback=feedback, **given)
    found = forward.gradients(network, p, x, y, rule=rule, feedback=feedback, **given)
    assert list(found) == list(want)
    assert [key for key in want if (found[key] != want[key]).any()] == []
