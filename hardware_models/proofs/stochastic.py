"""Proof 5: stochastic rounding over the generator's whole period: exact expectation, bias near zero, shared words.

Everything here is counted, not sampled: a generator is run through its whole period once and its words are tallied, so
every statement is an exact rational.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from gradcert.hardware_models.arithmetic import Lfsr, Rounding, Stochastic, aligned_fraction, drop_bits
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.solver import PROVED, REFUTED, ProofRecord, Verdict, prove

Array = np.ndarray[Any, Any]


def words_of_period(lfsr: Lfsr) -> Array:
    """Return the first word of every cycle over the shortest run of cycles after which the register repeats."""
    bits = (1 << lfsr.far) - 1
    cycles = bits // np.gcd(bits, lfsr.bits)
    return lfsr.cycles(int(cycles))[:, 0]


def probabilities(lfsr: Lfsr, source: Stochastic) -> list[Fraction]:
    """Return, for every fraction of `source.bits` bits, the exact probability over the period that it rounds up."""
    words = words_of_period(lfsr)
    tally = np.cumsum(np.bincount(words, minlength=1 << source.bits))
    hits = np.concatenate([[0], tally[:-1]]) if source.strict else tally
    return [Fraction(int(h), len(words)) for h in hits]


def bias_near_zero(lfsr: Lfsr, source: Stochastic, shift: int) -> dict[str, Fraction]:
    """Return the mean rounding error, in ulp, over all values in (0, 1) ulp and over all in (-1, 0) ulp."""
    words = words_of_period(lfsr)
    out = {}
    tally = np.cumsum(np.bincount(words, minlength=1 << source.bits))
    if source.strict:
        tally = np.concatenate([[0], tally[:-1]])
    for name, low in (("above", 0), ("below", -(1 << shift))):
        x = np.arange(low + 1, low + (1 << shift), dtype=np.int64)
        fraction = x - low
        aligned = aligned_fraction(fraction, shift, source.bits)
        hits = tally[aligned]
        if source.hold_zero and low == 0:
            hits = np.zeros_like(hits)
        total = Fraction(int(hits.sum()), len(words)) - Fraction(int(fraction.sum()), 1 << shift)
        out[name] = total / len(x)
    return out


@dataclass(frozen=True)
class JointLaw:
    """Two synapses with the same fraction: probability that both round up, and its covariance with independence."""

    both: Fraction
    covariance: Fraction


def joint_law(first: Array, second: Array, threshold: int) -> JointLaw:
    """Return the joint law of `threshold >= word` for two word sequences over one period."""
    one, other = first <= threshold, second <= threshold
    n = len(first)
    both = Fraction(int(np.count_nonzero(one & other)), n)
    apart = Fraction(int(np.count_nonzero(one)), n) * Fraction(int(np.count_nonzero(other)), n)
    return JointLaw(both, both - apart)


def prove_generator(lfsr: Lfsr, *, second: bool = False, break_lag: int | None = None) -> Verdict:
    """Prove over bit-vectors: a shift never turns a non-zero register into zero.

    And is one-to-one (so every state recurs).
    """
    size = lfsr.far

    def shifted(state: Any) -> Any:
        lags = (break_lag,) if break_lag is not None else (lfsr.near, *lfsr.also, lfsr.far)
        feedback = z3.BitVecVal(0, 1)
        for lag in lags:
            feedback = feedback ^ z3.Extract(size - lag, size - lag, state)
        return z3.Concat(feedback, z3.Extract(size - 1, 1, state))

    a, b = z3.BitVecs("a b", size)
    claim = z3.And(z3.Implies(a != 0, shifted(a) != 0), z3.Implies(shifted(a) == shifted(b), a == b))
    return prove(claim, second=second)


def check(p: Profile) -> list[ProofRecord]:
    """Count and prove what the profile's generators do to rounding."""
    records = []
    sources = {
        node.numeric.source
        for rule in p.rules
        for node in program(p, rule).operations
        if node.numeric.rounding is Rounding.STOCHASTIC and node.numeric.source is not None
    }
    for source in sorted(sources, key=str):
        lfsr = p.generators[source.generator]
        verdict = prove_generator(lfsr, second=True)
        twin = prove_generator(lfsr, break_lag=lfsr.near)
        claim = f"generator {source.generator}: never zero from a non-zero seed, one-to-one"
        seconds = verdict.seconds + twin.seconds
        records.append(ProofRecord(5, claim, p.name, verdict.status, twin.status, verdict.second, seconds))
        records.append(_expectation(p, lfsr, source))
        records.append(_shared(p, lfsr, source))
    return records


def _expectation(p: Profile, lfsr: Lfsr, source: Stochastic) -> ProofRecord:
    started = time.perf_counter()
    table, size = probabilities(lfsr, source), 1 << source.bits
    gaps = [abs(q - Fraction(f, size)) for f, q in enumerate(table)]
    worst = max(gaps)
    # counted a second time, by rounding with every word of the period
    probes = sorted({0, 1, size // 3, size // 2, size - 1, gaps.index(worst)})
    same = all(
        simulated_probability(lfsr, replace(source, hold_zero=False), f, source.bits) == table[f] for f in probes
    )
    # the twin claims what a word uniform on 0 .. 2**bits - 1 would give: the fraction itself
    twin = REFUTED if worst > 0 else PROVED
    bias = bias_near_zero(lfsr, source, source.bits)
    claim = f"{source.generator}: |P(round up) - fraction| <= {float(worst):.3g}, reached, counted over the period"
    detail = (
        f"{len(words_of_period(lfsr))} words of {source.bits} bits, an exact value rounds up with probability "
        f"{float(table[0]):.3g}; mean error in (0, 1) ulp {float(bias['above']):+.4f}, in (-1, 0) ulp "
        f"{float(bias['below']):+.4f}"
    )
    seconds = time.perf_counter() - started
    return ProofRecord(5, claim, p.name, PROVED if same else REFUTED, twin, "not asked", seconds, detail)


def _shared(p: Profile, lfsr: Lfsr, source: Stochastic) -> ProofRecord:
    started = time.perf_counter()
    words = words_of_period(lfsr)
    half = (1 << source.bits) // 2
    shared, apart = joint_law(words, words, half), joint_law(words, np.roll(words, 1), half)
    verdict = PROVED if shared.both == Fraction(int(np.count_nonzero(words <= half)), len(words)) else REFUTED
    twin = REFUTED if apart.both != shared.both else PROVED
    claim = f"{source.generator}: synapses that share a word round up together, always"
    detail = (
        f"covariance at one half {float(shared.covariance):.4f} shared, {float(apart.covariance):.4f} one cycle apart"
    )
    return ProofRecord(5, claim, p.name, verdict, twin, "not asked", time.perf_counter() - started, detail)


def simulated_probability(lfsr: Lfsr, source: Stochastic, value: int, shift: int) -> Fraction:
    """Return the frequency of rounding up over the period, by rounding itself: the second way to the same number."""
    words = words_of_period(lfsr)
    got = drop_bits(np.full(len(words), value), shift, Rounding.STOCHASTIC, word=words, source=source)
    return Fraction(int((got - (value >> shift)).sum()), len(words))
