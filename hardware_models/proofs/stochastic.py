"""Proof 5: stochastic rounding over the generator's whole period: exact expectation, bias near zero, shared words.

Nothing here is sampled: a rounding's generator is run through its whole period once, by the code that delivers a run's
words, and tallied; a draw's law (`words`) follows from the register's linear algebra. Every statement is exact.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import z3

from gradcert.hardware_models.arithmetic import Lfsr, Rounding, Stochastic, aligned_fraction, drop_bits
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.terms import int_step
from gradcert.hardware_models.proofs.printed import shown, upward
from gradcert.hardware_models.proofs.words import lags_of, law_gap, prove_generator, runs_as_stated, visits_all
from gradcert.hardware_models.solver import PROVED, REFUTED, ProofRecord, Verdict, prove
from gradcert.hardware_models.units import profile_weight

Array = np.ndarray[Any, Any]


@cache
def words_of_period(lfsr: Lfsr) -> Array:
    """Return the first word after every seed: a window of the bit stream at every offset of its period.

    Where the bits of a cycle have no factor in common with the period, these are also the words of one run.
    """
    period, width = (1 << lfsr.far) - 1, lfsr.width
    stream = lfsr.stream(period + width).astype(np.int64)
    return np.sum([stream[i : i + period] << i for i in range(width)], axis=0)


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


def sources(p: Profile) -> dict[Stochastic, bool]:
    """Return the random sources of a profile's rules, and whether each serves a rounding (else a draw)."""
    found: dict[Stochastic, bool] = {}
    for rule in p.rules:
        step = program(p, rule)
        for node in step.operations:
            if node.numeric.rounding is Rounding.STOCHASTIC and node.numeric.source is not None:
                found[node.numeric.source] = True
        for node in step.of_kind("random"):
            if node.numeric.source is not None:
                found.setdefault(node.numeric.source, False)
    return dict(sorted(found.items(), key=lambda item: str(item[0])))


def shares_words(p: Profile, source: Stochastic) -> bool:
    """Return whether any rounding of the profile uses one word of a source for several synapses."""
    nodes = (n for rule in p.rules for n in program(p, rule).operations if n.numeric.source == source)
    return any(n.numeric.shared for n in nodes)


def check(p: Profile) -> list[ProofRecord]:
    """Count and prove what the profile's generators do to rounding and to draws."""
    records = []
    for source, rounds in sources(p).items():
        lfsr = p.generators[source.generator]
        records.append(_generator(p, lfsr, source))
        records.append(_expectation(p, lfsr, source) if rounds else _draws(p, lfsr, source))
        if shares_words(p, source):
            records.append(_shared(p, source))
    return records


def _generator(p: Profile, lfsr: Lfsr, source: Stochastic) -> ProofRecord:
    verdict = prove_generator(lfsr, second=True)
    status = verdict.status if runs_as_stated(lfsr) and visits_all(lfsr) else REFUTED
    # the twin forgets the farthest lag: two registers then go to one
    twin = prove_generator(lfsr, lags=lags_of(lfsr)[:-1])
    claim = (
        f"generator {source.generator}, as `Lfsr.stream` runs it: never zero from a non-zero seed, one-to-one, every "
        f"non-zero state of {lfsr.far} bits on one cycle"
    )
    seconds = verdict.seconds + twin.seconds
    says = {"lfsr": lfsr, "source": source}
    return ProofRecord(5, claim, p.name, status, twin.status, verdict.second, seconds, kind="generator", says=says)


def _draws(p: Profile, lfsr: Lfsr, source: Stochastic) -> ProofRecord:
    law = law_gap(lfsr, source)
    gap = upward(law.gap)
    # the twin claims what a word uniform on 1 .. 2**bits - 1 would give: the register has too few states for that
    uniform = Fraction(1, (1 << source.bits) - 1)
    first = Fraction(1, (1 << lfsr.far) - 1)  # some word comes once a period, and the law jumps by that much there
    twin = REFUTED if first > 2 * uniform else PROVED
    claim = (
        f"{source.generator}: |P(word <= m) - m / 2**{source.bits}| <= {shown(gap)} for every m, over all seeds, any "
        "word of any cycle"
    )
    detail = f"{(1 << lfsr.far) - 1} words of {source.bits} bits; a uniform word would be within {float(uniform):.3g}"
    says = {"gap": gap, "lfsr": lfsr, "source": source}
    return ProofRecord(5, claim, p.name, law.status, twin, "not asked", 0.0, detail, "draws", says)


def _expectation(p: Profile, lfsr: Lfsr, source: Stochastic) -> ProofRecord:
    started = time.perf_counter()
    table, size = probabilities(lfsr, source), 1 << source.bits
    gaps = [abs(q - Fraction(f, size)) for f, q in enumerate(table)]
    worst = upward(max(gaps))
    # counted a second time, by rounding with every word of the period
    probes = sorted({0, 1, size // 3, size // 2, size - 1, gaps.index(max(gaps))})
    same = all(
        simulated_probability(lfsr, replace(source, hold_zero=False), f, source.bits) == table[f] for f in probes
    )
    # the twin claims what a word uniform on 0 .. 2**bits - 1 would give: the fraction itself
    twin = REFUTED if worst > 0 else PROVED
    bias = bias_near_zero(lfsr, source, source.bits)
    where = ", where the floor is not zero" if source.hold_zero else ""
    claim = (
        f"{source.generator}: |P(round up) - f / 2**{source.bits}| <= {shown(worst)} for a fraction of which the first "
        f"{source.bits} bits are f{where}, counted over all seeds"
    )
    detail = (
        f"{len(words_of_period(lfsr))} words of {source.bits} bits, an exact value rounds up with probability "
        f"{float(table[0]):.3g}; mean error in (0, 1) ulp {float(bias['above']):+.4f}, in (-1, 0) ulp "
        f"{float(bias['below']):+.4f}"
    )
    seconds = time.perf_counter() - started
    says = {"gap": worst, "lfsr": lfsr, "source": source}
    return ProofRecord(
        5, claim, p.name, PROVED if same else REFUTED, twin, "not asked", seconds, detail, "rounding law", says
    )


def prove_nested(p: Profile, *, one_word: bool = True) -> Verdict:
    """Prove of the profile's own update: of two synapses with one word, the larger fraction rounds up too.

    Two steps of the declared unit, any stored products, neither step at a limit; the twin's words differ.
    """
    unit = profile_weight(p)
    word = unit.node("w.step").word
    assert word is not None
    steps = [int_step(unit, prefix=x) for x in ("one.", "two.")]
    shift = unit.node("product").format.radix + p.rate - unit.node("w.step").format.radix
    fmt, product = unit.node("w.step").format, unit.node("product").format
    assume, ups, fractions = [], [], []
    for k, step in enumerate(steps):
        free = z3.Int(f"product.{k}")
        pairs = [(step.values["product"], free)]
        if one_word and k:
            pairs.append((step.values[word], steps[0].values[word]))
        moved = z3.substitute(step.values["w.step"], *pairs)
        ups.append(moved == free / (1 << shift) + 1)
        fractions.append(free % (1 << shift))
        assume += [*step.assume, free >= product.low, free <= product.high]
        assume += [free / (1 << shift) >= fmt.low, free / (1 << shift) < fmt.high]
    return prove(z3.Implies(z3.And(fractions[0] <= fractions[1], ups[0]), ups[1]), assume)


def _shared(p: Profile, source: Stochastic) -> ProofRecord:
    verdict, twin = prove_nested(p), prove_nested(p, one_word=False)
    words = words_of_period(p.generators[source.generator])
    half = (1 << source.bits) // 2
    shared, apart = joint_law(words, words, half), joint_law(words, np.roll(words, 1), half)
    claim = (
        f"{source.generator}: of two synapses that share a word the one with the larger fraction rounds up whenever "
        "the other does, away from the limits: P(both) is the smaller of the two, not their product"
    )
    detail = (
        f"covariance at one half {float(shared.covariance):.4f} shared, {float(apart.covariance):.4f} one cycle apart"
    )
    seconds = verdict.seconds + twin.seconds
    says = {"source": source, "lfsr": p.generators[source.generator]}
    return ProofRecord(5, claim, p.name, verdict.status, twin.status, "not asked", seconds, detail, "shared word", says)


def simulated_probability(lfsr: Lfsr, source: Stochastic, value: int, shift: int) -> Fraction:
    """Return the frequency of rounding up over the period, by rounding itself: the second way to the same number."""
    words = words_of_period(lfsr)
    got = drop_bits(np.full(len(words), value), shift, Rounding.STOCHASTIC, word=words, source=source)
    return Fraction(int((got - (value >> shift)).sum()), len(words))
