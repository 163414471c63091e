"""Two learners compared seed by seed: the same seed gives both the same weights, the same data, the same order.

For each seed there is one difference d of a measure that is better when smaller (a loss, an error rate): of the learner
that a claim is about, less the learner that it is compared with. Two one-sided t limits of the mean difference decide:

==========  ==============================  =============================
claim       shown                           not shown
==========  ==============================  =============================
on par      upper limit < margin            lower limit > 0
better      upper limit < 0                 lower limit > -margin
==========  ==============================  =============================

A third claim, "alike", is about a distance that is small either way: shown where both limits are within the margin,
not shown where one is certainly beyond it.

Everything else is inconclusive; where both hold (worse, but by less than the margin) it is shown. With normal
differences the error rates are at most `level` each: a learner that is worse by the margin is "on par" with that
probability at most, and one that is equal is "not on par" with that probability at most; and so for "better".

Fewer seeds than `least` decide nothing, however far apart they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcert.papers.verdicts.parts import INCONCLUSIVE, NOT_SHOWN, SHOWN
from gradcert.papers.verdicts.student import quantile
from gradcert.reference.errors import GradcertError

LEVEL = 0.05
LEAST = 4


@dataclass(frozen=True)
class Compared:
    """What the differences of some seeds say.

    Attributes
    ----------
    verdict : shown, not shown, inconclusive.
    mean, low, high : of the difference; the limits are one-sided, each with probability `level`.
    seeds : how many.
    """

    verdict: str
    mean: float
    low: float
    high: float
    seeds: int

    @property
    def words(self) -> str:
        """The interval in words."""
        if not math.isfinite(self.low):
            return f"{self.mean:+.4g} over {self.seeds} seed{'s' if self.seeds != 1 else ''}"
        return f"{self.mean:+.4g} [{self.low:+.4g}, {self.high:+.4g}] over {self.seeds} seeds"


def paired(
    differences: Sequence[float], *, top: float, bottom: float, level: float = LEVEL, least: int = LEAST
) -> Compared:
    """Return whether the mean difference is below `top` (shown) or above `bottom` (not shown).

    Parameters
    ----------
    differences : one per seed.
    top, bottom : top > bottom; their difference is the margin.
    level : error rate of either answer.
    least : seeds without which nothing is decided.

    Raises
    ------
    GradcertError : if top is not above bottom, or a difference is no finite number.

    Examples
    --------
    >>> paired([0.01, -0.02, 0.0, 0.01, -0.01], top=0.05, bottom=0.0).verdict
    'shown'
    >>> paired([0.01, -0.02], top=0.05, bottom=0.0).verdict
    'inconclusive'
    """
    if not top > bottom:
        raise GradcertError(f"a margin from {bottom} to {top}", allowed="bottom < top")
    d = np.asarray(differences, dtype=float)
    if not np.isfinite(d).all():
        raise GradcertError(
            f"differences {list(differences)}", allowed="finite numbers", do="say what a run that diverged counts as"
        )
    n = len(d)
    if n < 2:
        return Compared(INCONCLUSIVE, float(d.mean()) if n else math.nan, -math.inf, math.inf, n)
    spread = quantile(1 - level, n - 1) * float(d.std(ddof=1)) / math.sqrt(n)
    mean = float(d.mean())
    low, high = mean - spread, mean + spread
    verdict = INCONCLUSIVE
    if n >= least:
        verdict = SHOWN if high < top else NOT_SHOWN if low > bottom else INCONCLUSIVE
    return Compared(verdict, mean, low, high, n)


def on_par(differences: Sequence[float], margin: float, *, level: float = LEVEL, least: int = LEAST) -> Compared:
    """Return whether a learner is not worse by the margin.

    Examples
    --------
    >>> on_par([0.2, 0.21, 0.19, 0.2], 0.1).verdict
    'not shown'
    """
    return paired(differences, top=margin, bottom=0.0, level=level, least=least)


def better(differences: Sequence[float], margin: float, *, level: float = LEVEL, least: int = LEAST) -> Compared:
    """Return whether a learner is better; not shown where it is certainly not better by the margin.

    Examples
    --------
    >>> better([-0.2, -0.21, -0.19, -0.2], 0.1).verdict, better([0.0, 0.01, -0.01, 0.0], 0.1).verdict
    ('shown', 'not shown')
    """
    return paired(differences, top=0.0, bottom=-margin, level=level, least=least)


def alike(differences: Sequence[float], margin: float, *, level: float = LEVEL, least: int = LEAST) -> Compared:
    """Return whether a mean difference is within the margin either way.

    A difference of the margin is "alike", and one within it "not alike", with probability `level` at most.

    Examples
    --------
    >>> alike([0.01, -0.02, 0.0, 0.01], 0.1).verdict, alike([-0.2, -0.21, -0.19, -0.2], 0.1).verdict
    ('shown', 'not shown')
    """
    found = paired(differences, top=margin, bottom=-margin, level=level, least=least)
    if found.seeds < least:
        return found
    within = -margin < found.low and found.high < margin
    beyond = found.low > margin or found.high < -margin
    return replace(found, verdict=SHOWN if within else NOT_SHOWN if beyond else INCONCLUSIVE)
