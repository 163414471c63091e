"""Two derivations of what rounding may do: `certify.problems.budget` and `properties.evaluation.budget`.

The first counts the roundings of every monomial, the second bounds them once for a whole polynomial. Both have to hold
the true value, so they overlap; and a float program has to lie in both. How wide they are beside each other is printed
(``-s``): that of `certify` is the one that verdicts are given with, and it is the narrower one.
"""

from fractions import Fraction

import numpy as np
import pytest

from gradcert.certify.claims.claim import Claim
from gradcert.certify.problems.budget.expected import expect
from gradcert.certify.problems.cases.case import Spec
from gradcert.certify.problems.cases.generate import generate
from gradcert.properties.evaluation import budget
from gradcert.reference import RULES, Floats
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks import Problem

CASES = [
    ("rnn", 2, "float64"),
    ("lstm", 1, "float64"),
    ("snu", 2, "float64"),
    ("lif", 1, "float32"),
    ("gru", 1, "float64"),
]


def apart(a, a_radius, b, b_radius):
    """Entries at which two balls have no number in common, decided in exact arithmetic."""
    entries = zip(*(np.ravel(np.asarray(v, dtype=float)) for v in (a, a_radius, b, b_radius)), strict=True)
    return sum(abs(Fraction(x) - Fraction(y)) > Fraction(r) + Fraction(s) for x, r, y, s in entries)


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "/".join(map(str, case)))
def both(request):
    cell, depth, dtype = request.param
    claim = Claim(rule="bptt", cells=cell, dtype=dtype, losses="squared_error")
    case = generate(Spec(cell, depth, "squared_error", "every", "bounded"), claim)
    p = case.problem
    given = {k: np.asarray(v, dtype=float) for k, v in p.parameters.items()}
    same = Problem(p.network, given, np.asarray(p.inputs, dtype=float), np.asarray(p.targets, dtype=float))
    return case, expect(p, RULES["bptt"], dtype).gradients, budget.enclosure(same, RULES["bptt"], dtype=dtype)


def test_they_overlap_everywhere(both):
    case, ours, theirs = both
    assert ours.keys() == theirs.middle.keys()
    for name, bounds in ours.items():
        assert apart(bounds.value, bounds.budget, theirs.middle[name], theirs.radius[name]) == 0
        some = np.flatnonzero(bounds.budget.ravel())
        ratio = theirs.radius[name].ravel()[some] / bounds.budget.ravel()[some]
        print(f"{case.id} {case.problem.dtype} {name}: properties / certify {ratio.min():.1f} to {ratio.max():.1f}")
        assert (ratio >= 1).all(), "the coarser derivation is narrower somewhere"


def test_each_holds_the_true_value(both):
    """The true value from a run whose own rounding is far below either: float64 for float32, balls for float64."""
    case, ours, theirs = both
    exact = expect(case.problem, RULES["bptt"], "float64").gradients
    for name, bounds in exact.items():
        # the wide ball of float32 has to hold the whole narrow one; for float64 its centre is the true value, rounded
        narrow = bounds.budget if case.problem.dtype == "float32" else np.abs(bounds.value) * 2.0**-53
        for middle, radius in ((ours[name].value, ours[name].budget), (theirs.middle[name], theirs.radius[name])):
            assert apart(middle, radius, bounds.value, narrow) == 0


def test_both_engines_lie_in_both(both):
    case, ours, theirs = both
    p = case.problem
    for engine in (reverse, forward):
        given = (p.network, p.parameters, p.inputs, p.targets)
        found = engine.gradients(*given, rule=RULES["bptt"], numbers=Floats(p.dtype))
        for name, value in found.items():
            zero = np.zeros(value.shape)
            assert apart(value, zero, ours[name].value, ours[name].budget) == 0
            assert apart(value, zero, theirs.middle[name], theirs.radius[name]) == 0


def test_a_shift_beyond_both_is_seen(both):
    _, ours, theirs = both
    name = next(iter(ours))
    shifted = theirs.middle[name] + 2 * (theirs.radius[name] + ours[name].budget)
    assert apart(ours[name].value, ours[name].budget, shifted, theirs.radius[name]) == shifted.size
