"""Checks of single values, at both sides of every border."""

import sys

import numpy as np
import pytest

from gradcert.reference import GradcertError
from gradcert.reference.checks import check_number, check_numbers, check_seed, check_size

LARGEST = sys.float_info.max


@pytest.mark.parametrize("seed", [0, 7, np.int64(3), 2**53 - 1])
def test_a_seed_is_a_whole_number_that_json_holds(seed):
    assert check_seed(seed) == seed and type(check_seed(seed)) is int


@pytest.mark.parametrize("seed", [-1, 2**53, True, 1.0, "1", None])
def test_what_is_no_seed(seed):
    with pytest.raises(GradcertError, match="allowed: a whole number from 0 to 9007199254740991"):
        check_seed(seed)


def test_a_size_has_a_least():
    check_size("steps", 1)
    check_size("steps", np.int32(0), least=0)
    for value, least in ((0, 1), (-1, 0), (True, 1), (2.0, 1), (None, 1)):
        with pytest.raises(GradcertError, match=f"steps {value}; allowed: a whole number >= {least}"):
            check_size("steps", value, least=least)


def test_a_number_is_finite_and_above():
    for value in (LARGEST, -LARGEST, 10**308, np.float32(1.0), 0):
        check_number("width", value)
    check_number("width", 5e-324, above=0.0)
    for value in (np.inf, -np.inf, np.nan, np.float32(np.inf), 10**309, True, "1", 1j, None, object(), (1.0,)):
        with pytest.raises(GradcertError, match=r"allowed: a number$"):
            check_number("width", value)
    for value in (0.0, -1, np.float32(0.0)):
        with pytest.raises(GradcertError, match="allowed: a number > 0"):
            check_number("width", value, above=0.0)


def test_numbers_are_one_or_one_per_unit():
    for value in (0.5, (0.5,), (0.5, 0.25, 0.75), np.array([0.5, 0.25, 0.75])):
        check_numbers("leak", value, 3)
    check_numbers("leak", (0.5, 0.25))
    for value in ((), (0.5, 0.25), np.zeros(4)):
        with pytest.raises(GradcertError, match="allowed: one number, or 3: one per unit"):
            check_numbers("leak", value, 3)
    with pytest.raises(GradcertError, match="leak=nan"):
        check_numbers("leak", (0.5, np.nan))
