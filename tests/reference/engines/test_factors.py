"""Local derivatives in blocks: the sweep that computes them as it goes against the one that has them all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradcert.reference import FLOAT64, RULES, Layer, Network, Snu, Surrogate, record
from gradcert.reference.engines.factors import BLOCK, Factors
from gradcert.reference.engines.reverse import tape_gradients
from gradcert.reference.engines.sweep import pull_use


def tape_and_targets():
    """Beyond one block; a triangle, so that no vectorised function rounds a block's end differently."""
    cell = Snu(threshold=0.4, surrogate=Surrogate("triangle", scale=0.5))
    network = Network(layers=(Layer(cell, inputs=5, units=24), Layer(cell, inputs=24, units=30)))
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 16, 5)), rng.standard_normal((50, 16, 30))
    assert x.shape[0] * x.shape[1] * 24 > 2 * BLOCK
    return record(network, network.parameters(seed=1), x), y


def test_blocks_change_no_bit():
    tape, y = tape_and_targets()
    assert all(isinstance(t.factors, Factors) for t in tape.layers)
    whole = replace(tape, layers=tuple(replace(t, factors=t.factors.whole) for t in tape.layers))
    for name in ("bptt", "ostl", "ottt", "tbptt-chunks"):
        a = tape_gradients(tape, y, rule=RULES[name], feedback={})
        b = tape_gradients(whole, y, rule=RULES[name], feedback={})
        assert all((a[key] == b[key]).all() for key in a), name


def test_a_sweep_never_holds_all_factors():
    tape, y = tape_and_targets()
    tape_gradients(tape, y, rule=RULES["bptt"], feedback={})
    assert all("whole" not in vars(t.factors) for t in tape.layers)


def test_whole_factors_are_those_of_the_cell():
    tape, _ = tape_and_targets()
    for t in tape.layers:
        want = t.layer.cell.factors(FLOAT64, t.p, t.prev, t.now)
        assert set(want) == set(t.factors)
        assert all(np.array_equal(t.factors[key], value) for key, value in want.items())


def test_a_block_is_as_large_as_it_may_be():
    """What is computed at once fits the cache: at most BLOCK numbers, and one more step would not fit."""
    tape, _ = tape_and_targets()
    for t in tape.layers:
        a_step = 16 * t.layer.units
        assert t.factors.size * a_step <= BLOCK < (t.factors.size + 1) * a_step
    layer = tape.layers[0].layer
    wide = {node: np.zeros((2, BLOCK, 3)) for node in layer.cell.nodes}  # a step that is larger than a block
    assert Factors(layer, {}, wide, wide, FLOAT64).size == 1


@pytest.mark.parametrize("factor", [1, 0, 2, -1, 0.5, np.array([0.5, -2.0]), np.array([[[0.5, 1.0]], [[2.0, 0.0]]])])
def test_a_factor_pulls_back_to_its_parameter(factor):
    """Whatever its form, an integer 1 included: the sum over steps and samples of adjoint times factor (exact here)."""
    adjoint = np.array([[[1.0, -2.0]], [[0.25, 4.0]]])
    assert (pull_use(adjoint, factor) == (adjoint * factor).sum(axis=(0, 1))).all()
