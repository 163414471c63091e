"""FPTT in both forms (mathematics.md 8, 12.12; traps T103 to T113), over the rationals.

A quadratic loss and an exact inner solver give closed forms; a one-unit linear network gives the loop over parts,
written out with its own derivatives.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mutants import mutant
from rational_nets import HEAD, differing, draw, same, stack

from gradcert.properties.numbers import RATIONALS, to_rational
from gradcert.reference import GradcertError, Layer, Loss, Network, Rnn
from gradcert.reference.procedures import fptt as train
from gradcert.reference.procedures.fptt import code_step, gradient_step, mixed_targets, paper_step, parts_of, start

NAME = "gradcert.reference.procedures.fptt"
ALPHA, BETA, RATE = (to_rational(Fraction(*f)) for f in ((2, 5), (1, 3), (1, 8)))


def rationals(*rows):
    return RATIONALS.array(np.array(rows, dtype=object))


# ell_t(w) = 1/2 w^T Q_t w - c_t^T w for three parts; Q_t symmetric, positive definite, different
Q = [rationals([3, 1], [1, 2]), rationals([2, -1], [-1, 4]), rationals([5, 2], [2, 1])]
C = [rationals(1, -2), rationals(3, Fraction(1, 2)), rationals(-1, 4)]
W0 = {"w": rationals(Fraction(1, 2), -1)}


def grad(t, w):
    return Q[t] @ w - C[t]


def ell(t):
    return lambda w: {"w": grad(t, w["w"])}


def solve2(a, b):
    """Cramer's rule."""
    det = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
    return rationals((b[0] * a[1, 1] - b[1] * a[0, 1]) / det, (a[0, 0] * b[1] - a[1, 0] * b[0]) / det)


def exact(weights, gradient):
    """The zero of an affine gradient: the exact inner solver."""
    at_zero = gradient({"w": rationals(0, 0)})["w"]
    columns = [gradient({"w": rationals(*e)})["w"] - at_zero for e in ((1, 0), (0, 1))]
    return {"w": solve2(np.stack(columns, axis=1), -at_zero)}


def closed_form_paper():
    """w* = (Q + al I)^-1 (c + al wbar + G/2), and the printed update of wbar."""
    w, average, g = W0["w"], W0["w"], rationals(0, 0)
    out = []
    for t in range(3):
        w = solve2(Q[t] + ALPHA * np.eye(2, dtype=int), C[t] + ALPHA * average + g / 2)
        g = grad(t, w)
        average = (average + w) / 2 - g / (2 * ALPHA)
        out.append((w, average, g))
    return out


def closed_form_code():
    """w* = (Q + al I)^-1 (c + al wbar + Lam), Lam = grad ell(w*), and the average of the code."""
    w, average, lam = W0["w"], W0["w"], rationals(0, 0)
    out = []
    for t in range(3):
        w = solve2(Q[t] + ALPHA * np.eye(2, dtype=int), C[t] + ALPHA * average + lam)
        lam = grad(t, w)
        average = (1 - BETA) * average + BETA * w - (BETA / ALPHA) * lam
        out.append((w, average, lam))
    return out


def steps_of(form, solver, module=None):
    here: dict[str, Any] = {"paper_step": paper_step, "code_step": code_step}
    function = (here if module is None else vars(module))[f"{form}_step"]
    options: dict[str, Any] = {"alpha": ALPHA, "solver": solver, **({"beta": BETA} if form == "code" else {})}
    state = (start if module is None else module.start)(W0)
    out = []
    for t in range(3):
        state = function(state, ell(t), **options)
        out.append((state.weights["w"], state.average["w"], state.pull["w"]))
    return out


def equal(a, b):
    return all((x == y).all() for one, other in zip(a, b, strict=True) for x, y in zip(one, other, strict=True))


CLOSED = {"paper": closed_form_paper, "code": closed_form_code}


@pytest.mark.parametrize("form", CLOSED)
def test_with_an_exact_inner_solver_every_part_has_its_closed_form(form):
    assert equal(steps_of(form, exact), CLOSED[form]())


def test_the_two_forms_differ_from_the_second_part_on():
    paper, code = closed_form_paper(), closed_form_code()
    assert (paper[0][0] == code[0][0]).all()
    assert (paper[1][0] != code[1][0]).any()


def test_lam_is_the_gradient_if_and_only_if_the_minimum_was_reached():
    """mathematics.md 12.12, and T113: after one descent step Lam is al rate times the gradient at the old weights."""
    for t, (w, _, lam) in enumerate(steps_of("code", exact)):
        assert (lam == grad(t, w)).all()
    stepped = steps_of("code", gradient_step(RATE))
    for t, (w, _, lam) in enumerate(stepped):
        assert (lam != grad(t, w)).any()
    assert (stepped[0][2] == ALPHA * RATE * grad(0, W0["w"])).all()


def test_one_descent_step_is_written_out():
    w, average, lam = W0["w"], W0["w"], rationals(0, 0)
    code = steps_of("code", gradient_step(RATE))
    for t in range(3):
        w = w - RATE * (grad(t, w) - lam + ALPHA * (w - average))
        lam = lam - ALPHA * (w - average)
        average = (1 - BETA) * average + BETA * w - (BETA / ALPHA) * lam
        assert equal([code[t]], [(w, average, lam)])
    w, average, g = W0["w"], W0["w"], rationals(0, 0)
    paper = steps_of("paper", gradient_step(RATE))
    for t in range(3):
        w = w - RATE * (grad(t, w) + ALPHA * (w - average - g / (2 * ALPHA)))
        g = grad(t, w)
        average = (average + w) / 2 - g / (2 * ALPHA)
        assert equal([paper[t]], [(w, average, g)])


PAPER_MUTANTS = {
    "T103 coefficient 1": ("state.pull[k] / 2 for", "state.pull[k] for"),
    "T108 penalty as a mean": (
        "g[k] + alpha * (w[k] - state.average[k]) - state.pull[k] / 2",
        "g[k] + (alpha * (w[k] - state.average[k]) - state.pull[k] / 2) / w[k].size",
    ),
    "T109 second gradient at the old weights": ("pull = gradient(weights)\n", "pull = gradient(state.weights)\n"),
}
CODE_MUTANTS = {
    "T103 coefficient 1/2": ("g[k] - state.pull[k] + alpha", "g[k] - state.pull[k] / 2 + alpha"),
    "T104 sign of Lam": ("g[k] - state.pull[k] + alpha", "g[k] + state.pull[k] + alpha"),
    "T104 sign of the update of Lam": ("state.pull[k] - alpha * (weights", "state.pull[k] + alpha * (weights"),
    "T105 wbar with the old Lam": ("beta * pull[k] / alpha", "beta * state.pull[k] / alpha"),
    "T105 wbar before Lam": (
        "    pull = {k: state.pull[k] - alpha * (weights[k] - state.average[k]) for k in weights}\n",
        "    new = {k: (1 - beta) * state.average[k] + beta * weights[k] for k in weights}\n"
        "    pull = {k: state.pull[k] - alpha * (weights[k] - new[k]) for k in weights}\n",
    ),
    "T113 Lam taken for the gradient": (
        "    pull = {k: state.pull[k] - alpha * (weights[k] - state.average[k]) for k in weights}\n",
        "    pull = gradient(weights)\n",
    ),
}


@pytest.mark.parametrize("name", PAPER_MUTANTS)
def test_changes_to_the_form_of_the_paper_are_seen(name):
    assert not equal(steps_of("paper", exact, mutant(NAME, PAPER_MUTANTS[name])), closed_form_paper())


@pytest.mark.parametrize("name", CODE_MUTANTS)
def test_changes_to_the_form_of_the_code_are_seen(name):
    """The last one is right for an exact solver alone."""
    wrong = mutant(NAME, CODE_MUTANTS[name])
    if name.startswith("T113"):
        assert equal(steps_of("code", exact, wrong), closed_form_code())
        assert not equal(steps_of("code", gradient_step(RATE), wrong), steps_of("code", gradient_step(RATE)))
    else:
        assert not equal(steps_of("code", exact, wrong), closed_form_code())


def in_place(weights, gradient):
    """A solver that writes into the weights that it is given, as optimisers do."""
    g = gradient(weights)
    for name in weights:
        weights[name] -= RATE * g[name]
    return weights


def test_the_average_is_no_alias_of_the_weights():
    """T106."""
    state = start(W0)
    assert all(state.average[k] is not state.weights[k] for k in W0) and state.weights["w"] is not W0["w"]
    code_step(state, ell(0), alpha=ALPHA, beta=BETA, solver=in_place)
    assert (state.average["w"] == W0["w"]).all() and (state.weights["w"] != W0["w"]).any()
    aliased = mutant(NAME, ("{k: v.copy() for k, v in weights.items()}", "weights")).start(W0)
    code_step(aliased, ell(0), alpha=ALPHA, beta=BETA, solver=in_place)
    assert (aliased.average["w"] != W0["w"]).any()


# --- the loop over the parts, on a network ---------------------------------------------------------------------------

UNIT = Network(
    layers=(Layer(Rnn(activation="identity"), inputs=1, units=1),), loss=Loss(when="every", time="sum", batch="sum")
)


def part_gradient(weights, xs, ys, h):
    """h^t = w x^t + u h^(t-1) + b, E = 1/2 sum (h - y)^2: dE by the recursion of dh, the incoming h a constant."""
    w, u, b = weights
    dw = du = db = to_rational(0)
    total = [to_rational(0)] * 3
    for x, y in zip(xs, ys, strict=True):
        dw, du, db = x + u * dw, h + u * du, 1 + u * db
        h = w * x + u * h + b
        total = [a + (h - y) * d for a, d in zip(total, (dw, du, db), strict=True)]
    return total, h


def literal(p, x, y, parts, form, *, finish=True):
    w = [p["layers.0.W"][0, 0], p["layers.0.H"][0, 0], p["layers.0.b"][0]]
    average, pull, h = list(w), [to_rational(0)] * 3, to_rational(0)
    for span in parts:
        xs, ys = x[span, 0, 0], y[span, 0, 0]
        g, after = part_gradient(w, xs, ys, h)
        if form == "paper":
            w = [a - RATE * (d + ALPHA * (a - m) - q / 2) for a, d, m, q in zip(w, g, average, pull, strict=True)]
            pull, _ = part_gradient(w, xs, ys, h)
            average = [(m + a) / 2 - q / (2 * ALPHA) for a, m, q in zip(w, average, pull, strict=True)]
        else:
            w = [a - RATE * (d - q + ALPHA * (a - m)) for a, d, m, q in zip(w, g, average, pull, strict=True)]
            pull = [q - ALPHA * (a - m) for a, m, q in zip(w, average, pull, strict=True)]
            average = [(1 - BETA) * m + BETA * a - BETA / ALPHA * q for a, m, q in zip(w, average, pull, strict=True)]
        h = after
    return average if finish else w


def both_ways(form, *, module=None, finish=True):
    p, x, y = draw(UNIT, steps=7, batch=1)
    run = train if module is None else module.fptt
    options: dict[str, Any] = {
        "alpha": ALPHA,
        "beta": BETA,
        "rate": RATE,
        "form": form,
        "numbers": RATIONALS,
        "finish": finish,
    }
    found = run(UNIT, p, x, y, parts=3, **options).weights
    mine = [found["layers.0.W"][0, 0], found["layers.0.H"][0, 0], found["layers.0.b"][0]]
    return mine, literal(p, x, y, (slice(0, 3), slice(3, 5), slice(5, 7)), form, finish=finish)


@pytest.mark.parametrize("form", ("paper", "code"))
@pytest.mark.parametrize("finish", (True, False))
def test_the_parts_follow_each_other_with_a_detached_state(form, finish):
    mine, theirs = both_ways(form, finish=finish)
    assert mine == theirs


ENTERING = "        entering = state.weights\n"
LATE = "        gradient = _late(gradient, network, entering, inputs[span], y, rule, numbers, initial)\n"
REST = "    initial: Mapping[str, Array] = {}\n"


@pytest.mark.parametrize(
    "change",
    (
        (ENTERING, ENTERING + LATE),  # T109: the second gradient from the new state, left behind by the first pass
        (REST, REST + "    inputs = inputs[:-2]\n"),  # T111: the last part is missing
        ("numbers=numbers, initial=initial))", "numbers=numbers))"),  # the state starts from rest in the next pass
        ("{**entering, **fixed}", "{**state.weights, **fixed}"),  # the state of the new weights
        ("        state = start(state.average)\n", "        pass\n"),  # T107
    ),
)
def test_changes_to_the_loop_are_seen(change):
    if "_late" in change[1]:
        late = (
            "def parts_of(",
            "def _late(gradient, network, entering, x, y, rule, numbers, initial):\n"
            "    after = last_state(record(network, entering, x, numbers=numbers, initial=initial))\n"
            "    moved = _gradient_of_part(network, {}, x, y, rule, numbers, after)\n"
            "    return lambda w: (gradient if w is entering else moved)(w)\n\n\ndef parts_of(",
        )
        module = mutant(NAME, change, late)
    else:
        module = mutant(NAME, change)
    mine, theirs = both_ways("paper", module=module)
    assert mine != theirs


def test_a_state_that_is_not_detached_is_another_gradient():
    """T110: with one part instead of two the past is in the graph."""
    p, x, y = draw(UNIT, steps=4, batch=1)
    options: dict[str, Any] = {
        "alpha": ALPHA,
        "rate": to_rational(0),
        "numbers": RATIONALS,
        "finish": False,
        "form": "paper",
    }
    both = train(UNIT, p, x, y, parts=2, **options)
    w = [p["layers.0.W"][0, 0], p["layers.0.H"][0, 0], p["layers.0.b"][0]]
    _, h = part_gradient(w, x[:2, 0, 0], y[:2, 0, 0], to_rational(0))
    detached, _ = part_gradient(w, x[2:, 0, 0], y[2:, 0, 0], h)
    assert [both.pull["layers.0.W"][0, 0], both.pull["layers.0.H"][0, 0], both.pull["layers.0.b"][0]] == detached
    first, _ = part_gradient(w, x[:2, 0, 0], y[:2, 0, 0], to_rational(0))
    whole, _ = part_gradient(w, x[:, 0, 0], y[:, 0, 0], to_rational(0))
    assert [a - b for a, b in zip(whole, first, strict=True)] != detached


def test_one_part_is_plain_descent():
    p, x, y = draw(UNIT, steps=4, batch=1)
    options: dict[str, Any] = {"alpha": ALPHA, "rate": RATE, "numbers": RATIONALS, "finish": False}
    w = [p["layers.0.W"][0, 0], p["layers.0.H"][0, 0], p["layers.0.b"][0]]
    g, _ = part_gradient(w, x[:, 0, 0], y[:, 0, 0], to_rational(0))
    for form in ("paper", "code"):
        found = train(UNIT, p, x, y, parts=1, form=form, **options).weights
        assert [found["layers.0.W"][0, 0], found["layers.0.H"][0, 0], found["layers.0.b"][0]] == [
            a - RATE * d for a, d in zip(w, g, strict=True)
        ]


def test_at_the_end_the_weights_are_the_average_and_the_pull_is_nothing():
    p, x, y = draw(UNIT, steps=7, batch=1)
    options: dict[str, Any] = {"parts": 3, "alpha": ALPHA, "rate": RATE, "form": "code", "numbers": RATIONALS}
    end = train(UNIT, p, x, y, **options)
    before = train(UNIT, p, x, y, finish=False, **options)
    assert same(end.weights, before.average) and same(end.weights, end.average)
    assert all((v == 0).all() for v in end.pull.values()) and any((v != 0).any() for v in before.pull.values())


def test_frozen_parameters_are_neither_trained_nor_pulled():
    """T112."""
    network = stack(Rnn(activation="relu"))
    p, x, y = draw(network, steps=4)
    options: dict[str, Any] = {"parts": 2, "alpha": ALPHA, "rate": RATE, "numbers": RATIONALS}
    end = train(network, p, x, y, frozen=("layers.0.H", "layers.1.b"), **options)
    assert differing(end.weights, p) == set(p) - {"layers.0.H", "layers.1.b"}
    assert set(end.average) == set(p) - {"layers.0.H", "layers.1.b"}
    assert differing(train(network, p, x, y, **options).weights, p) == set(p)


def test_no_part_is_skipped_and_the_last_one_has_the_target_alone():
    """T111: (p+1)/P, not p + 1/P."""
    spans = parts_of(11, 4)
    assert [t for span in spans for t in range(11)[span]] == list(range(11))
    y, oracle = rationals([1, 0]), rationals([0, 1])
    mixed = [mixed_targets(y, oracle, p, 4) for p in range(4)]
    assert (mixed[0] == rationals([Fraction(1, 4), Fraction(3, 4)])).all()
    assert (mixed[3] == y).all()
    assert all(m.sum() == 1 for m in mixed)


def test_the_cross_entropy_of_mixed_targets_is_the_mixture_of_the_published_loss():
    """Linearity in the target, checked on the gradient with weights that are powers of two, so that nothing rounds."""
    loss = Loss(kind="cross_entropy", when="last")
    network = Network(layers=(Layer(HEAD, inputs=2, units=2),), loss=loss)
    p = {"layers.0.W": np.zeros((2, 2)), "layers.0.b": np.zeros(2)}  # softmax is exactly 1/2
    x = np.ones((4, 1, 2))
    y, oracle = np.tile([1.0, 0.0], (4, 1, 1)), np.tile([0.25, 0.75], (4, 1, 1))
    end = train(network, p, x, y, parts=4, alpha=0.5, rate=0.5, oracle=oracle, finish=False)
    alone = train(network, p, x, y, parts=4, alpha=0.5, rate=0.5, finish=False)
    assert (end.weights["layers.0.b"] != alone.weights["layers.0.b"]).any()
    first = train(network, p, x[:1], (y + 3 * oracle)[:1] / 4, parts=1, alpha=0.5, rate=0.5, finish=False)
    one = mixed_targets(y[:1], oracle[:1], 0, 4)
    assert (first.weights["layers.0.b"] == -0.5 * (np.array([0.5, 0.5]) - one[0, 0])).all()


@pytest.mark.parametrize(
    "options",
    (
        {"form": "other", "rate": 1},
        {"rate": None},
        {"rate": 1, "solver": gradient_step(1)},
        {"rate": 1, "parts": 9},
        {"rate": 1, "parts": 0},
        {"rate": float("nan")},
        {"rate": 1, "alpha": "1"},
        {"rate": 1, "beta": None},
        {"rate": 1, "oracle": np.zeros((7, 1, 1))},
    ),
)
def test_options_that_do_not_fit_are_refused(options):
    p, x, y = draw(UNIT, steps=7, batch=1)
    with pytest.raises(GradcertError):
        train(UNIT, p, x, y, **{"parts": 3, "alpha": 1, "numbers": RATIONALS, **options})
