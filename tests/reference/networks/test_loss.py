"""Losses against their definition: values in fractions or enclosed, gradients as power series of balls."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from balls import BALLS, BITS, agree, each, precision
from flint import arb, arb_series, ctx

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import FLOAT64, GradcertError, Loss
from gradcert.reference.engines.majorant import gamma
from gradcert.reference.networks import KINDS, Activity
from gradcert.reference.networks.loss import WHEN
from gradcert.reference.networks.losses import COLLECTED

T, B, K = 3, 2, 4
OPTIONS = [
    dict(zip(("when", "time", "batch"), chosen, strict=True))
    for chosen in product(("every", "last"), ("sum", "mean"), ("sum", "mean"))
]
NAMES = ["-".join(options.values()) for options in OPTIONS]


def data():
    """Dyadic outputs and targets; a sample's targets do not sum to 1, so that the sum counts."""
    rng = np.random.default_rng(3)
    return rng.integers(-24, 25, size=(T, B, K)) / 8, rng.integers(1, 17, size=(T, B, K)) / 16


def of_one(kind, o, y):
    if kind == "squared_error":
        return sum((a - b) * (a - b) for a, b in zip(o, y, strict=True)) / 2
    log_sum = sum(a.exp() for a in o).log()
    return -sum(b * (a - log_sum) for a, b in zip(o, y, strict=True))


def reduced(terms, *, when, time, batch):
    """In words: the steps that count, a sum or a mean over them, a sum or a mean over the samples."""
    steps = range(T) if when == "every" else [T - 1]
    total = sum(terms(t, b) for t in steps for b in range(B))
    return total / (len(steps) if time == "mean" else 1) / (B if batch == "mean" else 1)


def defined(kind, o, y, **options):
    return reduced(lambda t, b: of_one(kind, o[t, b], y[t, b]), **options)


@pytest.mark.parametrize("options", OPTIONS, ids=NAMES)
def test_squared_error_in_fractions(options):
    o, y = (np.vectorize(Fraction, otypes=[object])(values) for values in data())
    assert Loss(**options).value(o, y, FLOAT64) == defined("squared_error", o, y, **options)


@pytest.mark.parametrize("options", OPTIONS, ids=NAMES)
def test_cross_entropy_is_enclosed(options):
    """A term y (log sum exp(o - m) + m - o) has |o| <= 3 and 4 classes: 6 u + 4 ulp in exp, 3 + 4 for its sum and log,
    then 24 additions and a division: below 64 roundings of y (1 + |m| + |log sum| + |o|) <= y (1 + 3 + 2 + 3).
    """
    o, y = data()
    found = Loss(kind="cross_entropy", **options).value(o, y, FLOAT64)
    with precision(BITS):
        exact = defined("cross_entropy", each(arb, o), each(arb, y), **options)
        scale = 9 * reduced(lambda t, b: arb(y[t, b].sum()), **options)
        assert abs(arb(found) - exact) <= arb(gamma(64)) * scale


@pytest.mark.parametrize("kind", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("options", OPTIONS, ids=NAMES)
def test_the_gradient_is_that_of_the_definition(kind, options):
    o, y = (BALLS.array(values) for values in data())
    before, ctx.cap = ctx.cap, 2
    try:
        with precision(BITS):
            expected = BALLS.zeros((T, B, K))
            for index in np.ndindex(T, B, K):
                moved = each(lambda v: arb_series([v]), o)
                moved[index] = arb_series([o[index], 1])
                expected[index] = defined(kind, moved, y, **options)[1]
            found = Loss(kind=kind, **options).gradient(o, y, BALLS)
            assert agree(found, expected)
            majorant = Loss(kind=kind, **options).gradient_majorant(o, y, BALLS)
            targets = Loss(**options).gradient(abs(y), 0 * y, BALLS)  # the reduction of |y|
            # both terms of every difference by their absolute values; probabilities are positive already
            own = Loss(**options).gradient(abs(o), 0 * y, BALLS) if kind == "squared_error" else expected + targets
            assert agree(majorant, own + targets)
    finally:
        ctx.cap = before


def test_large_outputs_do_not_overflow():
    """exp(1000) is no float: softmax and its logarithm are taken relative to the largest output of each sample."""
    loss, o = Loss(kind="cross_entropy"), np.array([[[1000.0, 0.0], [-1000.0, -2000.0]]])
    y = np.array([[[0.0, 1.0], [0.0, 1.0]]])
    assert loss.value(o, y, FLOAT64) == 2000
    assert loss.gradient(o, y, FLOAT64).tolist() == [[[1, -1], [1, -1]]]


@pytest.mark.parametrize("option", ["kind", "when", "time", "batch", "outputs"])
def test_an_unknown_option_is_refused(option):
    with pytest.raises(GradcertError, match=f"loss {option}='most'; allowed: .* or .*"):
        Loss(**{option: "most"})


def test_what_divides_by_the_weights_of_a_sample_needs_some():
    """A mean over the steps of each sample; what is pooled is divided by the weights of all samples together."""
    plain = [(when, time) for when in ("every", "last", "sum") for time in ("sum", "mean", "pooled")]
    found = {(when, time) for when, time in plain if Loss(when=when, time=time).averages}
    assert found == {("every", "mean")}
    assert all(Loss(when=when).averages for when in ("mean", "max", "first"))
    terms = [Activity(kind=kind, time=time) for kind in ("l1", "l2") for time in ("sum", "mean")]
    rates = [Activity(batch=batch) for batch in ("sum", "mean", "pooled")]
    found = [Loss(activity=(term,)).averages for term in (*terms, *rates)]
    assert found == [False, True, False, True, True, True, False]


def test_the_size_of_a_gradient_is_that_of_what_it_is_the_sum_of():
    """What the rounding error is relative to, term by term: errors, and what was collected, without their signs."""
    rng = np.random.default_rng(5)
    o, y, w = rng.standard_normal((3, 2, 4)), rng.standard_normal((3, 2, 4)), rng.integers(1, 4, (3, 2)) / 4
    for when in ("every", "last", "sum", "mean", "max", "first"):
        loss = Loss(when=when, batch="mean", outputs="mean")
        found = loss.gradient_majorant(o, y, FLOAT64, w)
        if when in ("every", "last"):
            want = w[..., None] * (abs(o) + abs(y)) / 8 * (1 if when == "every" else np.arange(3)[:, None, None] == 2)
        else:
            seen = COLLECTED[when](o, w, loss.level, FLOAT64)
            size = {"sum": (w[..., None] * abs(o)).sum(axis=0), "first": seen.value}.get(when, abs(seen.value))
            size = (w[..., None] * abs(o)).sum(axis=0) / w.sum(axis=0)[:, None] if when == "mean" else size
            want = abs(seen.share) / seen.divisor * (abs(seen.value) + abs(y[-1]) + size) / 8
        assert np.allclose(found, want, rtol=gamma(32), atol=0), when  # fewer operations than that, on either side
        assert (abs(loss.gradient(o, y, FLOAT64, w)) <= found * (1 + gamma(32))).all()


def test_weights_of_ones_are_no_weights():
    """Whatever is summed or averaged: for gradients, values, sizes, targets, and step by step; to the last fraction."""
    o, y = map(RATIONALS.array, data())
    y[0, 0, 0] = 0 * y[0, 0, 0]  # which nothing may be divided by
    ones = RATIONALS.array(np.ones((T, B)))
    twice = RATIONALS.array(np.full((T, B), 2.0))
    for when, time, batch, outputs in product(WHEN, ("sum", "mean", "pooled"), ("sum", "mean"), ("sum", "mean")):
        if time == "pooled" and batch == "mean":
            continue
        loss = Loss(when=when, time=time, batch=batch, outputs=outputs)
        plain, weighted = loss.gradient(o, y, RATIONALS), loss.gradient(o, y, RATIONALS, ones)
        assert (plain == weighted).all()
        assert loss.value(o, y, RATIONALS) == loss.weighted(o, y, RATIONALS, ones)
        assert (loss.gradient_majorant(o, y, RATIONALS) == loss.gradient_majorant(o, y, RATIONALS, ones)).all()
        assert (loss.signal(y, o, RATIONALS) == loss.signal(y, o, RATIONALS, ones)).all()
        # the loss is one of errors, a projection one of targets: both are reduced alike
        assert (loss.signal(y, o, RATIONALS) == loss.gradient(0 * o, -y, RATIONALS)).all() or loss.when in (
            "max",
            "first",
        )
        # twice the weight of every step is no more than once in what is an average over them
        factor = 1 if loss.averages or (when in ("every", "last") and time == "pooled") else 2
        assert (loss.gradient(o, y, RATIONALS, twice) == factor * plain).all() or when == "sum"
        if loss.stepwise:
            for weights in (None, ones, twice):
                steps = [loss.at_step(loss.error(o[t], y[t], RATIONALS), t, T, weights) for t in range(T)]
                want = loss.gradient(o, y, RATIONALS, weights)
                assert all((g == want[t]).all() if g is not None else not want[t].any() for t, g in enumerate(steps))


@pytest.mark.parametrize("kind", ["squared_error", "cross_entropy", "bernoulli"])
def test_every_form_is_weighted_step_by_step(kind):
    """With a weight at one step of one sample alone, the loss is that step's, in each form."""
    rng = np.random.default_rng(1)
    o, y, loss = rng.standard_normal((T, B, K)), rng.random((T, B, K)), Loss(kind=kind)
    for at in np.ndindex(T, B):
        weights = np.zeros((T, B))
        weights[at] = 0.5
        want = loss.value(o[at][None, None], y[at][None, None], FLOAT64) / 2
        assert loss.weighted(o, y, FLOAT64, weights) == pytest.approx(want, rel=gamma(64))


def test_defaults():
    assert KINDS == ("squared_error", "cross_entropy")  # what a claim that names no loss is about, and its identity
    expected = {"kind": "squared_error", "when": "every", "time": "sum", "batch": "sum"}
    assert Loss().to_dict() == expected
    assert Loss(**expected) == Loss()
