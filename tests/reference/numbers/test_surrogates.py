"""Every pseudo-derivative is the derivative of the function with which its source smooths the step.

The functions are written here (mathematics.md 2) and differentiated as power series of balls, so that the two
formulas share nothing and agree without a tolerance. Seams, where the derivative jumps, are stated one by one.
"""

import numpy as np
import pytest
from balls import BALLS, BITS, agree, each, precision
from flint import arb, arb_series, ctx

from gradcert.reference import FLOAT64, GradcertError, Surrogate
from gradcert.reference.engines.majorant import gamma
from gradcert.reference.numbers.functions import spike
from gradcert.reference.numbers.surrogates import SURROGATES, pseudo_derivative

POINTS = np.array([-3.25, -1.125, -0.625, -0.1875, -0.03125, 0.0625, 0.21875, 0.8125, 1.375, 2.75])


def magnitude(x):
    return x if x[0] > 0 else -x


def sign(x):
    return 1 if x[0] > 0 else -1


def normal(x):
    """The normal distribution function."""
    return ((x / arb(2).sqrt()).erf() + 1) / 2


def tent(x, height, width):
    """The integral of height (1 - |x| / width) within the width."""
    return height * (x - x * magnitude(x) / (2 * width)) if magnitude(x)[0] < width else x * 0


def multi_gaussian(x, scale, sigma, side):
    centre, wide = arb(1) + side, 6 * arb(sigma)
    return scale * (centre * normal(x / sigma) - side * (normal((x - sigma) / wide) + normal((x + sigma) / wide)))


SMOOTHED = {
    "sigmoid": lambda x, scale: 1 / (1 + (-scale * x).exp()),
    "atan": lambda x, scale: (arb.pi() / 2 * scale * x).atan() / arb.pi(),
    "piecewise_quadratic": lambda x, scale: tent(x, scale, 1 / arb(scale)),
    "piecewise_exp": lambda x, scale: sign(x) * (1 - (-scale * magnitude(x)).exp()) / 2,
    "soft_sign": lambda x, scale: scale * x / (1 + scale * magnitude(x)) / 2,
    "super_spike_outside": lambda x, scale: scale * x / (1 + magnitude(x)),
    "erf": lambda x, scale: (scale * x).erf() / 2,
    "rect": lambda x, scale: scale * x if magnitude(x)[0] < 1 / (2 * arb(scale)) else x * 0,
    "piecewise_leaky_relu": lambda x, width, outside: (
        x / (2 * arb(width)) if magnitude(x)[0] < width else x * arb(outside)
    ),
    "nonzero_sign_log_abs": lambda x, scale: sign(x) * (1 + scale * magnitude(x)).log(),
    "fast_sigmoid": lambda x, slope: x / (1 + slope * magnitude(x)),
    "sparse_fast_sigmoid": lambda x, slope, above: x / (1 + slope * magnitude(x)) if x[0] > above else x * 0,
    "leaky_step": lambda x, below: x if x[0] > 0 else x * arb(below),
    "signed_step": lambda x, height: -height * magnitude(x),
    "triangle": lambda x, scale, width: tent(x, scale, arb(width)),
    "tanh": lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
    "exponential": lambda x, scale: sign(x) * (1 - (-scale * magnitude(x)).exp()) / scale,
    "multi_gaussian": multi_gaussian,
}
# dyadic scales, none of them 1 or a default, on both sides of 1; powers of 2 where the formula divides by the scale in
# floating point, before the number system sees it
SCALES = {
    **{name: ({"scale": 1.5}, {"scale": 0.625}) for name in SMOOTHED},
    "piecewise_leaky_relu": ({"width": 0.25, "outside": 0.125}, {"width": 2.0, "outside": 0.5}),
    "nonzero_sign_log_abs": ({"scale": 4.0}, {"scale": 0.5}),
    "fast_sigmoid": ({"slope": 10.0}, {"slope": 0.5}),
    "sparse_fast_sigmoid": ({"slope": 10.0, "above": -0.5}, {"slope": 0.5, "above": 0.125}),
    "leaky_step": ({"below": 0.25}, {"below": 1.5}),
    "signed_step": ({"height": 0.75}, {"height": 1.5}),
    "triangle": ({"scale": 0.375, "width": 0.75}, {"scale": 1.5, "width": 2.0}),
    "tanh": ({},),
    "multi_gaussian": ({"scale": 0.75, "sigma": 0.375, "side": 0.125}, {"scale": 1.5, "sigma": 0.75, "side": 0.25}),
}
CASES = [(name, scales) for name, sets in SCALES.items() for scales in sets]


def slopes(name, scales, points=POINTS):
    """The derivative of the smoothed step at the points."""
    before, ctx.cap = ctx.cap, 2
    try:
        return each(lambda at: SMOOTHED[name](arb_series([at, 1]), **scales)[1], BALLS.array(points))
    finally:
        ctx.cap = before


def psi(name, scales, points=POINTS):
    return pseudo_derivative(Surrogate(name, **scales), BALLS.array(points), BALLS)


def test_every_row_of_the_table_is_stated():
    assert SMOOTHED.keys() == SURROGATES.keys()


@pytest.mark.parametrize(("name", "scales"), CASES, ids=str)
def test_it_is_the_derivative_of_the_smoothed_step(name, scales):
    with precision(BITS):
        assert agree(psi(name, scales), slopes(name, scales))
        # and the points tell it from every other row
        others = [other for other, s in CASES if other != name and s.keys() == scales.keys()]
        assert not any(agree(psi(other, scales), slopes(name, scales)) for other in others)


# name, scales, the seam, psi there; at 0 a symmetric psi has its peak
SEAMS = [
    ("piecewise_quadratic", {"scale": 2.0}, 0.5, 0),
    ("rect", {"scale": 2.0}, 0.25, 0),
    ("piecewise_leaky_relu", {"width": 0.5, "outside": 0.25}, 0.5, 0.25),
    ("signed_step", {"height": 0.75}, 0.0, -0.75),
    ("triangle", {"scale": 0.5, "width": 0.5}, 0.5, 0),
    ("sparse_fast_sigmoid", {"slope": 2.0, "above": 0.5}, 0.5, 0),
    ("leaky_step", {"below": 0.25}, 0.0, 0.25),
]


@pytest.mark.parametrize(("name", "scales", "seam", "value"), SEAMS, ids=str)
def test_seams(name, scales, seam, value):
    at = np.array([seam, -seam])
    assert pseudo_derivative(Surrogate(name, **scales), at, FLOAT64).tolist() == [value, value]


@pytest.mark.parametrize(("name", "scales"), CASES, ids=str)
def test_the_peak_is_the_largest_value(name, scales):
    """A float of at most 8 roundings, beside the enclosure of |psi| at 0 and at the points."""
    peak = Surrogate(name, **scales).peak
    with precision(BITS):
        values = [abs(v) for v in psi(name, scales, np.array([0.0, *POINTS]))]
        slack = arb(gamma(8)) * arb(peak)
        assert all(v <= arb(peak) + slack for v in values)
        if name == "sparse_fast_sigmoid" and scales["above"] > 0:  # the largest value is just above the level
            values += [abs(v) for v in psi(name, scales, np.nextafter([scales["above"]], 4))]
            slack = slack + arb(2) ** -50  # a slope below 1, times half the spacing of floats
        if name == "multi_gaussian":  # stated as a bound: the centre lobe, which the side lobes lower
            values = [abs(v) * (1 + arb(scales["side"])) for v in psi(name, {**scales, "side": 0.0}, np.array([0.0]))]
        assert any(v >= arb(peak) - slack for v in values)
        flipped = {k: -v if k in ("scale", "height") else v for k, v in scales.items()}
        assert Surrogate(name, **flipped).peak == peak


def test_defaults_are_those_of_the_sources():
    assert {name: dict(Surrogate(name).scales) for name in SURROGATES} == {
        "sigmoid": {"scale": 4.0},
        "atan": {"scale": 2.0},
        "piecewise_quadratic": {"scale": 1.0},
        "piecewise_exp": {"scale": 1.0},
        "soft_sign": {"scale": 2.0},
        "super_spike_outside": {"scale": 1.0},
        "erf": {"scale": 2.0},
        "rect": {"scale": 1.0},
        "piecewise_leaky_relu": {"width": 1.0, "outside": 0.01},
        "nonzero_sign_log_abs": {"scale": 1.0},
        "fast_sigmoid": {"slope": 25.0},
        "signed_step": {"height": 1.0},
        "sparse_fast_sigmoid": {"slope": 25.0, "above": 1.0},
        "leaky_step": {"below": 0.1},
        "triangle": {"scale": 1.0, "width": 1.0},
        "tanh": {},
        "exponential": {"scale": 1.0},
        "multi_gaussian": {"scale": 0.5, "sigma": 0.5, "side": 0.15},
    }


def test_names_and_scales():
    one, other = Surrogate("triangle", width=0.5), Surrogate("triangle", scale=1.0, width=0.5)
    assert one == other != Surrogate("triangle")
    assert one.label == "triangle(scale=1.0, width=0.5)"
    assert one.to_dict() == {"name": "triangle", "scale": 1.0, "width": 0.5}
    with pytest.raises(GradcertError, match=r"allowed: .*sigmoid"):
        Surrogate("sigmoidal")
    with pytest.raises(GradcertError, match=r"no scale 'slope'; allowed: scale"):
        Surrogate("sigmoid", slope=2.0)
    with pytest.raises(GradcertError, match="allowed: none"):
        Surrogate("tanh", scale=2.0)


@pytest.mark.parametrize("strict", [False, True])
def test_a_spike_at_the_threshold(strict):
    h = spike(Surrogate("triangle", scale=0.5), strict=strict)
    x = np.array([-0.5, 0.0, 0.5])
    expected = [0, 0 if strict else 1, 1]
    assert FLOAT64.apply(h, x).tolist() == h.value(x, FLOAT64).tolist() == expected
    assert FLOAT64.slope(h, x).tolist() == h.derivative(x, FLOAT64).tolist() == [0.25, 0.5, 0.25]
    assert (h.smooth, h.lipschitz, h.step) == (False, 0.5, ">" if strict else ">=")
