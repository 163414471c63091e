"""Bounds of graphs: never below the error, equal to it where nothing cancels; each part of a graph is left out once."""

from __future__ import annotations

import importlib
from collections import defaultdict

import bound_problems
import numpy as np
import pytest
from graph_cases import CASES, GATED

from gradcert.reference import (
    RULES,
    Connection,
    GradcertError,
    Graph,
    Network,
    Population,
    Rnn,
    draw_feedback,
    record,
    rule_named,
)
from gradcert.reference.bounds import Online, componentwise, entries, roundings, tightness, windowed
from gradcert.reference.engines import gamma, residual, reverse

benchmark = bound_problems.load()
EVERY = {**CASES, **GATED}
FEEDBACK = ("ostl", "e-prop", "ostl-random", "e-prop-random", "osttp", "decolle", "tbptt(2)", "tbptt-chunks(2)")
ROOM = gamma(10**6)  # fewer than 100 numbers in 3 layers and 6 steps; each passes fewer operations than that


def posed(name, rule, *, steps=5, scale=1.5):
    """A problem of a case, or None where the rule is not defined on it."""
    network, seed = EVERY[name].network, [*EVERY].index(name)
    rng = np.random.default_rng([seed, len(rule)])
    x, y = (rng.standard_normal((steps, 2, n)) for n in (network.inputs, 2))
    given = rule_named(rule)
    try:
        feedback = draw_feedback(network, given, seed=1)
    except GradcertError:
        return None
    p = network.parameters(seed=seed, scale=scale)
    return benchmark.Problem("graph", network, p, x, y, given, feedback)


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("name", EVERY)
def test_the_system_of_a_graph_is_its_residual(name):
    """Signs kept and no norm taken: every path of the graph that the rule drops, once, with its weight."""
    met = 0
    for rule in FEEDBACK:
        if (q := posed(name, rule)) is None:
            continue
        given = (q.network, q.parameters, q.inputs, q.targets)
        mine = bound_problems.signed_error(*given, q.rule, q.feedback)
        want = residual(*given, rule=q.rule, feedback=q.feedback).total
        mass = entries(*given, rule=q.rule, feedback=q.feedback)
        budget = gamma(4 * roundings(q.network, len(q.inputs)))
        for key in q.parameters:
            assert (abs(mine[key] - want[key]) <= 2 * budget * mass[key].max()).all(), (rule, key)
            met += bool(want[key].any())
    assert met > 10


@pytest.mark.long
@pytest.mark.parametrize("name", EVERY)
def test_every_bound_of_a_graph_holds(name):
    tally = benchmark.Tally(defaultdict(list))
    for rule in ("ostl", "e-prop", "ostl-random", "osttp", "tbptt(2)", "snap-1", "decolle"):
        if (q := posed(name, rule, steps=4)) is not None:
            benchmark.check(q, tally)
    assert (tally.failures, tally.disorder, tally.wrong) == (0, 0, 0)
    assert min(min(values) for values in tally.ratios.values()) >= 1
    assert len(tally.ratios) == len(benchmark.BOUNDS)


def positive(*connections, shared=(), train=(), units=1, steps=5):
    """Identity units with positive weights, input 2 and loss gradient 1 at every step: nothing can cancel."""
    cell = Rnn(activation="identity", recurrent=True, bias=any(name[0] == "b" for name in (*shared, *train)))
    populations = tuple(Population(n, cell, units, shared=shared) for n in "abo")
    graph = Graph({"x": 1}, populations, tuple(connections))
    network = Network(graph=graph)
    p = {name: np.full(s, 0.5 if name.endswith("H") else 0.75) / (s[-1] if len(s) > 1 else 1)
         for name, s in network.shapes().items()}  # fmt: skip
    x = np.full((steps, 1, 1), 2.0)
    return network, p, x, record(network, p, x).outputs - 1


C = Connection
SKIP = (C("x", "a"), C("a", "b"), C("b", "o"), C("a", "o"))
LOOP = (*SKIP, C("b", "a", lag=1), C("a", "o", lag=3, name="late"))


def online(network, p, x, y, rule, **data):
    bound = Online(network, p, rule=rule, steps=len(x), batch=x.shape[1], **data)
    for now, target in zip(x, y, strict=True):
        bound.step(now, target)
    return bound.bound()


@pytest.mark.parametrize("name", ["ostl", "sltt", "tbptt(2)"])
def test_where_nothing_cancels_the_bounds_are_the_error(name):
    """A chain with a skip connection is a matter of 1 x 1 matrices: all are equal; a loop has a state of several."""
    rule, met = rule_named(name), 0
    for connections in (SKIP, LOOP):
        network, p, x, y = positive(*connections)
        error = residual(network, p, x, y, rule=rule).total
        found = {
            "windowed(T)": windowed(network, p, x, y, rule=rule, window=len(x)),
            "componentwise": componentwise(network, p, x, y, rule=rule),
        }
        if connections is SKIP:
            q = benchmark.Problem("graph", network, p, x, y, rule, {})
            found |= {k: v for k, v in benchmark.bounds(q).items() if k != "a priori"}
        for label, bound in found.items():
            for tensor, ratio in tightness(bound, error).items():
                met += bool(error[tensor].any())
                assert 1 <= ratio <= 1 + ROOM, (label, tensor, ratio)
    assert met >= 30


def fails(bound, error):
    return any(value < np.sqrt((error[name] ** 2).sum()) for name, value in bound.tensors.items())


class Seen:
    """A network one of whose layers is not seen as the source of another."""

    def __init__(self, network, forgotten):
        self.network, self.forgotten = network, forgotten

    def __getattr__(self, name):
        return getattr(self.network, name)

    def sources(self, m):
        return tuple(source for source in self.network.sources(m) if (source, m) != self.forgotten)


@pytest.mark.parametrize("forgotten", [(0, 2), (1, 2)])
def test_bounds_that_forget_a_connection_are_no_bounds(monkeypatch, forgotten):
    """Two ways lead from the lowest layer to the output, the chain and the skip connection: one alone is too small."""
    network, p, x, y = positive(*SKIP)
    rule = RULES["ostl"]
    error = residual(network, p, x, y, rule=rule).total
    assert not fails(online(network, p, x, y, rule), error)
    module = importlib.import_module("gradcert.reference.bounds.online")
    honest = module.assemble

    def partly(seen, layer, *given):
        return honest(seen if layer else Seen(seen, forgotten), layer, *given)

    monkeypatch.setattr(module, "assemble", partly)
    assert fails(online(network, p, x, y, rule), error)


@pytest.mark.parametrize(("shared", "runs"), [("b", 1), ("b[2]", 2)])
def test_a_parameter_that_all_units_share_acts_on_all_of_them(monkeypatch, shared, runs):
    """Counted as if it acted on one unit alone, the bound is below the error."""
    network, p, x, y = positive(*SKIP, shared=(shared,), units=4)
    rule = RULES["ostl"]
    error = residual(network, p, x, y, rule=rule).total
    whole = windowed(network, p, x, y, rule=rule, window=len(x))
    assert all(1 <= ratio <= 1 + ROOM for k, ratio in tightness(whole, error).items() if k.endswith(".b"))
    module = importlib.import_module("gradcert.reference.bounds.recursion")
    honest = module._combined

    def alone(drive, injection, s):
        found = honest(drive, _unshared(injection), s).items()
        return {k: v.reshape(*v.shape[:-1], runs, -1)[..., 0] if injection.shared else v for k, v in found}

    monkeypatch.setattr(module, "_combined", alone)
    assert fails(windowed(network, p, x, y, rule=rule, window=len(x)), error)


def _unshared(injection):
    return type(injection)(injection.ports, injection.scale, shared=0)


def test_data_of_a_graph_in_the_bounds():
    """Initial values (of registers too), masks of populations, beginnings and weights: step by step as all at once."""
    network, rule = EVERY["feedback from the output"].network, RULES["e-prop"]
    rng = np.random.default_rng(3)
    x, y, p = rng.standard_normal((5, 2, 2)), rng.standard_normal((5, 2, 2)), network.parameters(seed=2, scale=1.5)
    data = {
        "initial": {"o.z": rng.standard_normal(2), "a.o.late1": rng.standard_normal((2, 2))},
        "weights": rng.integers(1, 3, (5, 2)) / 2.0,
        "begins": rng.random((5, 2)) < 0.3,
        "masks": {"a": rng.integers(0, 2, (5, 2, 3)) / 0.5, "a.v": rng.integers(0, 2, (5, 2, 3)) / 1.0},
    }
    given = (network, p, x, y)
    step_by_step, at_once = online(*given, rule, **data), windowed(*given, rule=rule, window=1, **data)
    exact, mine = (reverse.gradients(*given, rule=row, **data) for row in (RULES["bptt"], rule))
    for key, value in at_once.tensors.items():
        assert value * (1 - ROOM) <= step_by_step.tensors[key] <= value * (1 + ROOM)
        true = np.linalg.norm(exact[key] - mine[key])
        assert true <= value + 1e-12 * abs(exact[key]).max()  # the error is a difference of two gradients
    whole = np.sqrt(sum(at_once.layer(name) ** 2 for name in "eao"))
    assert at_once.total > 0 and whole * (1 - ROOM) <= at_once.total <= whole * (1 + ROOM)


@pytest.mark.parametrize("shared", ["b", "b[2]"])
def test_rows_of_what_all_units_share_add_up(monkeypatch, shared):
    """SnAp-1 drops what passes from a unit to another; of a shared bias all rows of that fall on one number."""
    network, p, x, y = positive(*SKIP, shared=(shared,), units=4)
    rule = RULES["snap-1"]
    exact, mine = (reverse.gradients(network, p, x, y, rule=row) for row in (RULES["bptt"], rule))
    error = {name: exact[name] - mine[name] for name in p}
    assert not fails(windowed(network, p, x, y, rule=rule, window=5), error)
    module = importlib.import_module("gradcert.reference.bounds.online")
    monkeypatch.setattr(module, "own_rows", lambda *_: True)
    assert fails(windowed(network, p, x, y, rule=rule, window=5), error)
