"""Underflow is part of the arithmetic: floats at the edge of the range, between a budget and exact fractions."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.claims import Claim
from gradcert.certify.judging import judge
from gradcert.certify.problems import Spec, expect, generate
from gradcert.properties.numbers import Precision, Undecided
from gradcert.properties.numbers.balls import working_precision
from gradcert.properties.numbers.element import constant
from gradcert.properties.numbers.rounding import Rounding
from gradcert.reference import RULES
from gradcert.reference.engines import reverse
from gradcert.reference.numbers import Floats
from scripts.attack.underflow import Draw, outside, without_underflow


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_float_at_the_edge_of_the_range_is_outside(dtype):
    assert outside(4000, dtype) == 0
    assert outside(1000, dtype, without_underflow) > 50  # what the budget was: it fails the same test


def test_the_budget_is_no_more_than_underflow_needs():
    # half the smallest subnormal number, for each of 4 x 2 operations
    for precision, a, b in ((Precision(24), 3e-25, 1.1e-20), (Precision(53), 3e-160, 1.1e-160)):
        with working_precision():
            product = constant(a, precision) * constant(b, precision)
        assert product.budget() < 16 * 2.0**precision.finest + 8 * precision.unit * a * b


def test_a_zero_is_read_from_the_ball():
    with working_precision():
        tiny = constant(1e-200, Precision(53))
        product = tiny * tiny
        zero = tiny * constant(0.0, Precision(53))
    assert zero.is_nothing()
    assert zero.budget() == 0
    assert not product.is_nothing()
    assert 0 < product.budget() < 1e-320
    # times 1e200 it is 1e-200, or 0: both are what some order returns
    with working_precision():
        back = product * constant(1e200, Precision(53))
    assert abs((1e-200 * 1e-200) * 1e200 - back.value()) <= back.budget()
    assert abs(1e-200 * (1e-200 * 1e200) - back.value()) <= back.budget()


def test_what_is_below_the_smallest_number_is_not_exact():
    for flushes, finest in ((False, -149), (True, -126)):
        with working_precision():
            half = constant(0.5, Precision(24, flushes=flushes))
            number = half
            for _ in range(-finest - 1):
                number = number * half
            assert number.exact  # 2 ** finest
            assert not (number * half).exact


def test_the_other_number_system_knows_underflow_too():
    numbers = Rounding(4, "float32")
    middle, radius = numbers.enclosure((numbers.array([3e-25]) * numbers.array([1.1e-20]))[0])
    error = abs(float(np.float32(3e-25) * np.float32(1.1e-20)) - middle)
    assert 1e-46 < error <= radius < 1e-43


def test_a_library_that_flushes_is_right_where_inputs_are_tiny():
    claim = Claim(rule="bptt", cells="rnn", dtype="float32")
    made = generate(Spec("rnn", 1, "squared_error", "every", "bounded"), claim)
    tiny = np.float32(np.finfo("float32").tiny)
    problem = replace(made.problem, inputs=made.problem.inputs * tiny)
    expected = expect(problem, RULES["bptt"], "float32").gradients["layers.0.W"]
    given = (problem.network, problem.parameters)
    for inputs in (problem.inputs, np.where(abs(problem.inputs) < tiny, 0, problem.inputs).astype("float32")):
        found = reverse.gradients(*given, inputs, problem.targets, rule=RULES["bptt"], numbers=Floats("float32"))
        flushed = np.where(abs(found["layers.0.W"]) < tiny, 0, found["layers.0.W"])
        assert judge(flushed, expected).ok
    assert not judge(expected.value + 1e-30, expected).ok


def test_a_sum_that_may_overflow_is_no_case():
    claim = Claim(rule="bptt", cells="rnn", dtype="float32", options={"activation": "identity"})
    made = generate(Spec("rnn", 1, "squared_error", "every", "bounded"), claim)
    problem = replace(made.problem, inputs=made.problem.inputs * np.float32(1e30))
    with pytest.raises(Undecided, match="overflow"):
        expect(problem, RULES["bptt"], "float32")


def test_draws_are_at_the_edge():
    import random

    draw = Draw(random.Random(1), "float32")
    assert abs(draw.exact) < 2.0**-90
