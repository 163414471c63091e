"""A rule that somebody defined: it may ask a cell for its pseudo-derivative; one that is no function ends at once."""

import time

import numpy as np
import pytest
from click.testing import CliRunner

from gradcert import GradcertError, certify, cli
from gradcert.properties.numbers import Balls, Precision
from gradcert.reference import RULES, Surrogate
from gradcert.reference.engines import reverse
from gradcert.reference.numbers import FLOAT64, SURROGATES, spike

PRESENT = """
from gradcert.reference.engines import arriving, run

def present(problem):
    tape = run(problem)
    delta, cell = arriving(tape, problem.targets)[0], problem.network.layers[0].cell
    u = tape.layers[0].now["v"] - problem.numbers.array(cell.threshold)
    credit = delta * PSI
    W = sum(c.T @ x for c, x in zip(credit, problem.inputs))
    return {"layers.0.W": W, "layers.0.b": credit.sum(axis=(0, 1))}
"""
PSI = ("cell.surrogate.derivative(u, problem.numbers)", "problem.numbers.slope(cell.surrogate, u)")


def sltt(problem):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return reverse.gradients(*given, rule=RULES["sltt"])


@pytest.mark.parametrize("psi", PSI)
def test_a_definition_asks_a_cell_for_its_pseudo_derivative(tmp_path, psi):
    file = tmp_path / f"present_{len(psi)}.py"
    file.write_text(PRESENT.replace("PSI", psi))
    options = {"reset": "none", "surrogate": ["triangle", "atan"]}
    claim = {"cells": "lif", "depths": 1, "options": options, "rule": f"{file}:present", "run_cells": True}
    assert certify(sltt, profile="quick", **claim).verdict == "certified"

    def late(problem):
        return {name: 2 * value for name, value in sltt(problem).items()}

    assert certify(late, profile="quick", **claim).verdict == "refuted"


@pytest.mark.parametrize("name", SURROGATES)
def test_it_is_that_of_the_spike(name):
    given, x = Surrogate(name, amplitude=0.5), np.linspace(-2, 2, 9) + 0.1
    assert (given.derivative(x) == FLOAT64.slope(spike(given), x)).all()
    balls = Balls(Precision(53))
    for mine, theirs in zip(given.derivative(balls.exactly(x), balls), given.derivative(x), strict=True):
        assert abs(float(mine.ball.mid()) - theirs) <= 1e-14 * max(1.0, abs(theirs))


BAD = """
import numpy as np

CALLS = []

def endless(problem):
    while True:
        pass

def writes(problem):
    for value in problem.parameters.values():
        value[...] = 0
    return dict(problem.parameters)

def draws(problem):
    return {k: 0 * v + np.random.rand() for k, v in problem.parameters.items()}

def keeps(problem):
    CALLS.append(1)
    return {k: 0 * v + len(CALLS) for k, v in problem.parameters.items()}

def no_number(problem):
    return {k: v * float("nan") for k, v in problem.parameters.items()}

def subject(problem):
    return {k: 0 * v for k, v in problem.parameters.items()}
"""
SAID = {
    "writes": r"writes into the problem, layers\.0\.W",
    "draws": "called twice on one problem, differs in",
    "keeps": "called twice on one problem, differs in",
    "no_number": "whose gradient is NaN in every entry",
}


@pytest.mark.parametrize("name", SAID)
def test_a_definition_that_is_no_function_of_the_problem_is_said(tmp_path, name):
    file = tmp_path / f"bad_{name}.py"
    file.write_text(BAD)
    with pytest.raises(GradcertError, match=SAID[name]):
        certify(f"{file}:subject", rule=f"{file}:{name}", cells="lif", profile="quick", run_cells=True)


def test_the_time_of_a_problem_is_that_of_a_definition_too(tmp_path):
    file = tmp_path / "bad_endless.py"
    file.write_text(BAD)
    words = ["certify", f"{file}:subject", "--rule", f"{file}:endless", "--cells", "lif", "--run", "--timeout", "1"]
    started = time.monotonic()
    done = CliRunner().invoke(cli.gradcert, words)
    assert done.exit_code == 2 and time.monotonic() - started < 60
    assert "has not answered a problem of 3 steps in 1 s" in " ".join(done.output.split())
