"""Ends of ranges in the bounds: outward by a rounding, exact at 0, one-sided where a pseudo-derivative is."""

import numpy as np
import pytest

from gradcert.reference import FLOAT64, SURROGATES, Surrogate
from gradcert.reference.bounds.intervals import Intervals
from gradcert.reference.bounds.majorants import identity
from gradcert.reference.functions import spike

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
