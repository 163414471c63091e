"""Arithmetic against Fractions, and against APyTypes where APyTypes is right."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import pytest

from gradcert.hardware_models.arithmetic import (
    BFLOAT16,
    RECKON,
    SIXTEEN,
    EventLog,
    Format,
    Lfsr,
    Overflow,
    Rounding,
    Stochastic,
    drop_bits,
    is_fast,
    quantise,
    quantise_fraction,
    reference_bits,
    round_fraction,
    smallest_format,
)
from gradcert.reference.errors import GradcertError

DETERMINISTIC = [m for m in Rounding if m is not Rounding.STOCHASTIC]
SOURCES = [Stochastic("g", 4), Stochastic("g", 4, strict=True), Stochastic("g", 2, hold_zero=True), Stochastic("g", 7)]


@pytest.mark.parametrize("mode", DETERMINISTIC)
def test_every_small_value_rounds_as_the_definition_says(mode: Rounding) -> None:
    x = np.arange(-300, 301)
    for shift in range(1, 7):
        assert drop_bits(x, shift, mode).tolist() == [round_fraction(Fraction(int(v), 2**shift), mode) for v in x]
        assert drop_bits(x.astype(object), shift, mode).tolist() == drop_bits(x, shift, mode).tolist()


def test_the_modes_are_pairwise_different() -> None:
    x = np.arange(-16, 17)
    results = {m: tuple(drop_bits(x, 2, m)) for m in DETERMINISTIC}
    assert len(set(results.values())) == len(DETERMINISTIC)


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_stochastic_rounding_on_every_word(source: Stochastic) -> None:
    x = np.arange(-70, 71)
    for word in range(2**source.bits):
        got = drop_bits(x, 4, Rounding.STOCHASTIC, word=np.array(word), source=source)
        assert got.tolist() == [
            round_fraction(Fraction(int(v), 16), Rounding.STOCHASTIC, word=word, source=source) for v in x
        ]


@pytest.mark.parametrize("overflow", list(Overflow))
@pytest.mark.parametrize("mode", DETERMINISTIC)
def test_quantise_equals_the_fraction_oracle(mode: Rounding, overflow: Overflow) -> None:
    draw = random.Random(f"{mode}{overflow}")
    for _ in range(60):
        target = Format(draw.random() < 0.7, draw.randint(2, 70), draw.randint(-5, 30))
        radix, bits = draw.randint(-4, 40), draw.randint(3, 90)
        values = [draw.randrange(-(2**bits), 2**bits) for _ in range(20)]
        held = [draw.randint(target.low, target.high) for _ in values]
        fast = is_fast(-(2**bits), 2**bits) and is_fast(target.low, target.high)
        x, h = (np.array(v, dtype=np.int64 if fast else object) for v in (values, held))
        got = quantise(x, radix, target, rounding=mode, overflow=overflow, held=h)
        want = [
            quantise_fraction(
                Fraction(v) / Fraction(2) ** radix,
                target,
                radix=radix,
                rounding=mode,
                overflow=overflow,
                held=target.value(o),
            )
            for v, o in zip(values, held, strict=True)
        ]
        assert [target.value(int(s)) for s in got.stored] == [w for w, _ in want]
        assert (got.overflowed.tolist() if got.overflowed is not None else [False] * 20) == [o for _, o in want]


def test_apytypes_agrees_inside_its_correct_region() -> None:
    apy = pytest.importorskip("apytypes")
    modes = {
        Rounding.FLOOR: apy.QuantizationMode.TRN,
        Rounding.TOWARD_ZERO: apy.QuantizationMode.TRN_ZERO,
        Rounding.AWAY: apy.QuantizationMode.TRN_AWAY,
        Rounding.NEAREST_EVEN: apy.QuantizationMode.RND_CONV,
        Rounding.NEAREST_UP: apy.QuantizationMode.RND,
        Rounding.NEAREST_DOWN: apy.QuantizationMode.RND_MIN_INF,
        Rounding.NEAREST_AWAY: apy.QuantizationMode.RND_INF,
        Rounding.NEAREST_ZERO: apy.QuantizationMode.RND_ZERO,
    }
    policies = {Overflow.SATURATE: apy.OverflowMode.SAT, Overflow.WRAP: apy.OverflowMode.WRAP}
    rng = np.random.default_rng(1)
    for mode, theirs in modes.items():
        for policy, their_policy in policies.items():
            # source integer + target fraction bits = 12 + 6 <= 63: there APyTypes 0.5.1 saturates correctly
            x = rng.integers(-(2**23), 2**23, 500)
            ours = quantise(x, 12, Format(True, 14, 6), rounding=mode, overflow=policy).stored
            cast = apy.APyFixedArray(x.tolist(), int_bits=12, frac_bits=12).cast(
                int_bits=8, frac_bits=6, quantization=theirs, overflow=their_policy
            )
            bits = np.array(cast.to_bits())
            assert (((bits + 2**13) % 2**14) - 2**13).tolist() == ours.tolist(), (mode, policy)


def test_bfloat16_oracle_against_ml_dtypes() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    words = np.random.default_rng(2).integers(0, 2**32, 4000, dtype=np.uint32).view(np.float32)
    words = np.concatenate([words[np.isfinite(words)], np.array([0, 1e-40, -3e-39, 1 / 3], np.float32)])
    for x in words:
        theirs = float(x.astype(ml_dtypes.bfloat16))
        try:
            assert Fraction(theirs) == BFLOAT16.round(Fraction(float(x)))
        except OverflowError:
            assert math.isinf(theirs)


@pytest.mark.parametrize("name", RECKON)
def test_lfsr_equals_the_register_run_one_shift_at_a_time(name: str) -> None:
    lfsr = RECKON[name]
    assert lfsr.stream(5000, seed=5).tolist() == reference_bits((lfsr.near, lfsr.far), 5, 5000)
    word = lfsr.cycles(2, seed=5)[1, 0]
    start = lfsr.bits
    assert word == sum(
        b << i for i, b in enumerate(reference_bits((lfsr.near, lfsr.far), 5, start + lfsr.width)[start:])
    )


@pytest.mark.parametrize("name", ["lfsr15", "lfsr17", "lfsr22"])
def test_published_lags_have_full_period(name: str) -> None:
    assert RECKON[name].period() == 2 ** RECKON[name].far - 1


def test_the_sixteen_bit_stand_in_has_full_period() -> None:
    assert SIXTEEN.period() == 2**16 - 1
    assert SIXTEEN.stream(3000, 7).tolist() == reference_bits((11, 13, 14, 16), 7, 3000)


def test_a_wrong_lag_does_not_have_full_period() -> None:
    assert Lfsr(5, 15, 15).period() != 2**15 - 1


def test_smallest_format_is_smallest() -> None:
    for low, high in [(0, 0), (0, 1), (0, 256), (-1, 0), (-128, 127), (-129, 0), (-5, 200)]:
        fmt = smallest_format(low, high)
        assert fmt.low <= low <= high <= fmt.high
        if fmt.width > 1 + fmt.signed:
            narrow = fmt.narrower()
            assert low < narrow.low or high > narrow.high


def test_a_scalar_beyond_int64_is_quantised_like_any_other() -> None:
    wide = np.array(3 << 70, dtype=object)
    assert int(quantise(wide * wide, 140, Format(True, 40)).stored) == 9
    assert int(quantise(wide, 60, Format(True, 12)).stored) == 2047


def test_events_name_the_first_value_that_did_not_fit() -> None:
    log = EventLog()
    x = np.array([[1, 2], [-300, 400]])
    got = quantise(x, 0, Format(True, 8))
    assert got.overflowed is not None
    log.record(7, "weight", "saturate", got.overflowed, x)
    assert (log.events[0].count, log.events[0].index, log.events[0].exact, log.total(), log.names()) == (
        2,
        (1, 0),
        -300,
        2,
        ["weight"],
    )


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Format(True, 1),
        lambda: Format.parse("8.4"),
        lambda: RECKON["lfsr15"].stream(3, seed=0),
        lambda: quantise(np.array([300]), 0, Format(True, 8), overflow=Overflow.HOLD),
        lambda: drop_bits(np.array([3]), 1, Rounding.STOCHASTIC),
    ],
)
def test_wrong_input_is_one_clear_error(bad) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(GradcertError):
        bad()
