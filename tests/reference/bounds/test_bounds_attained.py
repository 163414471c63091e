"""Where nothing cancels every bound equals the true error; with any one factor missing it is below: each is broken."""

from __future__ import annotations

import importlib
from dataclasses import replace
from itertools import product

import bound_problems
import numpy as np
import pytest

from gradcert.reference import RULES, Rnn, record, rule_named
from gradcert.reference.bounds import Online, a_priori, componentwise, tightness, windowed
from gradcert.reference.bounds.majorants import Majorant
from gradcert.reference.bounds.recorded import Recorded
from gradcert.reference.bounds.recursion import Recursion
from gradcert.reference.engines.majorant import gamma
from gradcert.reference.engines.residual import residual

ATTAINED = ("ostl", "sltt", "tbptt(2)", "tbptt(3)")
# 3 layers, 5 steps, 1 x 1 matrices: each number passes fewer than 100 operations per layer and step; each norm is
# moved outward by some 10 roundings, the scalar sums by at most 2 * 60 * 6: N = 10^5 covers all of it
ROOM = gamma(10**5)


def online(network, p, x, y, rule):
    bound = Online(network, p, rule=rule, steps=len(x), batch=x.shape[1])
    for now, target in zip(x, y, strict=True):
        bound.step(now, target)
    return bound.bound()


def everything(network, p, x, y, rule):
    known = {"rule": rule, "steps": len(x), "batch": 1, "input_bound": 2.0, "loss_gradient_bound": 1.0}
    return {
        "a priori": a_priori(network, p, **known),
        "online": online(network, p, x, y, rule),
        **{f"windowed({w})": windowed(network, p, x, y, rule=rule, window=w) for w in (1, 2, 3, len(x))},
        "componentwise": componentwise(network, p, x, y, rule=rule),
    }


@pytest.mark.parametrize("name", ATTAINED)
def test_every_bound_is_attained(name):
    network, p, x, y = bound_problems.attained()
    rule = rule_named(name)
    error = residual(network, p, x, y, rule=rule).total
    checked = 0
    for label, bound in everything(network, p, x, y, rule).items():
        for tensor, ratio in tightness(bound, error).items():
            if not error[tensor].any():
                assert bound.tensors[tensor] == 0
                continue
            checked += 1
            assert ratio >= 1, (label, tensor)
            # what a layer receives from below varies over time; only the a-priori bound has to take its largest value
            constant = tensor.endswith(("layers.0.W", ".b"))
            assert ratio <= 1 + ROOM or (label == "a priori" and not constant), (label, tensor, ratio)
    assert checked >= 14


def fails(bound, error):
    """Whether some tensor's bound is below its true error."""
    return any(value < np.sqrt((error[name] ** 2).sum()) for name, value in bound.tensors.items())


@pytest.fixture
def tight():
    network, p, x, y = bound_problems.attained()
    rule = RULES["ostl"]
    return network, p, x, y, rule, residual(network, p, x, y, rule=rule).total


def test_online_without_the_norm_of_the_input_is_no_bound(tight, monkeypatch):
    *problem, error = tight
    assert not fails(online(*problem), error)
    honest = Recorded.injections

    def bare(self, m):
        found = honest(self, m)
        return {k: [replace(i, scale=0 * i.scale + 1) for i in v] for k, v in found.items()}

    monkeypatch.setattr(Recorded, "injections", bare)
    assert fails(online(*problem), error)


def test_online_without_what_the_rule_drops_now_is_no_bound(tight, monkeypatch):
    """J_d K left out: only the memory of earlier errors would remain."""
    *problem, error = tight
    honest = Recorded.jacobians

    def without(self, m, kept):
        j_kept, j_dropped, j = honest(self, m, kept)
        return j_kept, 0 * j_dropped, j

    monkeypatch.setattr(Recorded, "jacobians", without)
    assert fails(online(*problem), error)


def test_windowed_with_one_jacobian_missing_is_no_bound(tight, monkeypatch):
    network, p, x, y, rule, error = tight
    assert not fails(windowed(network, p, x, y, rule=rule, window=2), error)
    module = importlib.import_module("gradcert.reference.bounds.recursion")
    monkeypatch.setattr(module, "_times", lambda a, b: {k: v / 2 for k, v in a.items()})
    assert fails(windowed(network, p, x, y, rule=rule, window=2), error)


def test_windowed_without_what_came_before_the_block_is_no_bound(tight, monkeypatch):
    network, p, x, y, rule, error = tight

    def forgets(self):
        self.x = {name: {} for name in self.names}
        self._fresh = {name: [] for name in self.names}
        self._product, self._since = None, 0

    monkeypatch.setattr(Recursion, "_close", forgets)
    assert fails(windowed(network, p, x, y, rule=rule, window=2), error)


def test_a_priori_with_a_smaller_lipschitz_constant_is_no_bound(monkeypatch):
    """A unit near 0 has slope almost 1: half the constant must be seen."""
    network, p, x, y = bound_problems.attained()
    tanh = replace(network, layers=tuple(replace(k, cell=Rnn(bias=False)) for k in network.layers))
    small = {name: p[name] for name in tanh.shapes()}
    x = 1e-3 * x
    error = residual(tanh, small, x, y, rule=RULES["ostl"]).total
    known = {"rule": RULES["ostl"], "steps": len(x), "batch": 1, "input_bound": 2e-3}
    q = float(abs(residual_gradient(tanh, small, x, y)).max())
    assert not fails(a_priori(tanh, small, loss_gradient_bound=q, **known), error)
    module = importlib.import_module("gradcert.reference.bounds.intervals")
    honest = module.Intervals.slope

    def half(self, activation, values):
        return honest(self, activation, values) * module.Interval(0.5, 0.5)

    monkeypatch.setattr(module.Intervals, "slope", half)
    assert fails(a_priori(tanh, small, loss_gradient_bound=q, **known), error)


def residual_gradient(network, p, x, y):
    tape = record(network, p, x)
    return network.loss.gradient(tape.outputs, y, tape.numbers)


def test_a_priori_without_the_weights_norm_is_no_bound(tight, monkeypatch):
    network, p, x, y, rule, error = tight
    heavy = {k: 2 * v if k.endswith(".W") else v for k, v in p.items()}
    y = record(network, heavy, x).outputs - 1
    error = residual(network, heavy, x, y, rule=rule).total
    known = {"rule": rule, "steps": len(x), "batch": 1, "input_bound": 2.0, "loss_gradient_bound": 1.0}
    assert not fails(a_priori(network, heavy, **known), error)
    module = importlib.import_module("gradcert.reference.bounds.a_priori")
    monkeypatch.setattr(module, "matrix", lambda weight: Majorant(None, None, 1.0, np.ones_like(weight)))
    assert fails(a_priori(network, heavy, **known), error)


def test_a_priori_with_true_less_replaced_weights_is_no_bound(monkeypatch):
    """Norms of weights and of their replacement add; a difference of norms bounds nothing."""
    benchmark = bound_problems.load()
    problem = benchmark.draw(0, 74)
    assert problem.rule.feedback == "direct"
    norms, _ = benchmark.true_error(problem)
    assert all(v >= norms[k] for k, v in benchmark.bounds(problem)["a priori"].tensors.items())
    module = importlib.import_module("gradcert.reference.bounds.a_priori")
    monkeypatch.setattr(module, "_upper", lambda system: system)
    assert any(v < norms[k] for k, v in benchmark.bounds(problem)["a priori"].tensors.items())


def test_componentwise_with_the_signs_left_in_is_no_bound(monkeypatch):
    """Weights of both signs: sums over paths that cancel bound no loss gradient of other signs."""
    network, p, x, y = bound_problems.attained()
    mixed = {k: -4 * v if k == "layers.1.H" else v for k, v in p.items()}
    outputs = record(network, mixed, x).outputs
    module = importlib.import_module("gradcert.reference.engines.residual")
    honest = module.magnitudes

    def signed_weights(tape):
        layers = honest(tape).layers
        return replace(tape, layers=tuple(replace(a, p=b.p) for a, b in zip(layers, tape.layers, strict=True)))

    seen = 0
    for signs in product((-1, 1), repeat=len(x)):
        y = outputs - np.array(signs, dtype=float)[:, None, None]
        error = residual(network, mixed, x, y, rule=RULES["sltt"]).total
        monkeypatch.setattr(module, "magnitudes", honest)
        assert not fails(componentwise(network, mixed, x, y, rule=RULES["sltt"]), error)
        monkeypatch.setattr(module, "magnitudes", signed_weights)
        seen += fails(componentwise(network, mixed, x, y, rule=RULES["sltt"]), error)
    assert seen > 0
