"""Cells that become another cell at the end of their range: every row, the same gradient (ball arithmetic)."""

import pytest
from balls import BALLS, BITS, agree, precision
from cell_nets import WIDE, Problem, problem

from gradcert.reference import RULES, Layer, Network, draw_feedback
from gradcert.reference.engines import reverse
from gradcert.reference.networks.cells import Alif, Integrator, LeakyRnn, Lif, Rnn

LIF = {"leak": 0.7, "threshold": 0.4, "surrogate": WIDE, "recurrent": True, "strict": True}

PAIRS = {
    "no adaptation": (Alif(beta=0.0, **LIF), Lif(reset="subtract_after_leak", **LIF)),
    "no adaptation, no reset": (Alif(beta=0.0, reset="none", **LIF), Lif(reset="none", **LIF)),
    "no leak": (LeakyRnn(rate=1.0), Rnn()),
    "no memory": (Integrator(kappa=0.0), Rnn(activation="identity", recurrent=False)),
    "leaks to zero": (Lif(reset="hard", rest=0, **LIF), Lif(reset="hard", **LIF)),
}
DIFFERENT = {
    "adaptation": (Alif(beta=0.25, **LIF), Lif(reset="subtract_after_leak", **LIF)),
    "leak": (LeakyRnn(rate=0.75), Rnn()),
    "memory": (Integrator(kappa=0.25), Rnn(activation="identity", recurrent=False)),
    "rest": (Lif(reset="hard", rest=0.125, **LIF), Lif(reset="hard", **LIF)),
}


def stacked(cell):
    return Network(layers=(Layer(cell, inputs=2, units=4), Layer(cell, inputs=4, units=3)))


def gradients(case, rule):
    feedback = draw_feedback(case.network, RULES[rule], numbers=BALLS)
    return reverse.gradients(*case.arguments, rule=RULES[rule], numbers=BALLS, feedback=feedback)


@pytest.mark.parametrize("pair", PAIRS)
def test_at_the_end_of_its_range_a_cell_is_another(pair):
    one, other = PAIRS[pair]
    with precision(BITS):
        case = problem(stacked(one), steps=5)
        same = Problem(stacked(other), *case.arguments[1:])
        for rule in RULES:
            mine, theirs = gradients(case, rule), gradients(same, rule)
            assert mine.keys() == theirs.keys()
            assert [k for k in mine if not agree(mine[k], theirs[k])] == [], rule


@pytest.mark.parametrize("pair", DIFFERENT)
def test_inside_its_range_it_is_not(pair):
    one, other = DIFFERENT[pair]
    with precision(BITS):
        case = problem(stacked(one), steps=5)
        mine, theirs = (gradients(Problem(stacked(c), *case.arguments[1:]), "bptt") for c in (one, other))
        assert [k for k in mine if agree(mine[k], theirs[k])] == []
