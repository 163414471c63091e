"""Ends of ranges in the bounds: outward by a rounding, exact at 0, one-sided where a pseudo-derivative is."""

import numpy as np
import pytest

from gradcert.reference import FLOAT64, RULES, SURROGATES, Layer, Network, Snu, Surrogate, record
from gradcert.reference.bounds import a_priori
from gradcert.reference.bounds.intervals import Intervals
from gradcert.reference.bounds.majorants import identity
from gradcert.reference.engines import reverse
from gradcert.reference.numbers.functions import spike

POINTS = np.concatenate([np.linspace(-4, 4, 81), [0.25, 0.5, 1.0]])
CHANGES_SIGN = {"signed_step", "multi_gaussian"}


def test_a_range_moves_outward_by_one_rounding_and_stays_at_zero():
    one, zero = np.ones(3), np.zeros(3)
    scaled = identity(3).scaled(one, one)
    assert (scaled.low == np.nextafter(1, 0)).all()
    assert (scaled.high == np.nextafter(1, 2)).all()
    nothing = identity(3).scaled(zero, zero)
    assert (nothing.low == 0).all()
    assert (nothing.high == 0).all()
    between = identity(3).scaled(-one, 2 * one).plus(identity(3))
    assert ((between.low <= 0) & (between.high >= 3)).all()


@pytest.mark.parametrize("name", SURROGATES)
def test_the_range_of_a_pseudo_derivative_has_the_sign_that_it_has(name):
    h, numbers = spike(Surrogate(name)), Intervals()
    values = FLOAT64.slope(h, POINTS)
    (found,) = numbers.slope(h, numbers.array(np.zeros(1)))
    assert found.low <= values.min()
    assert values.max() <= found.high
    assert (values.min() < 0) == (name in CHANGES_SIGN)
    assert (found.low < 0) == (name in CHANGES_SIGN)


def test_the_explicit_path_of_a_threshold_alone():
    """Two steps, the reset dropped: of a trained threshold nothing is lost but threshold, spike, reset, next potential.

    No trace of the threshold reaches the second step otherwise, so that a bound that forgets this path is zero.
    """
    network = Network(layers=(Layer(Snu(threshold=0.25, recurrent=False, train=("threshold",)), inputs=2, units=3),))
    rng = np.random.default_rng(2)
    x, y, p = rng.standard_normal((2, 2, 2)), rng.standard_normal((2, 2, 3)), network.parameters(seed=3, scale=2.0)
    rule, outputs = RULES["bptt-detached-reset"], record(network, p, x).outputs
    exact, cut = (reverse.gradients(network, p, x, y, rule=row) for row in (RULES["bptt"], rule))
    error = np.sqrt(((exact["layers.0.threshold"] - cut["layers.0.threshold"]) ** 2).sum())
    credit = float(np.sqrt(((outputs - y) ** 2).sum(axis=2)).max())
    bound = a_priori(
        network, p, rule=rule, steps=2, batch=2, input_bound=float(np.abs(x).max()) * 2, loss_gradient_bound=2 * credit
    )
    assert 0 < error <= bound.tensors["layers.0.threshold"]
