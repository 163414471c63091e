"""Estimators: the mean over many draws is the gradient, at a stated error rate."""

from __future__ import annotations

import numpy as np
from flint import arb

from gradcert.properties.evaluation import row
from gradcert.properties.law import Draw, Law
from gradcert.properties.measure import Counterexample
from gradcert.properties.subject import Subject

ERROR_RATE = 1e-6  # of accusing an unbiased estimator, per problem
GROUPS, DRAWS = 24, 48


def p_value(t: float, freedom: int) -> float:
    """Return P(|T| >= t) of Student's distribution: the regularised incomplete beta function.

    Examples
    --------
    >>> round(p_value(2.0687, 23), 4)
    0.05
    """
    x = arb(freedom) / (freedom + arb(t) ** 2)
    return float(x.beta_lower(arb(freedom) / 2, arb(1) / 2, True).mid())


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Draw groups of estimates; their means are close to normal, and their spread gives the interval."""
    problem = draw(subject.problems(batch=(2, 2), when=("every",)))
    assert subject.estimate is not None
    means: dict[str, list[np.ndarray]] = {k: [] for k in problem.parameters}
    for group in range(GROUPS):
        draws = [subject.estimate(problem.copy(), group * DRAWS + k) for k in range(DRAWS)]
        for name, values in means.items():
            values.append(np.mean([d[name] for d in draws], axis=0))
    entries = sum(v.size for v in problem.parameters.values())
    for name, expected in row(problem, subject.rule).items():
        sample = np.array(means[name])
        middle, error = sample.mean(axis=0), sample.std(axis=0, ddof=1) / np.sqrt(GROUPS)
        for index in np.ndindex(expected.shape):
            gap = abs(float(middle[index] - expected[index]))
            # an entry without spread is exact up to the summation of the means themselves
            floor = (
                GROUPS * DRAWS * 2.0**-52 * float(np.abs(sample[(slice(None), *index)]).max() + abs(expected[index]))
            )
            if not np.isfinite(gap):
                return Counterexample(LAW.name, problem, f"mean of {name}", index, middle[index], expected[index])
            if gap > floor and p_value(gap / max(float(error[index]), floor), GROUPS - 1) < ERROR_RATE / entries:
                where = f"mean of {name} over {GROUPS * DRAWS} draws"
                return Counterexample(LAW.name, problem, where, index, middle[index], expected[index], error[index])
    return None


LAW = Law(
    name="unbiased",
    group="estimators",
    statement="The mean of many draws is the gradient, at an error rate of one in a million per problem.",
    source="mathematics.md 12.10; trap T131",
    applies=lambda subject: subject.estimate is not None,
    check=check,
)
