import numpy as np
import pytest

from gradcert.reference.numbers import FORMATS, held

ml_dtypes = pytest.importorskip("ml_dtypes", reason="needs ml_dtypes: pip install ml_dtypes")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_digits_and_range_are_those_of_the_format(name):
    made, info = FORMATS[name], ml_dtypes.finfo(name)
    assert (made.digits, made.normal) == (info.nmant + 1, info.minexp)
    assert (made.tiny, made.largest) == (float(info.tiny), float(info.max))
    assert made.unit == float(info.eps) / 2
    assert made.half == (info.bits == 16)


def test_bfloat16_is_rounded_as_elsewhere():
    rng = np.random.default_rng(0)
    values = rng.standard_normal(4000) * 2.0 ** rng.integers(-140, 120, 4000)
    ties = (1 + (2 * np.arange(64) + 1) * 2.0**-8) * rng.choice([-1.0, 1.0], 64)  # between two neighbours
    given = np.concatenate([values, ties, [0.0, -0.0, 2.0**-133, 2.0**-134]]).astype(np.float32)
    np.testing.assert_array_equal(held(given, "bfloat16"), given.astype(ml_dtypes.bfloat16).astype(np.float32))


def test_what_is_exact_already_stays_the_same_array():
    given = np.array([[0.5, -3.0], [0.0, 2.0**-20]], dtype=np.float32)
    assert held(given, "bfloat16") is given
    assert held(given.T, "bfloat16").base is given
    assert held([0.1], "float16").dtype == np.float16
