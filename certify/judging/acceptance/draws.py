"""The mean of random draws against a reference: a two-stage test of linear functionals, with its error rate and power.

For draws X_1 ... X_n (vectors) and a reference r with budget b, each functional d (an entry, or a direction) gives a
number <X, d> whose mean has to be <r, d>. The draws are put into 32 blocks, and

    t_d = ( |mean - <r, d>| - b_d )_+ / (s_d / sqrt 32),        b_d = <|d|, b + gamma(2^12) mean |X|>

is compared with the quantile of Student's t with 31 degrees of freedom. The rounding of a draw is covered by
gamma(2^12): none rounds more often on one path.

Error rate. D functionals and a rate A for the case: a functional is suspected at level p = sqrt(A / D), and refuted if
2 n fresh draws reject it again at p, in the same direction. If block means are normal, each stage has level p, so that
a right estimator is refuted with probability at most D p^2 = A. Block means of a skewed distribution are not quite
normal: it is to tell chance from bias once more, on fresh draws, that there is a second stage.

Power. A bias that moves a functional by delta is suspected with probability Phi(delta sqrt n / sigma - q), q being the
quantile; after that, the second stage, with twice the draws, has more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from flint import arb

from gradcert.reference.engines import gamma
from gradcert.reference.numbers import Array

BLOCKS = 32
ROUNDINGS = 2**12
POWER = 3.1  # standard deviations beyond the quantile: a power of 0.999


@dataclass(frozen=True)
class Test:
    """A functional's name, weights, reference value and budget."""

    name: str
    weights: Array
    value: float
    budget: float


@dataclass(frozen=True)
class Looked:
    """What a set of draws says about one functional.

    Attributes
    ----------
    test : the functional.
    mean, error : of the draws, and the standard error of that mean.
    t : signed statistic; 0 inside the budget.
    """

    test: Test
    mean: float
    error: float
    t: float


def tail(t: float) -> float:
    """Return the two-sided probability of Student's t with 31 degrees of freedom beyond t.

    Examples
    --------
    >>> round(tail(2.0395), 5), tail(0.0), tail(math.inf)
    (0.05, 1.0, 0.0)
    """
    if t == 0 or math.isinf(t):
        return 1.0 if t == 0 else 0.0
    nu = arb(BLOCKS - 1)
    return float((nu / (nu + arb(t) * arb(t))).beta_lower(nu / 2, arb(1) / 2, True).mid())


@lru_cache(maxsize=64)
def quantile(level: float) -> float:
    """Return the t that is exceeded, on either side, with probability `level`.

    Examples
    --------
    >>> round(quantile(0.05), 4)
    2.0395
    """
    low, high = 0.0, 1e6
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle) > level else (low, middle)
    return high


def tests(reference: Array, budget: Array, names: list[str], directions: Mapping[str, Array]) -> list[Test]:
    """Return the functionals: every entry, and every direction."""
    out = [
        Test(name, unit, float(reference[j]), float(budget[j]))
        for j, (name, unit) in enumerate(zip(names, np.eye(len(reference)), strict=True))
    ]
    out += [Test(name, d, float(d @ reference), float(abs(d) @ budget)) for name, d in directions.items()]
    return out


def look(draws: Array, every: list[Test]) -> list[Looked]:
    """Return what draws, (n, entries), say about every functional."""
    weights = np.stack([test.weights for test in every])
    n = len(draws) // BLOCKS * BLOCKS
    values = draws[:n] @ weights.T
    blocks = values.reshape(BLOCKS, -1, len(every)).mean(axis=1)
    mean, error = blocks.mean(axis=0), blocks.std(axis=0, ddof=1) / math.sqrt(BLOCKS)
    rounding = gamma(ROUNDINGS) * (abs(draws[:n]).mean(axis=0) @ abs(weights).T)
    out = []
    for test, m, e, slack in zip(every, mean, error, rounding, strict=True):
        off = float(m) - test.value
        beyond = max(0.0, abs(off) - test.budget - float(slack))
        t = math.copysign(beyond / float(e) if e > 0 else math.inf, off) if beyond else 0.0
        out.append(Looked(test, float(m), float(e), t))
    return out


def level(rate: float, number: int) -> float:
    """Return the level of each stage of one test among so many, at an error rate for all of them together.

    Examples
    --------
    >>> level(1e-9, 10)
    1e-05
    """
    return math.sqrt(rate / number)


def suspects(looked: list[Looked], p: float) -> dict[str, float]:
    """Return the statistics that a stage rejects, by the name of the functional."""
    return {each.test.name: each.t for each in looked if each.t and tail(abs(each.t)) < p}


def needed(looked: Looked, draws: int, shift: float, p: float) -> int:
    """Return how many draws suspect a bias of this size with a power of 0.999, given what so many have shown."""
    sigma = looked.error * math.sqrt(draws)
    return math.ceil(((quantile(p) + POWER) * sigma / abs(shift)) ** 2) if shift else 0


def power(looked: Looked, shift: float, p: float) -> float:
    """Return the probability with which such draws suspect a bias of this size."""
    if not looked.error:
        return 1.0
    return 0.5 * math.erfc((quantile(p) - abs(shift) / looked.error) / math.sqrt(2))
