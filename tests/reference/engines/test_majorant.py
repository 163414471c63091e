"""What a rounding budget multiplies: the pass in absolute values, every pseudo-derivative at its peak."""

from fractions import Fraction

import numpy as np
import pytest
from networks import problem

from gradcert.reference import RULES, record
from gradcert.reference.engines import forward, reverse
from gradcert.reference.engines.majorant import absolute_tape, gamma, majorant
from gradcert.reference.networks.cells.lif import OUTPUT


def test_a_pseudo_derivative_counts_with_its_peak_whatever_the_potential():
    """A potential that is rounded may lie where the slope is larger than where it was computed."""
    network, p, x, _ = problem("lif-before", 2)
    tape = record(network, p, x)
    for plain, large in zip(tape.layers, absolute_tape(tape).layers, strict=True):
        peak = plain.layer.cell.surrogate.peak
        assert (large.factors[OUTPUT] == peak).all()
        assert (plain.factors[OUTPUT] < peak).any()


def test_gamma_is_its_formula():
    """Where N u is not small, too; powers of 2 make it exact."""
    assert (gamma(2**52), gamma(2**51), gamma(2**23, "float32")) == (1, float(Fraction(1, 3)), 1)
    assert gamma(3) >= 3 * 2.0**-53 and gamma(0) == 0


@pytest.mark.parametrize("name", ("bptt", "ostl", "sltt"))
def test_it_is_at_least_the_gradient_of_either_engine(name):
    network, p, x, y = problem("lif-hard", 2, seed=1)
    room = 1 + gamma(10**5)  # roundings of both together, and more
    found = majorant(network, p, x, y, rule=RULES[name])
    for engine in (reverse, forward):
        gradient = engine.gradients(network, p, x, y, rule=RULES[name])
        assert all((abs(gradient[k]) <= found[k] * room).all() for k in p)
    assert all(np.isfinite(v).all() and (v > 0).any() for v in found.values())
