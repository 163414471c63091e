"""Right numbers that were printed with too few digits are called so, and neither float32 nor a factor of one."""

import numpy as np
import pytest

from gradcert.certify.campaign import certify
from gradcert.certify.claims import Claim
from gradcert.reference import FLOAT64, RULES, record, reverse

CLAIM = Claim(rule="bptt", cells="rnn", depths=1, losses="squared_error", when="every")


def written(value, form):
    return np.vectorize(lambda x: float(form % x))(value)


def gradient(problem):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"])


@pytest.mark.parametrize(
    ("form", "cause"),
    [
        ("%g", "it equals bptt, printed with 6 significant digits"),
        ("%f", "it equals bptt, printed with 6 decimals"),
        ("%.12g", "it equals bptt, printed with 12 significant digits"),
        ("%.17g", ""),
    ],
)
def test_gradients(form, cause):
    found = certify(
        lambda problem: {k: written(g, form) for k, g in gradient(problem).items()}, claim=CLAIM, profile="quick"
    )
    assert (found.verdict == "certified") == (not cause)
    assert cause in found.reason


def test_single_precision_is_none():
    def single(problem):
        return {k: g.astype(np.float32).astype(float) for k, g in gradient(problem).items()}

    assert "in float32 arithmetic" in certify(single, claim=CLAIM, profile="quick").reason


@pytest.mark.parametrize(("form", "said"), [("%.9g", "it is printed with "), ("%.17g", "(a difference of ")])
def test_a_loss_that_is_nearly_right_is_shown_to_the_digit_that_differs(form, said):
    def subject(problem):
        given = (problem.network, problem.parameters, problem.inputs)
        loss = problem.network.loss.value(record(*given, numbers=FLOAT64).outputs, problem.targets, FLOAT64)
        return written(loss if form == "%.9g" else loss * (1 + 1e-9), form), gradient(problem)

    found = certify(subject, claim=CLAIM, profile="quick")
    reason = next(f.reason for f in found.findings if f.check == "loss")
    assert said in reason
    given, right = reason.removeprefix("the loss is ").split(" (")[0].split(":")[0].split(", not ")
    assert given != right
