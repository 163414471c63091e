"""What the page of FPTT says of quadratic losses: the tables of mistakes and of cycles, and where both forms end."""

import re
from fractions import Fraction as F

import numpy as np
import pytest

from gradcert.derivations.chapters import chapter
from gradcert.derivations.reading.lesson import lesson
from gradcert.reference.procedures import FpttState, code_step, gradient_step, paper_step

TEXT = "\n".join(lesson("fptt").texts())
NUMBER = r"[−\d.]+"


def number(printed):
    return float(printed.replace("−", "-"))


def vector(value):
    return {"w": np.array([value], dtype=object)}


def turns(form, solver, *, mu, centres, rate=F(1, 10), beta=F(1, 2), slope=3):
    """Yield (weights, average, pull) after every part, by the project's own steps."""
    state = FpttState(vector(F(0)), vector(F(0)), vector(F(0)))
    for centre in centres:
        share, bar, pull = (F(1, 2) if form == "paper" else 1), state.average["w"][0], state.pull["w"][0]
        lowest = (slope * centre + mu * bar + share * pull) / (slope + mu)
        solve = (lambda w, g, m=lowest: vector(m)) if solver == "exact" else gradient_step(rate)

        def gradient(w, c=centre):
            return {"w": slope * (w["w"] - c)}

        if form == "paper":
            state = paper_step(state, gradient, alpha=mu, solver=solve)
        else:
            state = code_step(state, gradient, alpha=mu, beta=beta, solver=solve)
        yield tuple(v["w"][0] for v in (state.weights, state.average, state.pull))


def test_the_table_of_three_parts_is_one_of_other_lines_too():
    """The measured table of the page, recomputed by hand from (6) and (9) on."""
    rows = {row[:2]: [float(v.replace("−", "-")) for v in row[2:]] for row in chapter("fptt").example().rows}
    for (form, solver), shown in rows.items():
        w = bar = pull = F(0)
        for _ in range(3):
            half = F(1, 2) if form == "paper" else 1
            exact = (6 + bar / 2 + half * pull) / (3 + F(1, 2))
            w = exact if solver == "exact" else w - F(1, 10) * (3 * (w - 2) + (w - bar) / 2 - half * pull)
            if form == "paper":
                pull = 3 * (w - 2)
                bar = (bar + w) / 2 - pull
            else:
                pull = pull - (w - bar) / 2
                bar = (bar + w) / 2 - pull
        assert np.abs(np.array([w, bar, pull, 3 * (w - 2)], dtype=float) - shown).max() <= 0.5e-5 + 2.0**-50
    assert f"{rows['paper', 'one step'][1]:.2f}" == "5.39"
    assert "average at 5.39, far beyond the minimum at 2" in TEXT
    assert "1.96793 against 1.83673" in TEXT.replace("\n", " ")
    assert [rows[form, "exact"][0] for form in ("paper", "code")] == [1.96793, 1.83673]


MISTAKES = {
    "*none*": {},
    r"**$\tfrac12$ for 1**": {"share": F(1, 2)},
    "**The linear term left out**": {"share": 0},
    r"**The sign of $\La{}$** in the objective": {"share": -1},
    r"**The sign of $\La{}$** in its update": {"sign": 1},
    "**The average updated first**": {"order": "average"},
    r"**The average with the old $\La{}$**": {"order": "old"},
    "**The average is the weights themselves**": {"alias": True},
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_on_the_quadratic(name):
    change = {"share": 1, "sign": -1, "order": "", "alias": False} | MISTAKES[name]
    w = bar = pull = F(0)
    for _ in range(3):
        spring = 0 if change["alias"] else (w - bar) / 2
        w = w - F(1, 10) * (3 * (w - 2) + spring - change["share"] * pull)
        bar, old = (w if change["alias"] else bar), pull
        moved = pull + change["sign"] * (w - bar) / 2
        used = old if change["order"] else moved
        bar = w if change["alias"] else (bar + w) / 2 - used
        pull = pull - (w - bar) / 2 if change["order"] == "average" else moved
    row = re.search(rf"^\| {re.escape(name)}.*?\| ({NUMBER}) \| ({NUMBER}) \|$", TEXT, re.MULTILINE)
    assert [f"{float(v):.4f}" for v in (w, bar)] == [row[1].replace("−", "-"), row[2].replace("−", "-")]
    if name == "*none*":
        *_, (code_w, code_bar, _) = turns("code", "one step", mu=F(1, 2), centres=[F(2)] * 3)
        assert (w, bar) == (code_w, code_bar)


def cycles():
    return re.findall(
        rf"^\| (none|code|paper) \| (one step|exact) \| ({NUMBER}|) *\| (.*?) \|(.*)\|$", TEXT, re.MULTILINE
    )


def test_the_cycles_are_those_of_the_steps_and_their_gradients_add_up_to_nothing():
    """In floating point, after 2000 turns: by then two turns agree to 2^-40, far below what is printed."""
    assert len(cycles()) == 7
    for form, solver, mu, weights, average in cycles():
        centres = [1.0, 3.0] * 2000
        if form == "none":
            w, last = 0.0, []
            for c in centres:
                w -= 0.1 * 3 * (w - c)
                last = [*last[-2:], (w, None, 0.0)]
        else:
            last = list(turns(form, solver, mu=number(mu), centres=centres, rate=0.1, beta=0.5))[-3:]
        (w0, *_), (w1, b1, _), (w2, b2, _) = last
        assert weights == f"{w1:.3f}, {w2:.3f}"
        assert w0 == pytest.approx(w2, rel=2**-40)
        if form != "none":
            assert average.strip().replace("−", "-") == f"{b1:.3f}, {b2:.3f}"
        at = (w1, w2) if solver == "exact" else (w0, w1)
        total = 3 * (at[0] - 1) + 3 * (at[1] - 3)
        if form != "paper":
            assert abs(total) <= 2**-40


@pytest.mark.parametrize("form", ["paper", "code"])
@pytest.mark.parametrize("solver", ["one step", "exact"])
def test_at_rest_the_regulariser_is_gone(form, solver):
    """Where all parts are content with the same weights, here 2, both forms stay there and go there."""
    *_, (w, bar, pull) = turns(form, solver, mu=0.5, centres=[2.0] * 2000, rate=0.1, beta=0.5)
    assert [w, bar, pull] == pytest.approx([2.0, 2.0, 0.0], abs=2**-40)
    step = {"paper": paper_step, "code": code_step}[form]
    options = {"alpha": F(1, 2), **({"beta": F(1, 2)} if form == "code" else {})}
    rest = step(
        FpttState(vector(F(2)), vector(F(2)), vector(F(0))),
        lambda w: {"w": 3 * (w["w"] - 2)},
        solver=gradient_step(F(1, 10)),
        **options,
    )
    assert [v["w"][0] for v in (rest.weights, rest.average, rest.pull)] == [2, 2, 0]
