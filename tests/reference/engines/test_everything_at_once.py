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
    Learner,
    Lif,
    Loss,
    Network,
    Rnn,
    Rule,
    Snu,
    draw_feedback,
    record,
    rule_named,
)
from gradcert.reference.engines import forward, reverse
from gradcert.reference.engines.residual import residual
from gradcert.reference.engines.structure import reachable
from gradcert.reference.networks import Activity, Local
from gradcert.reference.networks.cells import Alif, Gru, Integrator, Lstm
from gradcert.reference.networks.synapses import AvgPool, Dense

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


POOL = Layer(
    Rnn(activation="identity", recurrent=False, bias=False),
    inputs=3,
    units=1,
    synapses=(("W", AvgPool(channels=1, height=1, width=3, kernel=(1, 2))),),
)


def edges(*kept, **options):
    return Rule("cut", "", frozenset(kept), frozenset(kept), **options)


def with_upper(rule, *kept):
    return replace(rule, upper=frozenset(kept))


STATE, RECURRENT, RESET = Edge.STATE, Edge.RECURRENT, Edge.RESET
LOSSES = {  # of the cases that begin so
    "silent": {"when": "last", "activity": (Activity(kind="l2", layers=(0,)),)},
    "potential": {"node": "v"},
    "auxiliary": {"time": "mean", "local": (Local("cross_entropy", 0.5), Local("{(o - y)^4}", 3, (1,)))},
}
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
    # a map with nothing to replace among weights that are, credit that arrives in the middle of a layer
    "pool, random": ((Rnn(), POOL, LATERAL), "ostl-random", ("initial",)),
    "potential": ((LATERAL, LATERAL), edges(RECURRENT), ("begins",)),
    "potential, all edges": ((LATERAL, ADAPTIVE), "bptt", ("masks",)),
    "gates, all edges": ((Rnn(), Lstm()), "bptt", ("initial",)),
    "shared nodes": ((Snu(train=("leak",)), Snu(train=("leak",))), "ottt", ("initial",)),
    # losses of hidden layers' own under every kind of feedback
    "auxiliary": ((LATERAL, ADAPTIVE, LATERAL), "bptt", ("initial", "begins", "weights", "readouts")),
    "auxiliary, ostl": ((ADAPTIVE, LATERAL), "ostl", ("initial", "masks", "readouts")),
    "auxiliary, two steps": ((LATERAL, LATERAL), "tbptt(2)", ("initial", "begins", "readouts")),
    "auxiliary, chunks": ((LATERAL, LATERAL), "tbptt-chunks(2)", ("weights", "readouts")),
    "auxiliary, random": ((LATERAL, LATERAL, ADAPTIVE), "ostl-random", ("masks", "readouts")),
    "auxiliary, direct": ((LATERAL, LATERAL), replace(RULES["ostl"], feedback="direct"), ("initial", "readouts")),
    "auxiliary, target": ((LATERAL, LATERAL, LATERAL), "osttp", ("weights", "readouts")),
    "auxiliary, reach": ((Rnn(), LATERAL), "snap-1", ("begins", "readouts")),
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
    layers, inputs = [], 2
    for cell, units in zip((*cells, Integrator(kappa=0.5)), (*(3, 2, 3)[: len(cells)], 2), strict=True):
        layers.append(cell if isinstance(cell, Layer) else Layer(cell, inputs=inputs, units=units))
        inputs = layers[-1].units
    loss = LOSSES.get(name.split()[0].strip(","), {"time": "mean"})
    network = Network(layers=tuple(layers[:-1] if "node" in loss else layers), loss=Loss(**loss))
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
    if "readouts" in kinds:
        given["readouts"] = {f"layers.{m}": draw(2, layer.units) for m, layer in enumerate(network.layers[:-1])}
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


@pytest.mark.parametrize("name", ["ostl", "two steps", "chunks", "masks", "silent local", "reach of one"])
def test_a_single_step(name):
    """The first step is the last one, and the one after the initial values."""
    network, p, x, y, rule, given, feedback = problem(name)
    for key in {"begins", "weights"} & set(given):
        given[key] = given[key][:1]
    given["masks"] = {key: mask[:1] for key, mask in given.get("masks", {}).items()}
    truth = reverse.gradients(network, p, x[:1], y[:1], rule=Rule("truth", "", TEMPORAL, TEMPORAL), **given)
    mine = reverse.gradients(network, p, x[:1], y[:1], rule=rule, feedback=feedback, **given)
    found = forward.gradients(network, p, x[:1], y[:1], rule=rule, feedback=feedback, **given)
    parts = residual(network, p, x[:1], y[:1], rule=rule, feedback=feedback, **given).total
    assert all((found[key] == mine[key]).all() and (mine[key] + parts[key] == truth[key]).all() for key in truth)


@pytest.mark.parametrize("cell", [LATERAL, ADAPTIVE, Gru(), Gru(reset="before"), Lstm()], ids=lambda cell: cell.name)
def test_what_a_weight_reaches_is_where_its_trace_is_not_zero(cell):
    """Step by step, through lateral weights that connect each unit to the next alone; in a field nothing cancels."""
    absent = tuple((i, j) for i in range(4) for j in range(4) if i != (j + 1) % 4)
    ring = Dense(inputs=4, units=4, absent=absent)
    lateral = tuple((k.weight, ring) for k in cell.links if k.weight is not None and k.source != "x")
    layer = Layer(cell, inputs=2, units=4, synapses=lateral)
    network, rng = Network(layers=(layer,)), np.random.default_rng(0)
    p = {key: FIELD.draw(rng, shape) for key, shape in network.shapes().items()}
    initial = {f"layers.0.{k.source}": FIELD.draw(rng, (4,)) for k in cell.links if k.lag}  # a 0 would hide a factor
    learner = Learner(network, p, rule=RULES["rtrl"], steps=4, batch=1, numbers=FIELD, initial=initial)
    for t in range(4):
        learner.step(FIELD.draw(rng, (1, 2)), FIELD.draw(rng, (1, 4)))
        for weight in {link.weight for link in cell.links if link.weight is not None}:
            traces = [trace for (_, name, _), trace in learner.traces[0].items() if name == weight]
            carried = np.stack([tangent.full()[0] for trace in traces for tangent in trace.values()])
            seen = (carried != 0).any(axis=(0, -1)).T
            assert (seen == reachable(layer, TEMPORAL, weight, t + 1)).all(), (t, weight)


@pytest.mark.parametrize("name", ["ottt", "two steps"])
def test_credit_may_be_that_of_the_last_layer_alone(name):
    network, p, x, y, rule, given, feedback = problem(name)
    tape = record(network, p, x, **given)
    delta = network.loss.gradient(tape.outputs, y, FIELD)
    want = reverse.gradients(network, p, x, y, rule=rule, feedback=feedback, **given)
    for credit in (delta, {network.depth - 1: delta}):
        found = reverse.tape_gradients(tape, y, rule=rule, feedback=feedback, delta=credit)
        assert all((found[key] == want[key]).all() for key in want)


@pytest.mark.parametrize("name", [*CASES, *WINDOWED])
def test_forward_is_reverse(name):
    network, p, x, y, rule, given, feedback = problem(name)
    want = reverse.gradients(network, p, x, y, rule=rule, feedback=feedback, **given)
    found = forward.gradients(network, p, x, y, rule=rule, feedback=feedback, **given)
    assert list(found) == list(want)
    assert [key for key in want if (found[key] != want[key]).any()] == []
