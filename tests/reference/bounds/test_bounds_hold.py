"""No bound is ever below the true error, and the bounds keep their order, on random networks of every family."""

from __future__ import annotations

from collections import defaultdict

import bound_problems
import pytest

benchmark = bound_problems.load()
EVERY = 156  # numbers after which each rule has met each family and depth once
PER_TEST = 9


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("part", range(6))
def test_bounds_hold_and_keep_their_order(part):
    """Numbers spread over the whole cycle of rules; `python benchmarks/bounds.py` runs thousands."""
    tally = benchmark.Tally(defaultdict(list))
    for k in range(PER_TEST):
        benchmark.check(benchmark.draw(1, (part + 6 * k) * EVERY // (6 * PER_TEST)), tally)
    print(benchmark.table(tally))
    assert tally.compared > 6 * 4 * PER_TEST
    assert tally.failures == 0
    assert tally.disorder == 0
    assert tally.wrong == 0
    assert tally.ratios
    assert min(min(values) for values in tally.ratios.values()) >= 1


def test_every_rule_family_and_depth_is_met():
    met = [benchmark.draw(1, n) for n in range(EVERY)]
    assert {q.rule.name for q in met} == set(benchmark.RULE_NAMES)
    assert len({(q.family, q.network.depth, q.rule.name) for q in met}) == EVERY


@pytest.mark.parametrize("label", benchmark.BOUNDS)
def test_a_bound_that_is_too_small_is_counted(label, monkeypatch):
    """Break every bound: a tenth off must be seen on problems where it is tight, else the comparison sees nothing."""
    honest = benchmark.bounds

    def shrunk(problem):
        found = honest(problem)
        tensors = {k: v * 0.9 / max(1.0, ratio(problem, k, v)) for k, v in found[label].tensors.items()}
        return {**found, label: benchmark.Bound(tensors)}

    def ratio(problem, name, value):
        norm = benchmark.true_error(problem)[0][name]
        return value / norm if norm else 1.0

    monkeypatch.setattr(benchmark, "bounds", shrunk)
    tally = benchmark.Tally(defaultdict(list))
    benchmark.check(benchmark.draw(1, 0), tally)
    assert tally.failures > 0
