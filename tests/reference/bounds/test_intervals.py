"""Arithmetic of ranges: it holds every result, is exact where that is, and else wider by the float next door."""

from fractions import Fraction
from itertools import product
from math import inf, nextafter, pi

import numpy as np
import pytest

from gradcert.reference import FLOAT64, GradcertError, Surrogate
from gradcert.reference.bounds.intervals import INTERVALS, Interval, join
from gradcert.reference.numbers.functions import activation, spike

ENDS = (-3.0, -1.0, -0.7, 0.0, 1.0, 10.1)
RANGES = [Interval(a, b) for a, b in product(ENDS, ENDS) if a <= b]


def check(found, values, *, exact, floats=1):
    """Whether a range holds the values, and each of its ends is one of theirs but for some floats outward."""
    low, high = min(values), max(values)
    for end, best, out in ((found.low, low, -inf), (found.high, high, inf)):
        assert end <= best if out < 0 else end >= best
        near = end
        for _ in range(floats):
            near = nextafter(near, -out)
        assert near >= best if out < 0 else near <= best
    if exact:
        assert (found.low, found.high) == (low, high)


def pairs(a, b):
    return [(Fraction(u), Fraction(v)) for u in (a.low, a.high) for v in (b.low, b.high)]


def test_sums_differences_and_products():
    for a, b in product(RANGES, RANGES):
        zero = a == Interval(0.0, 0.0) or b == Interval(0.0, 0.0)
        one = {abs(a.low), abs(a.high)} <= {0, 1} or {abs(b.low), abs(b.high)} <= {0, 1}
        check(a + b, [u + v for u, v in pairs(a, b)], exact=zero, floats=2)
        check(a - b, [u - v for u, v in pairs(a, b)], exact=zero, floats=2)
        check(a * b, [u * v for u, v in pairs(a, b)], exact=one, floats=2)
    two = Interval(2.0, 2.0)
    assert (two + two, two * two) == (Interval(nextafter(4, 0), nextafter(4, 5)),) * 2
    assert (3.0 - two, 1.0 * two, -two) == (Interval(nextafter(1, 0), nextafter(1, 2)), two, Interval(-2.0, -2.0))


def test_quotients():
    for a, b in product(RANGES, RANGES):
        if b.low <= 0 <= b.high:
            with pytest.raises(GradcertError, match="allowed: an interval without 0"):
                a / b
        else:
            check(a / b, [u / v for u, v in pairs(a, b)], exact=a == Interval(0.0, 0.0), floats=4)
    check(1.0 / Interval(2.0, 5.0), [Fraction(1, 5), Fraction(1, 2)], exact=False, floats=3)


def test_sizes_and_unions():
    for a in RANGES:
        values = [Fraction(v) for v in (a.low, a.high)]
        least = 0 if a.low <= 0 <= a.high else min(map(abs, values))
        assert (abs(a).low, abs(a).high, a.size) == (least, max(map(abs, values)), max(map(abs, values)))
        for b in RANGES:
            assert a.join(b) == Interval(min(a.low, b.low), max(a.high, b.high))
    ((found,),) = join(np.array([[Interval(0.0, 1.0)]]), np.array([[3.0]]))
    assert found == Interval(0.0, 3.0)
    assert INTERVALS.where(np.zeros(1), ">", 0, 2.0, -1.0)[0] == Interval(-1.0, 2.0)
    assert INTERVALS.pi.low == pi and INTERVALS.pi.high == nextafter(pi, 4)
    assert abs(INTERVALS.array(np.array([-2.0])))[0] == INTERVALS.absolute(np.array([-2.0]))[0] == Interval(2.0, 2.0)


def test_functions():
    """Smooth ones go from end to end, wider by 2^-48; a spike is what it can be; a slope is up to its top."""
    step = spike(Surrogate("triangle", scale=0.5), strict=True)
    for a in RANGES:
        x = np.array([a], dtype=object)
        for found, of in ((INTERVALS.tanh(x), np.tanh), (INTERVALS.exp(x), np.exp)):
            for end, value, out in ((found[0].low, of(a.low), -1), (found[0].high, of(a.high), 1)):
                width = out * (end - value)
                # the subtraction and the addition before it may lose half a float, 2^-53 of the value, each
                assert abs(width - 2.0**-48 * abs(value)) <= 2.0**-52 * abs(value) + 1e-323 and width > 0
        assert INTERVALS.apply(activation("tanh"), x)[0] == INTERVALS.tanh(x)[0]
        assert INTERVALS.apply(activation("identity"), x) is x
        # at 0 itself either, whether it fires there or not
        assert INTERVALS.apply(step, x)[0] == Interval(float(a.low > 0), float(a.high >= 0))
        assert INTERVALS.slope(step, x)[0] == Interval(0.0, nextafter(0.5, 1))
        assert INTERVALS.slope(activation("identity"), x)[0] == Interval(1.0, 1.0)
    top = FLOAT64.slope(step, np.linspace(-2, 2, 33)).max()
    assert top == 0.5
