"""What is collected of a sequence, by literal loops over steps; its shares are its derivatives."""

import numpy as np
import pytest

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import FLOAT64, Loss
from gradcert.reference.networks.losses import COLLECTED

T, B, K = 5, 2, 3
LEVEL = 0.25


def data(weighted):
    rng = np.random.default_rng(2)
    o = rng.integers(-8, 9, (T, B, K)) / 8
    o[2, 0, 0] = o[3, 0, 0] = 2  # the largest comes twice
    o[:, 1, 1] = -1  # never above the level
    w = rng.integers(1, 4, (T, B)) / 4
    w[1, 0] = w[4, 1] = w[0, 1] = 0
    return o, w if weighted else np.ones((T, B)), w if weighted else None


def literal(when, series, w):
    """One output of one sample: its steps and their weights."""
    steps = [t for t in range(T) if w[t] != 0]
    if when == "sum":
        return sum(w[t] * series[t] for t in steps)
    if when == "mean":
        return sum(w[t] * series[t] for t in steps) / sum(w[t] for t in steps)
    if when == "max":
        return max(series[t] for t in steps)
    level = LEVEL if isinstance(series[0], float) else RATIONALS.array(LEVEL)[()]
    return next((t for t in steps if series[t] > level), steps[-1])


def place(when, series, w):
    """The one step that the derivative is at, and what it is."""
    steps = [t for t in range(T) if w[t] != 0]
    if when == "max":
        return next(t for t in steps if series[t] == max(series[s] for s in steps)), 1
    return literal("first", series, w), -1


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("when", COLLECTED)
def test_by_a_loop_in_fractions(when, weighted):
    o, w, given = data(weighted)
    exact = RATIONALS.array(o), None if given is None else RATIONALS.array(given)
    found = COLLECTED[when](*exact, LEVEL, RATIONALS)
    floats = COLLECTED[when](o, given, LEVEL, FLOAT64)
    shares = np.broadcast_to(found.share / found.divisor, o.shape)
    sizes = COLLECTED[when](abs(exact[0]), exact[1], LEVEL, RATIONALS).value if when in ("sum", "mean") else found.value
    assert (found.size == abs(sizes)).all()
    for b, k in np.ndindex(B, K):
        series, weights = list(RATIONALS.array(o[:, b, k])), list(RATIONALS.array(w[:, b]))
        assert found.value[b, k] == literal(when, series, weights)
        if when in ("sum", "mean"):  # linear: the share of a step is what one more there adds
            for t in range(T):
                more = [v + (s == t) for s, v in enumerate(series)]
                assert shares[t, b, k] == literal(when, more, weights) - literal(when, series, weights)
        else:
            at, slope = place(when, series, weights)
            wanted = [slope if t == at else 0 for t in range(T)]
            assert list(shares[:, b, k]) == wanted and list(floats.share[:, b, k]) == wanted
            assert RATIONALS.array(floats.value)[b, k] == found.value[b, k]


def test_what_no_step_of_a_sample_counts_towards():
    """Refused before it comes to that; the sums are 0, and so is the rest, whatever the outputs are."""
    o, no = np.full((2, 1, 1), 3.0), np.zeros((2, 1))
    for when in ("sum", "max", "first"):
        found = COLLECTED[when](o, no, LEVEL, FLOAT64)
        assert (found.value, found.size) == (0, 0) and not (found.share * 1).any(), when


def test_of_a_single_step():
    o = np.array([[[3.0, -1.0]]])
    for when, want in (("sum", o[0]), ("mean", o[0]), ("max", o[0]), ("first", 0 * o[0])):
        assert (COLLECTED[when](o, None, LEVEL, FLOAT64).value == want).all()


def test_the_loss_is_of_what_is_collected_against_the_last_target():
    o, w, given = data(True)
    w[-1] = 4 - w[:-1].sum(axis=0)  # a mean divides by 4: only the division by K rounds, once
    y = np.arange(T * B * K).reshape(T, B, K) / 8
    for when in COLLECTED:
        loss = Loss(when=when, batch="mean", outputs="mean", level=LEVEL)
        series, weights, wanted = (RATIONALS.array(v) for v in (o, w, y[-1]))
        gaps = [literal(when, list(series[:, b, k]), list(weights[:, b])) - wanted[b, k] for b, k in np.ndindex(B, K)]
        exact = sum(g * g for g in gaps) / 2 / (B * K)
        assert loss.weighted(series, RATIONALS.array(y), RATIONALS, weights) == exact
        assert loss.weighted(o, y, FLOAT64, given) == float(exact)
        signal = loss.signal(y, o, FLOAT64, given)
        seen = COLLECTED[when](o, given, LEVEL, FLOAT64)
        share = np.broadcast_to(seen.share / seen.divisor, o.shape)
        assert np.array_equal(signal, share * (y[-1] / (B * K)))
