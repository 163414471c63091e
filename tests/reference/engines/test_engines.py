"""Forward against reverse, and both against torch.autograd with cut edges."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch_oracle
from budget import worst
from networks import CELL_NAMES, problem

from gradcert.reference import RULES, TEMPORAL, Edge, GradcertError, Rule, draw_feedback, record
from gradcert.reference.engines import forward, reverse, tangent

LOSSES = (
    {"kind": "squared_error"},
    {"kind": "cross_entropy", "time": "mean", "batch": "mean"},
    {"kind": "squared_error", "when": "last", "batch": "mean"},
)


@pytest.mark.long(keep=7)
@pytest.mark.parametrize("depth", (1, 2, 3))
@pytest.mark.parametrize("name", CELL_NAMES)
def test_forward_equals_reverse_on_every_row(name, depth):
    for k, rule in enumerate(RULES.values()):
        network, p, x, y = problem(name, depth, seed=depth, **LOSSES[k % 3])
        feedback = draw_feedback(network, rule, seed=5)
        r = reverse.gradients(network, p, x, y, rule=rule, feedback=feedback)
        f = forward.gradients(network, p, x, y, rule=rule, feedback=feedback)
        assert worst(network, p, x, y, rule, feedback, f, r) <= 1, rule.name
        for key in p:  # the promise of the engines: 1e-12 of the largest entry, a thousand times the budget's unit
            assert np.abs(f[key] - r[key]).max() <= 1e-12 * np.abs(r[key]).max(), (rule.name, key)


SUBSETS = [frozenset(s) for k in range(4) for s in combinations((Edge.STATE, Edge.RESET, Edge.RECURRENT), k)]


@pytest.mark.parametrize("depth", (1, 2, 3))
@pytest.mark.parametrize("name", CELL_NAMES)
def test_reverse_equals_torch_with_detached_edges(name, depth):
    for k, own in enumerate(SUBSETS):
        rule = Rule("cut", "a set of edges", own, SUBSETS[(3 * k + depth) % len(SUBSETS)])
        network, p, x, y = problem(name, depth, seed=k, **LOSSES[k % 3])
        r = reverse.gradients(network, p, x, y, rule=rule)
        t = torch_oracle.gradients(network, p, x, y, rule)
        assert worst(network, p, x, y, rule, None, r, t) <= 1, (own, rule.upper)


@pytest.mark.parametrize("edge", (Edge.STATE, Edge.RESET, Edge.RECURRENT))
def test_the_oracle_sees_a_missing_edge(edge):
    """Break the engine's rule, not the oracle's: the comparison above must fail by far more than its budget."""
    network, p, x, y = problem("snu", 2, seed=1)
    whole, broken = Rule("a", "", TEMPORAL, TEMPORAL), Rule("b", "", TEMPORAL - {edge}, TEMPORAL)
    t = torch_oracle.gradients(network, p, x, y, whole)
    r = reverse.gradients(network, p, x, y, rule=broken)
    assert worst(network, p, x, y, whole, None, r, t) > 1e6


@pytest.mark.parametrize("name", [n for n in CELL_NAMES if n not in ("ssnu", "rnn")])
def test_the_networks_are_not_silent(name):
    """Trap T123: 0 = 0 proves nothing."""
    for depth in (1, 2, 3):
        network, p, x, _ = problem(name, depth, seed=depth)
        tape = record(network, p, x)
        for layer in tape.layers:
            assert 0 < layer.now["z"].sum() < layer.now["z"].size


def test_learner_gives_the_gradient_of_every_prefix():
    """Online means online: after t steps the learner holds the gradient of the first t steps."""
    network, p, x, y = problem("snu", 2, seed=3)
    rule = RULES["rtrl"]
    learner = forward.Learner(network, p, rule=rule, steps=len(x), batch=x.shape[1])
    for t in range(len(x)):
        learner.step(x[t], y[t])
        r = reverse.gradients(network, p, x[: t + 1], y[: t + 1], rule=rule)
        assert worst(network, p, x[: t + 1], y[: t + 1], rule, None, learner.gradients(), r) <= 1


@pytest.mark.parametrize("name", ("ostl", "e-prop", "ottt", "snap-1", "rtrl"))
def test_the_learner_holds_no_past(name):
    """Online means constant memory: what the learner holds after 5 steps is what it holds after 60."""
    network, p, x, y = problem("snu", 2, seed=3)
    learner = forward.Learner(network, p, rule=RULES[name], steps=60, batch=x.shape[1])
    held = []
    for t in range(60):
        learner.step(x[t % len(x)], y[t % len(y)])
        traces = [g for layer in learner.traces for trace in layer.values() for g in trace.values()]
        held.append((len(traces), sum(g.array.nbytes for g in traces), sum(g.block is not None for g in traces)))
    assert held[59] == held[5]


COMBINED = (
    {"window": 3},
    {"window": 2, "feedback": "random"},
    {"chunk": 3, "reach": 1},
    {"chunk": 2, "feedback": "direct"},
    {"chunk": 3, "feedback": "random", "reach": 2},
)


@pytest.mark.parametrize("options", COMBINED, ids=str)
@pytest.mark.parametrize("name", ("snu", "lif-hard"))
def test_engines_agree_where_a_rule_restricts_paths_in_several_ways(name, options):
    for own, upper in ((SUBSETS[-1], SUBSETS[1]), (SUBSETS[2], SUBSETS[-1]), (SUBSETS[1], SUBSETS[0])):
        network, p, x, y = problem(name, 2 if options.get("feedback") == "direct" else 3, seed=8)
        rule = Rule(name="own", title="own", own=own, upper=upper, **options)
        feedback = draw_feedback(network, rule, seed=5)
        r = reverse.gradients(network, p, x, y, rule=rule, feedback=feedback)
        f = forward.gradients(network, p, x, y, rule=rule, feedback=feedback)
        assert worst(network, p, x, y, rule, feedback, f, r) <= 1
        plain = Rule(name="own", title="own", own=own, upper=upper, feedback=rule.feedback)
        other = reverse.gradients(network, p, x, y, rule=plain, feedback=feedback)
        if own == SUBSETS[-1]:
            assert any(np.abs(r[k] - other[k]).max() > 1e-6 * np.abs(r[k]).max() for k in p)  # the option acts


@pytest.mark.parametrize("options", ({"chunk": 2}, {"reach": 1}, {"feedback": "direct"}, {"feedback": "local"}))
def test_a_window_with_what_no_engine_computes_is_refused(options):
    with pytest.raises(GradcertError, match="a window of 3 steps together with"):
        Rule(name="own", title="own", own=SUBSETS[-1], upper=SUBSETS[-1], window=3, **options)


@pytest.mark.parametrize("name", sorted(RULES))
def test_traces_that_move_inside_their_block_are_the_same_traces(name, monkeypatch):
    """Large full traces take their own place, one sample up or down; on small networks they can be made to."""
    network, p, x, y = problem("lif-hard", 2, seed=4)
    rule = RULES[name]
    feedback = draw_feedback(network, rule, seed=1)
    apart = forward.gradients(network, p, x, y, rule=rule, feedback=feedback)
    monkeypatch.setattr(tangent, "BLOCK", 0)
    learner = forward.Learner(network, p, rule=rule, steps=len(x), batch=x.shape[1], feedback=feedback)
    blocks = 0
    for t in range(len(x)):
        learner.step(x[t], y[t])
        traces = [g for layer in learner.traces for trace in layer.values() for g in trace.values()]
        assert len({id(g.block) for g in traces if g.block is not None}) == sum(g.block is not None for g in traces)
        blocks += sum(g.block is not None for g in traces)
    assert blocks > 0 or Edge.RECURRENT not in rule.own or rule.reach  # a mask makes a new array
    for key, value in learner.gradients().items():
        assert np.array_equal(value, apart[key])  # the same products in the same order
