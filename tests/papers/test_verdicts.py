"""Verdicts follow from their rule: on synthetic results that are truly equal, truly worse by the margin, or too few."""

import numpy as np
import pytest

from gradcert.papers.verdicts import (
    INCONCLUSIVE,
    NOT_SHOWN,
    SHOWN,
    Part,
    alike,
    better,
    combined,
    holds,
    on_par,
    paired,
    quantile,
)
from gradcert.papers.verdicts.student import distribution
from gradcert.reference.errors import GradcertError

LEVEL, TRIALS, MARGIN = 0.05, 600, 1.0
# three standard deviations of a share of TRIALS that is LEVEL
MOST = LEVEL + 3 * (LEVEL * (1 - LEVEL) / TRIALS) ** 0.5


def share(rule, true, verdict, *, seeds=6, spread=0.4):
    """How often a rule says a verdict of a learner whose true difference is known."""
    rng = np.random.default_rng(7)
    drawn = true + spread * rng.standard_normal((TRIALS, seeds))
    return sum(rule(d, MARGIN).verdict == verdict for d in drawn) / TRIALS


# printed with four decimals, half a unit of the last, in tables of Student's distribution, upper 5 % and 2.5 %
@pytest.mark.parametrize(("freedom", "five", "half"), [(1, 6.3138, 12.7062), (3, 2.3534, 3.1824), (4, 2.1318, 2.7764),
                                                       (9, 1.8331, 2.2622), (30, 1.6973, 2.0423)])  # fmt: skip
def test_quantiles_are_those_of_the_tables(freedom, five, half):
    assert quantile(0.95, freedom) == pytest.approx(five, abs=5e-5)
    assert quantile(0.975, freedom) == pytest.approx(half, abs=5e-5)
    assert distribution(-five, freedom) == pytest.approx(0.05, abs=5e-6)


def test_a_rule_that_is_truly_equal_is_on_par():
    assert share(on_par, 0.0, SHOWN) > 0.9
    assert share(on_par, 0.0, NOT_SHOWN) <= MOST


def test_a_rule_that_is_worse_by_the_margin_is_seldom_on_par_and_mostly_not():
    assert share(on_par, MARGIN, SHOWN) <= MOST
    assert share(on_par, MARGIN, NOT_SHOWN) > 0.9


def test_a_rule_that_is_equal_is_seldom_better_and_one_that_is_better_by_the_margin_seldom_not():
    assert share(better, 0.0, SHOWN) <= MOST
    assert share(better, -MARGIN, NOT_SHOWN) <= MOST
    assert share(better, -MARGIN, SHOWN) > 0.9


def test_error_rates_are_those_that_are_said_and_no_smaller():
    """A rule that never answered would keep to its error rates as well."""
    assert share(on_par, MARGIN, SHOWN) > LEVEL / 3
    assert share(on_par, 0.0, NOT_SHOWN, spread=0.01) + share(on_par, 0.0, SHOWN, spread=0.01) == 1


def test_what_is_alike_either_way_is_seldom_said_of_a_difference_of_the_margin():
    for sign in (1, -1):
        assert LEVEL / 3 < share(alike, sign * MARGIN, SHOWN) <= MOST
        assert LEVEL / 3 < share(alike, sign * MARGIN, NOT_SHOWN) <= MOST
        assert share(alike, 2 * sign * MARGIN, NOT_SHOWN) > 0.9
    assert share(alike, 0.0, SHOWN) > 0.9
    assert alike([0.0] * 3, MARGIN).verdict == INCONCLUSIVE


@pytest.mark.parametrize("differences", [[], [0.0], [0.0, 0.0, 0.0], [9.0, 9.1, 9.0]])
def test_too_few_seeds_decide_nothing(differences):
    assert on_par(differences, MARGIN).verdict == INCONCLUSIVE


def test_wide_seeds_decide_nothing():
    assert on_par([-3.0, 3.0, -2.0, 2.5], MARGIN).verdict == INCONCLUSIVE


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(GradcertError, match="finite"):
        on_par([0.0, float("nan"), 0.0, 0.0], MARGIN)
    with pytest.raises(GradcertError, match="bottom < top"):
        paired([0.0, 0.0], top=0.0, bottom=0.0)


def test_parts_add_up():
    yes, no, open_, beside = holds("a", True, ""), holds("b", False, ""), Part("c", INCONCLUSIVE, ""), Part("d", "", "")
    assert combined([yes, beside]).word == SHOWN
    assert combined([yes, open_]).word == INCONCLUSIVE
    assert combined([yes, open_, no]).word == NOT_SHOWN
    assert combined([]).word == INCONCLUSIVE
    assert combined([beside]).word == INCONCLUSIVE
