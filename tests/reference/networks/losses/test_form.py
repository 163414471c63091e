"""Forms of losses: Bernoulli against its definition on balls, and one of one's own."""

import numpy as np
import pytest
from balls import BALLS, BITS, agree, each, precision
from flint import arb_series, ctx

from gradcert.reference import FLOAT64, GradcertError, Layer, Loss, Network, Rnn
from gradcert.reference.engines import forward, reverse
from gradcert.reference.engines.majorant import gamma
from gradcert.reference.networks import Form, with_loss
from gradcert.reference.networks.losses import FORMS
from gradcert.reference.rules import RULES


def defined(o, y):
    """-y log s(o) - (1 - y) log (1 - s(o)) of one output."""
    s = 1 / (1 + (-o).exp())
    return -(y * s.log() + (1 - y) * (1 - s).log())


def test_bernoulli_is_its_definition():
    rng = np.random.default_rng(1)
    o, y = (BALLS.array(v) for v in (rng.integers(-24, 25, (2, 2, 3)) / 8, rng.integers(0, 9, (2, 2, 3)) / 8))
    before, ctx.cap = ctx.cap, 2
    try:
        with precision(BITS):
            found = Loss(kind="bernoulli").gradient(o, y, BALLS)
            series = each(lambda v: arb_series([v, 1]), o)
            expected = np.empty(o.shape, dtype=object)
            for index in np.ndindex(o.shape):
                expected[index] = defined(series[index], y[index])[1]
            assert agree(found, expected)
    finally:
        ctx.cap = before


def test_large_logits_do_not_overflow():
    loss, o, y = Loss(kind="bernoulli"), np.array([[[1000.0, -1000.0, 0.0]]]), np.array([[[0.0, 1.0, 1.0]]])
    with np.errstate(all="raise", under="ignore"):
        assert loss.value(o, y, FLOAT64) == 2000 + np.log(2.0)
        assert loss.gradient(o, y, FLOAT64).tolist() == [[[1, -1, -0.5]]]


def test_the_size_of_a_form():
    """Probabilities and targets without their signs; of one's own form, the derivative, outputs and targets."""
    rng = np.random.default_rng(2)
    o, y = rng.standard_normal((2, 5, 3))
    p = np.exp(o) / np.exp(o).sum(axis=-1, keepdims=True)
    cube = Form("cube", lambda o, y, n: (abs(o - y) ** 3).sum(axis=-1) / 3, lambda o, y, n: (o - y) * abs(o - y))
    wanted = {
        "squared_error": abs(o) + abs(y),
        "cross_entropy": p * abs(y.sum(axis=-1, keepdims=True)) + abs(y),
        "bernoulli": 1 / (1 + np.exp(-o)) + abs(y),
        "cube": (o - y) ** 2 + abs(o) + abs(y),
    }
    for name, want in wanted.items():
        found = FORMS.get(name, cube).magnitude(o, y, FLOAT64)
        # exp doubles what it is given at most, and p + y - y loses 3 roundings of p + |y|, which is below 2^5 p here
        assert np.allclose(found, want, rtol=gamma(256), atol=0), name


def test_a_form_of_ones_own_is_used_by_both_engines():
    """The squared error written as one's own form is the squared error, to the last bit; its cube is not."""
    half = Form("half", lambda o, y, n: ((o - y) ** 2).sum(axis=-1) / 2, lambda o, y, n: o - y)
    cube = Form("cube", lambda o, y, n: (abs(o - y) ** 3).sum(axis=-1) / 3, lambda o, y, n: (o - y) * abs(o - y))
    network = Network(layers=(Layer(Rnn(), inputs=2, units=3), Layer(Rnn(), inputs=3, units=2)))
    p, x = network.parameters(seed=1), np.random.default_rng(0).standard_normal((4, 2, 2))
    y = np.zeros_like(x)
    for engine in (reverse, forward):
        want = engine.gradients(network, p, x, y, rule=RULES["bptt"])
        found = engine.gradients(with_loss(network, kind=half), p, x, y, rule=RULES["bptt"])
        other = engine.gradients(with_loss(network, kind=cube), p, x, y, rule=RULES["bptt"])
        assert all(np.array_equal(found[k], want[k]) for k in want)
        assert all(not np.allclose(other[k], want[k]) for k in want)
    with pytest.raises(GradcertError, match="JSON form of the loss 'half', which is code"):
        with_loss(network, kind=half).to_dict()


def test_a_derivative_of_ones_own_is_that_of_its_value():
    """What a form says of itself can be looked at: by central differences, whose error is of second order."""
    cube = Form("cube", lambda o, y, n: (abs(o - y) ** 3).sum(axis=-1) / 3, lambda o, y, n: (o - y) * abs(o - y))
    o, y, h = np.array([[1.5, -0.5]]), np.array([[0.25, 0.5]]), 2.0**-10
    for k in range(2):
        up, down = (o + s * h * np.eye(2)[k] for s in (1, -1))
        slope = (cube.terms(up, y, FLOAT64) - cube.terms(down, y, FLOAT64)) / (2 * h)
        # the third derivative of |u|^3 / 3 is 2: h^2 / 6 times it, and rounding far below
        assert abs(slope - cube.derivative(o, y, FLOAT64)[:, k]) <= h * h / 3 + 1e-12
