"""The law of a generator's words over all seeds: how often word <= m, against what a uniform word would give.

A register of `far` bits that steps through every non-zero state gives, over all seeds, every non-zero state equally
often. Its word is a linear map of the state. Where the top bits of the word are a one-to-one image of the state, they
take every value but zero equally often, and P(word <= m) is known to within two counts of the period.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import z3

from gradcert.hardware_models.arithmetic import Lfsr, Stochastic
from gradcert.hardware_models.solver import PROVED, REFUTED, Verdict, prove


def lags_of(lfsr: Lfsr) -> tuple[int, ...]:
    """Return all lags of a generator, the nearest first."""
    return (lfsr.near, *lfsr.also, lfsr.far)


def shifted(state: Any, size: int, lags: tuple[int, ...]) -> Any:
    """Return the register after one bit, as a bit-vector term; the newest bit is the highest."""
    feedback = z3.BitVecVal(0, 1)
    for lag in lags:
        feedback = feedback ^ z3.Extract(size - lag, size - lag, state)
    return z3.Concat(feedback, z3.Extract(size - 1, 1, state))


def bits_after(state: int, lfsr: Lfsr, count: int) -> list[int]:
    """Return the next `count` bits of a register, by the recurrence that is proved about.

    Examples
    --------
    >>> bits_after(1, Lfsr(1, 3, 1), 7)
    [1, 1, 1, 0, 1, 0, 0]
    """
    out = []
    for _ in range(count):
        bit = sum(state >> (lfsr.far - lag) & 1 for lag in lags_of(lfsr)) & 1
        state = state >> 1 | bit << (lfsr.far - 1)
        out.append(bit)
    return out


def top_rank(lfsr: Lfsr, bits: int) -> int:
    """Return the rank over GF(2) of the map from a state to the highest `far` bits of its word of `bits` bits."""
    rows = []
    for k in range(lfsr.far):  # a linear map: the images of the unit vectors say everything
        stream = bits_after(1 << k, lfsr, bits)[bits - lfsr.far :]
        rows.append(sum(bit << i for i, bit in enumerate(stream)))
    rank = 0
    while rows:
        row = rows.pop()
        if row:
            rank += 1
            lowest = row & -row
            rows = [r ^ row if r & lowest else r for r in rows]
    return rank


def prove_generator(lfsr: Lfsr, *, second: bool = False, lags: tuple[int, ...] | None = None) -> Verdict:
    """Prove over bit-vectors: a shift never turns a non-zero register into zero, and is one-to-one."""
    size, used = lfsr.far, lags or lags_of(lfsr)
    a, b = z3.BitVecs("a b", size)
    one, other = shifted(a, size, used), shifted(b, size, used)
    return prove(z3.And(z3.Implies(a != 0, one != 0), z3.Implies(one == other, a == b)), second=second)


@cache
def runs_as_stated(lfsr: Lfsr, *, lags: tuple[int, ...] | None = None, count: int = 1 << 16) -> bool:
    """Return whether `Lfsr.stream`, which delivers a run's words, is the recurrence that is proved about.

    The first bits after reset, at most 2**16 of them (a whole period of registers up to 16 bits), and from a second
    seed.
    """
    for seed in (1, (1 << lfsr.far) - 2):
        bits = np.concatenate([[(seed >> i) & 1 for i in range(lfsr.far)], lfsr.stream(count, seed)]).astype(np.int64)
        wanted = np.zeros(count, np.int64)
        for lag in lags or lags_of(lfsr):
            wanted ^= bits[lfsr.far - lag : len(bits) - lag]
        if (wanted != bits[lfsr.far :]).any():
            return False
    return True


def visits_all(lfsr: Lfsr) -> bool:
    """Return whether every non-zero state is on one cycle: x**(2**n - 1) = 1 and no smaller divisor's power is.

    Modulo the feedback polynomial over GF(2); exact, whatever the length of the register.
    """
    order = (1 << lfsr.far) - 1
    powers = [order // q for q in _prime_factors(order)]
    return _power(lfsr, order) == 1 and all(_power(lfsr, k) != 1 for k in powers)


def _prime_factors(n: int) -> list[int]:
    out, k = [], 2
    while k * k <= n:
        if n % k == 0:
            out.append(k)
            while n % k == 0:
                n //= k
        k += 1
    return [*out, n] if n > 1 else out


def _power(lfsr: Lfsr, exponent: int) -> int:
    """Return x**exponent modulo x**far + sum of x**(far - lag), as a bit mask."""
    modulus = sum(1 << (lfsr.far - lag) for lag in lags_of(lfsr)) | 1 << lfsr.far

    def times(a: int, b: int) -> int:
        out = 0
        while b:
            if b & 1:
                out ^= a
            b >>= 1
            a <<= 1
            if a >> lfsr.far & 1:
                a ^= modulus
        return out

    result, square = 1, 2
    while exponent:
        if exponent & 1:
            result = times(result, square)
        square, exponent = times(square, square), exponent >> 1
    return result


@dataclass(frozen=True)
class Law:
    """|P(word <= m) - m / 2**bits| <= gap for every m, over all seeds; and whether that is proved."""

    gap: Fraction
    status: str


@cache
def law_gap(lfsr: Lfsr, source: Stochastic) -> Law:
    """Prove the law of a word at least as wide as its register: its top `far` bits are one-to-one in the state.

    Then each of the 2**far - 1 non-zero values of those bits comes once a period, and #(word <= m) is floor(m /
    2**(bits - far)) or one less, of 2**far - 1.
    """
    facts = runs_as_stated(lfsr) and visits_all(lfsr) and source.bits >= lfsr.far
    full = facts and top_rank(lfsr, source.bits) == lfsr.far
    return Law(Fraction(2, (1 << lfsr.far) - 1), PROVED if full else REFUTED)
