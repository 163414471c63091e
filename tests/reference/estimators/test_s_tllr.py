"""S-TLLR (mathematics.md 10, 12.7), exactly, over the rationals; the sums are written out."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mutants import mutant
from rational_nets import LEAKS, differing, draw, lif, ottt, plain, same, stack

from gradcert.properties.numbers import RATIONALS, to_rational
from gradcert.reference.estimators import s_tllr

LQ, LP, POST, PRE = Fraction(1, 3), Fraction(3, 5), Fraction(-1, 5), Fraction(7, 6)
OPTIONS = {"lq": LQ, "lp": LP, "a_post": POST, "a_pre": PRE}
NAME = "gradcert.reference.estimators.s_tllr"
DEEP = stack(lif(0), lif(1, recurrent=True))


def literal(acausal="paper", first=0):
    """e_ij^t as two sums over the past, no filters."""
    lq, lp, a_post, a_pre = map(to_rational, (LQ, LP, POST, PRE))
    short = 0 if acausal == "paper" else 1

    def rule(layer, delta, runs, i):
        if layer is runs[-1]:
            live = range(first, len(delta))
            return {"W": sum(np.outer(delta[t], layer.x[t]) for t in live), "b": sum(delta[t] for t in live)}
        lateral = [0 * layer.z[0], *layer.z[:-1]]

        def weight(x):
            out: Any = 0
            for t in range(first, len(delta)):
                for a in range(len(delta[0])):
                    causal = sum(lp ** (t - k) * x[k] for k in range(t + 1))
                    anti = sum(lq ** (t - k - short) * layer.psi[k][a] for k in range(t)) * x[t]
                    row = np.zeros((len(delta[0]), len(x[0])), dtype=object)
                    row[a] = delta[t][a] * (a_pre * layer.psi[t][a] * causal + a_post * anti)
                    out = out + row
            return out

        found = {"W": weight(layer.x), "b": sum(layer.psi[t] * delta[t] for t in range(first, len(delta)))}
        return {**found, "H": weight(lateral)} if layer.h is not None else found

    return rule


def engine(network, p, x, y, module=s_tllr, **options):
    return module.gradients(network, p, x, y, numbers=RATIONALS, **{**OPTIONS, **options})


@pytest.mark.parametrize("acausal", ("paper", "code"))
@pytest.mark.parametrize("first", (0, 3))
def test_s_tllr_is_its_sums(acausal, first):
    p, x, y = draw(DEEP)
    found = engine(DEEP, p, x, y, acausal=acausal, first_step=first)
    assert same(found, plain(DEEP, p, x, y, literal(acausal, first)))


def test_the_code_lacks_one_factor_lq():
    p, x, y = draw(DEEP)
    paper, code = engine(DEEP, p, x, y), engine(DEEP, p, x, y, acausal="code")
    assert differing(paper, code) == {"layers.0.W", "layers.1.W", "layers.1.H"}
    assert same(code, engine(DEEP, p, x, y, a_post=POST / LQ))


def test_without_the_acausal_term_and_with_the_leak_it_is_ottt_on_one_layer():
    one = stack(lif(0, recurrent=True))
    p, x, y = draw(one)
    found = engine(one, p, x, y, a_post=0, a_pre=1, lp=LEAKS[0])
    theirs = plain(one, p, x, y, ottt)
    assert differing(found, theirs) == {"layers.0.b"}  # S-TLLR's bias has no trace
    assert differing(engine(one, p, x, y, a_post=0, a_pre=1), theirs) >= {"layers.0.W", "layers.0.H"}
    assert differing(engine(one, p, x, y, a_pre=1, lp=LEAKS[0]), theirs) >= {"layers.0.W", "layers.0.H"}


def test_feedback_matrices_equal_to_the_weights_are_backpropagation():
    one = stack(lif(0))
    p, x, y = draw(one)
    assert same(engine(one, p, x, y, feedback={"layers.0.B": p["layers.1.W"]}), engine(one, p, x, y))
    turned = engine(one, p, x, y, feedback={"layers.0.B": -p["layers.1.W"]})
    assert differing(turned, engine(one, p, x, y)) == {"layers.0.W", "layers.0.b"}


@pytest.mark.parametrize(
    "change",
    (
        ("np.concatenate([0 * psi[:1], filtered(psi, lq)[:-1]])", "filtered(psi, lq)"),  # T74: the current psi
        ('lq * before if acausal == "paper" else before', "before"),  # T74: one lq short
        ("a_pre * psi * delta", "a_pre * delta"),
        ("first_step:]])", "first_step + 1:], delta[:1] * 0])"),
    ),
)
def test_changed_equations_are_seen(change):
    p, x, y = draw(DEEP)
    wrong = mutant(NAME, change)
    assert not same(engine(DEEP, p, x, y, module=wrong, first_step=2), plain(DEEP, p, x, y, literal(first=2)))


@pytest.mark.parametrize(("one", "other"), (("lq", "lp"), ("a_post", "a_pre"), ("lp", "a_pre")))
def test_constants_in_another_order_are_seen(one, other):
    """T75."""
    p, x, y = draw(DEEP)
    swapped = engine(DEEP, p, x, y, **{one: OPTIONS[other], other: OPTIONS[one]})
    assert not same(swapped, plain(DEEP, p, x, y, literal()))
