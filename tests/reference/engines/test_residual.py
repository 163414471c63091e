"""rule + residual = BPTT: to rounding for every row and depth, exactly in rationals, and path by path."""

from __future__ import annotations

from dataclasses import replace

import brute_paths
import numpy as np
import pytest
from budget import ROUNDINGS
from networks import CELL_NAMES, problem

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import (
    CELLS,
    RULES,
    TEMPORAL,
    Edge,
    GradcertError,
    Layer,
    Lif,
    Network,
    Rnn,
    Rule,
    Snu,
    Surrogate,
    draw_feedback,
    record,
    rule_named,
)
from gradcert.reference.engines import reverse
from gradcert.reference.engines.majorant import gamma
from gradcert.reference.engines.residual import residual, tape_residual

ROWS = [*RULES.values(), rule_named("tbptt(1)"), rule_named("tbptt(2)"), rule_named("tbptt-chunks(2)")]
DETACHED = TEMPORAL - {Edge.RESET}
TRIANGLE = Surrogate("triangle", scale=0.5, width=4)


def gap(network, p, x, y, rule, feedback, truth):
    """Largest error of rule + residual against the truth, in units of its rounding (budget.py for the count).

    The majorant is the absolute path sum of the rule, of the residual and of the truth: every number that takes part.
    """
    exact = Rule("truth", "", truth, truth)
    mine = reverse.gradients(network, p, x, y, rule=rule, feedback=feedback)
    want = reverse.gradients(network, p, x, y, rule=exact)
    parts = residual(network, p, x, y, rule=rule, feedback=feedback, truth=truth)
    nothing = Rule("none", "", frozenset(), frozenset(), feedback=rule.feedback)
    tape = record(network, p, x)
    mass = tape_residual(tape, y, rule=nothing, feedback=feedback, truth=truth, absolute=True).total
    worst = 0.0
    for name in p:
        size = max(mass[name].max(), abs(mine[name]).max(), abs(want[name]).max())
        error = abs(mine[name] + parts.total[name] - want[name]).max()
        assert size > 0 or error == 0
        worst = max(worst, float(error / (gamma(ROUNDINGS) * size)) if size else 0.0)
        total = sum((part[name] for part in parts.split.values()), 0 * p[name])
        assert np.array_equal(total, parts.total[name])
    return worst


@pytest.mark.long(keep=8)
@pytest.mark.parametrize("depth", (1, 2, 3))
@pytest.mark.parametrize("name", CELL_NAMES)
def test_rule_and_residual_sum_to_bptt(name, depth):
    for k, rule in enumerate(ROWS):
        network, p, x, y = problem(name, depth, seed=depth, when="last" if k % 3 == 0 else "every")
        feedback = draw_feedback(network, rule, seed=5)
        assert gap(network, p, x, y, rule, feedback, TEMPORAL) <= 1, rule.name


@pytest.mark.parametrize("name", sorted(CELLS))
def test_every_cell_in_a_stack(name):
    cell = CELLS[name]()
    layers = (
        Layer(cell, inputs=3, units=4),
        Layer(Lif(threshold=0.3), inputs=4, units=5),
        Layer(cell, inputs=5, units=2),
    )
    network = Network(layers=layers)
    rng = np.random.default_rng(8)
    p, x, y = network.parameters(seed=1, scale=2.0), rng.standard_normal((5, 2, 3)), rng.standard_normal((5, 2, 2))
    for rule in ROWS:
        if rule.feedback != "direct" or len(cell_inputs(cell)) == 1:
            assert gap(network, p, x, y, rule, draw_feedback(network, rule), TEMPORAL) <= 1, rule.name


def cell_inputs(cell):
    return {link.target for link in cell.links if link.source == "x"}


@pytest.mark.parametrize("name", ("lif-before", "lif-hard", "snu"))
def test_against_bptt_with_the_reset_detached(name):
    for rule in (RULES["bptt-detached-reset"], RULES["ottt"], RULES["sltt"], RULES["e-prop"]):
        network, p, x, y = problem(name, 2)
        assert gap(network, p, x, y, rule, {}, DETACHED) <= 1
        assert all(kind != "reset" for _, kind in residual(network, p, x, y, rule=rule, truth=DETACHED).split)


def test_an_exact_rule_drops_nothing():
    network, p, x, y = problem("lif-before", 3)
    dropped = residual(network, p, x, y, rule=RULES["bptt"])
    assert dropped.split == {}
    assert all(not g.any() for g in dropped.total.values())


def exact_problem(cell, *, steps=4, depth=2, samples=1, seed=3, units=2):
    """A tiny network in rationals with short numbers, whose layers all have spikes or slopes."""
    network = Network(layers=tuple(Layer(cell, inputs=2, units=units) for _ in range(depth)))
    for attempt in range(100):
        rng = np.random.default_rng([seed, attempt])
        shapes = {**network.shapes(), "y": (steps, samples, units)}
        p = {name: RATIONALS.array(rng.integers(-8, 9, shape) / 8) for name, shape in shapes.items()}
        y, x = p.pop("y"), RATIONALS.array(rng.integers(1, 9, (steps, samples, 2)) / 8)
        lively = reverse.gradients(network, p, x, y, rule=RULES["ottt"], numbers=RATIONALS)
        if all((abs(g) > 0).any() for g in lively.values()):
            return network, p, x, y
    raise AssertionError("no lively problem found")


EXACT_CELLS = (
    Snu(leak=0.75, threshold=0.25, surrogate=TRIANGLE, train=("threshold",)),
    Lif(leak=0.5, threshold=0.25, surrogate=TRIANGLE, reset="hard", recurrent=True, train=("leak",)),
    Lif(leak=0.75, threshold=0.375, surrogate=TRIANGLE, recurrent=True),
    Rnn(activation="relu"),
    Rnn(activation="identity"),
)


@pytest.mark.parametrize("cell", EXACT_CELLS, ids=lambda cell: cell.name)
def test_exactly_in_rationals_for_every_row(cell):
    network, p, x, y = exact_problem(cell, depth=3, samples=2)
    want = reverse.gradients(network, p, x, y, rule=RULES["bptt"], numbers=RATIONALS)
    for rule in ROWS:
        feedback = draw_feedback(network, rule, numbers=RATIONALS)
        mine = reverse.gradients(network, p, x, y, rule=rule, numbers=RATIONALS, feedback=feedback)
        parts = residual(network, p, x, y, rule=rule, numbers=RATIONALS, feedback=feedback)
        for name in p:
            assert (mine[name] + parts.total[name] == want[name]).all(), (rule.name, name)
            assert (sum((s[name] for s in parts.split.values()), 0 * p[name]) == parts.total[name]).all()


PATH_RULES = [
    "ostl",
    "ostl-random",
    "ottt",
    "sltt",
    "tbptt(1)",
    "tbptt(2)",
    "tbptt-chunks(2)",
    "snap-1",
    "bptt-detached-reset",
]
PATH_RULES += ["e-prop"]


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("cell", EXACT_CELLS[:4], ids=lambda cell: cell.name)
def test_the_split_is_the_sum_over_all_paths_one_by_one(cell):
    network, p, x, y = exact_problem(cell)
    tape = record(network, p, x, numbers=RATIONALS)
    delta = network.loss.gradient(tape.outputs, y, RATIONALS)
    crossed = 0
    for name in PATH_RULES:
        rule = rule_named(name)
        feedback = draw_feedback(network, rule, numbers=RATIONALS)
        down = [{}, {"W": feedback["layers.1.B"]} if rule.feedback == "random" else {}]
        want, count = brute_paths.split(tape, delta, rule, down)
        have = residual(network, p, x, y, rule=rule, numbers=RATIONALS, feedback=feedback).split
        assert count > 100
        assert set(want) <= set(have), name
        for label, part in have.items():
            for key in p:
                assert (part[key] == want.get(label, {}).get(key, 0 * p[key])).all(), (name, label, key)
        crossed += len(want)
    assert crossed > len(PATH_RULES)


def test_the_oracle_sees_a_path_booked_to_another_layer():
    """Break the rule that the oracle is given: the split, not only its sum, has to differ."""
    network, p, x, y = exact_problem(EXACT_CELLS[2])
    tape = record(network, p, x, numbers=RATIONALS)
    delta = network.loss.gradient(tape.outputs, y, RATIONALS)
    want, _ = brute_paths.split(tape, delta, RULES["sltt"], [{}, {}])
    have = residual(network, p, x, y, rule=RULES["ottt"], numbers=RATIONALS).split
    assert not (have[0, "reset"]["layers.0.W"] == want[0, "reset"]["layers.0.W"]).all()


def test_a_dropped_edge_is_what_is_booked():
    """With one label kept back, the sum must miss BPTT by far more than rounding: no label is empty by construction."""
    network, p, x, y = problem("lif-before", 2)
    rule = RULES["sltt"]
    parts = residual(network, p, x, y, rule=rule)
    size = abs(parts.total["layers.0.W"]).max()
    assert set(parts.split) == {(m, e) for m in (0, 1) for e in ("recurrent", "reset", "state")}
    for label, part in parts.split.items():
        key = "layers.0.W"
        assert abs(part[key]).max() > 1e6 * gamma(ROUNDINGS) * size, label


def test_shares_sum_to_one():
    network, p, x, y = problem("snu", 3)
    shares = residual(network, p, x, y, rule=RULES["e-prop"]).shares()
    # as many roundings as there are numbers in the two sums, each of at most 3 * 60 products
    assert abs(sum(shares.values()) - 1) <= gamma(4 * 200) * sum(abs(s) for s in shares.values())
    assert set(residual(network, p, x, y, rule=RULES["bptt"]).shares()) == set()


def test_refuses_what_has_no_reference():
    network, p, x, y = problem("lif-before", 2)
    with pytest.raises(GradcertError, match="keeps reset"):
        residual(network, p, x, y, rule=RULES["ostl"], truth=DETACHED)
    with pytest.raises(GradcertError, match="window"):
        residual(network, p, x, y, rule=replace(RULES["ostl"], window=2))
    with pytest.raises(GradcertError, match="reach and a chunk"):
        residual(network, p, x, y, rule=replace(RULES["snap-1"], chunk=2))
