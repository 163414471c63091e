"""Terms about activity by literal loops in fractions, and their gradients by what a small change adds."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import FLOAT64, GradcertError, Layer, Loss, Network, Rnn
from gradcert.reference.networks import Activity
from gradcert.reference.networks.loss import loss_from

T, B, N = 3, 2, 2
TERMS = [
    *(Activity(kind="rate", strength=0.5, target=0.25, batch=b) for b in ("sum", "mean", "pooled")),
    *(
        Activity(kind=k, strength=0.5, time=t, batch=b)
        for k, t, b in product(("l1", "l2"), ("sum", "mean"), ("sum", "mean"))
    ),
]
NAMES = [f"{term.kind}-{term.time}-{term.batch}" for term in TERMS]


def exact(value):
    return RATIONALS.array(value)[()]


def literal(term, z, w):
    """The table of the class, in words."""
    samples, total = range(B), exact(0.0)
    by = B if term.batch == "mean" else 1
    for i in range(N):
        if term.kind == "rate":
            groups = [list(samples)] if term.batch == "pooled" else [[b] for b in samples]
            for group in groups:
                count = sum(w[t, b] for t in range(T) for b in group)
                rate = sum(w[t, b] * z[t, b, i] for t in range(T) for b in group) / count
                total += (rate - exact(term.target)) ** 2 / 2 / by
        else:
            for t, b in np.ndindex(T, B):
                size = abs(z[t, b, i]) if term.kind == "l1" else z[t, b, i] ** 2 / 2
                steps = sum(w[s, b] for s in range(T)) if term.time == "mean" else 1
                total += w[t, b] * size / steps / by
    return exact(term.strength) * total


def data():
    rng = np.random.default_rng(4)
    z, w = rng.integers(-4, 5, (T, B, N)) / 4, rng.integers(1, 4, (T, B)) / 2
    z[0, 0, 0], w[1, 1] = 0.5, 0
    return RATIONALS.array(z), RATIONALS.array(w)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("term", TERMS, ids=NAMES)
def test_by_loops(term, weighted):
    z, w = data()
    ones = RATIONALS.array(np.ones((T, B)))
    given = w if weighted else None
    assert term.value(z, RATIONALS, given) == literal(term, z, w if weighted else ones)
    gradient = term.gradient(z, RATIONALS, given)
    for index in np.ndindex(z.shape):
        # of polynomials of second order the central difference is the derivative; |z| is linear but at 0
        up, down = z.copy(), z.copy()
        h = exact(2.0**-10)
        up[index], down[index] = up[index] + h, down[index] - h
        slope = (literal(term, up, w if weighted else ones) - literal(term, down, w if weighted else ones)) / (2 * h)
        assert gradient[index] == slope
    assert (term.majorant(z, RATIONALS, given) >= abs(gradient)).all()
    # where nothing has a sign it is the gradient itself
    term = replace(term, target=-0.25)
    assert (term.majorant(abs(z), RATIONALS, given) == term.gradient(abs(z), RATIONALS, given)).all()
    if term.stepwise:
        for t in range(T):
            assert (term.at_step(z[t], t, T, RATIONALS, given) == gradient[t]).all()


def test_a_silent_unit_has_no_slope():
    term = Activity(kind="l1")
    assert not term.gradient(np.zeros((2, 1, 3)), FLOAT64).any()


def test_the_json_form_says_what_the_kind_needs():
    for term in TERMS:
        loss = Loss(activity=(term,))
        assert loss_from(loss.to_dict()) == loss
        assert ("target" in term.to_dict()) == (term.kind == "rate")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Activity(kind="rate", time="mean"),
        lambda: Activity(kind="l1", batch="pooled"),
        lambda: Activity(kind="l0"),
        lambda: Activity(strength=float("nan")),
        lambda: Loss(activity=("rate",)),
        lambda: Network(layers=(Layer(Rnn(), inputs=1, units=1),), loss=Loss(activity=(Activity(),))),
        lambda: Network(layers=(Layer(Rnn(), inputs=1, units=1),), loss=Loss(activity=(Activity(layers=(1,)),))),
        lambda: Network(layers=(Layer(Rnn(), inputs=1, units=1),), loss=Loss(node="v")),
        lambda: Loss(time="pooled", batch="mean"),
    ],
)
def test_what_does_not_fit(make):
    with pytest.raises(GradcertError):
        make()
