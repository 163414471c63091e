"""Proofs about bfloat16 updates: range, error bound, sign and dead zone.

Two languages. What is about bits (range, sign, dead zone) is stated in z3's floating-point theory, operation by
operation as the simulator does it. What is about size goes through one lemma: rounding to 8 significant bits, to
nearest, is off by at most 2**-8 of the exact value (2**-134 below the normal numbers). The lemma is proved over
integers, for any number of dropped bits, and error bounds over Real follow from it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import z3

from gradcert.hardware_models.arithmetic import BFLOAT16
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.float_terms import NEAREST, literal, sort
from gradcert.hardware_models.solver import ProofRecord, Verdict, prove

UNIT = Fraction(1, 2**BFLOAT16.significand)  # half an ulp, relative
TINY = Fraction(1, 2**134)  # half the smallest subnormal
SPIKE = 1


def _rational(x: Fraction) -> Any:
    return z3.Q(x.numerator, x.denominator)


def prove_rounding(*, bits: int = BFLOAT16.significand, claimed: int | None = None, second: bool = False) -> Verdict:
    """Prove |round(N) - N| <= 2**-claimed N for every integer N, rounded to nearest at `bits` significant bits.

    N = q P + r with P the weight of the last kept bit (any power of two: only 2**(bits-1) P <= N matters); the result
    is q P or (q + 1) P, whichever is nearer. q P has a name, so that all is linear.
    """
    kept, rest, last, number = z3.Ints("kept rest last number")
    up = z3.Bool("up")
    assume = [last >= 1, rest >= 0, rest < last, number == kept + rest, number >= (1 << (bits - 1)) * last]
    assume += [z3.Implies(up, 2 * rest >= last), z3.Implies(z3.Not(up), 2 * rest <= last)]
    off = z3.If(up, last - rest, -rest)
    scale = 1 << (claimed if claimed is not None else bits)
    return prove(z3.And(off * scale <= number, -off * scale <= number), assume, second=second)


def trace_step(e: Any, leak: Fraction, spike: Any) -> Any:
    """Return the trace register's next value in the floating-point theory."""
    return z3.fpAdd(NEAREST, z3.fpMul(NEAREST, literal(BFLOAT16.round(leak)), e), z3.If(spike, literal(1), literal(0)))


def highest_trace(leak: Fraction) -> Fraction:
    """Return the trace that a spike in every step ends at, by running it.

    Examples
    --------
    >>> highest_trace(Fraction(1, 2))
    Fraction(2, 1)
    """
    value, before = Fraction(0), Fraction(-1)
    while value != before:
        before, value = value, BFLOAT16.round(BFLOAT16.round(BFLOAT16.round(leak) * value) + SPIKE)
    return value


def below(value: Fraction) -> Fraction:
    """Return the next bfloat16 number below a positive one."""
    stored = np.array(float(value), np.float32).view(np.uint32) - np.uint32(1 << 16)
    return Fraction(float(stored.view(np.float32)))


def prove_range(leak: Fraction, high: Fraction, *, second: bool = False) -> Verdict:
    """Prove that a trace in [0, high] stays there, for every spike train."""
    e, spike = z3.FP("e", sort()), z3.Bool("spike")
    after = trace_step(e, leak, spike)
    inside = [z3.fpGEQ(e, literal(0)), z3.fpLEQ(e, literal(high))]
    return prove(z3.And(z3.fpGEQ(after, literal(0)), z3.fpLEQ(after, literal(high))), inside, second=second)


def trace_error(leak: Fraction, high: Fraction) -> Fraction:
    """Return the all-time bound on |trace - real trace|: the errors of a product and a sum per step / (1 - leak)."""
    factor = BFLOAT16.round(leak)
    product = factor * high
    one = UNIT * product + TINY
    return (one + UNIT * (product + one + SPIKE) + TINY + abs(factor - leak) * high) / (1 - max(factor, leak))


def prove_trace(leak: Fraction, high: Fraction, bound: Fraction, *, second: bool = False) -> Verdict:
    """Prove |trace - real trace| <= bound for all time, from the rounding lemma, the same spikes in both."""
    e, real, product, total, spike = z3.Reals("e real product total spike")
    a, true, u, tiny, d = (_rational(x) for x in (BFLOAT16.round(leak), leak, UNIT, TINY, bound))
    assume = [e >= 0, e <= _rational(high), z3.Or(spike == 0, spike == SPIKE), e - real <= d, real - e <= d]
    for rounded, exact in ((product, a * e), (total, product + spike)):
        gap = rounded - exact
        assume += [gap <= u * exact + tiny, -gap <= u * exact + tiny]
    after = total - (true * real + spike)
    return prove(z3.And(after <= d, -after <= d), assume, second=second)


def weight_error(p: Profile, high: Fraction, trace: Fraction) -> Fraction:
    """Return the bound on what one update adds to |weight - real weight|: |credit| <= 1, |weight| <= 2."""
    product = (high * UNIT + TINY + trace) / 2**p.rate + TINY  # same credit in both; its own error is not counted
    return product + UNIT * (2 + (high + trace + 1) / 2**p.rate) + TINY


def prove_weight(p: Profile, high: Fraction, trace: Fraction, bound: Fraction) -> Verdict:
    """Prove |weight - real weight| <= bound x t for all t while |weight| <= 2 (no saturation in floating point)."""
    w, real, credit_trace, exact, product, step, after = z3.Reals("w real credit.trace exact product step after")
    t = z3.Int("t")
    u, tiny, h, c, rate = (_rational(x) for x in (UNIT, TINY, high, bound, Fraction(1, 2**p.rate)))
    allowed = z3.ToReal(t) * c

    def near(x: Any, y: Any, size: Any) -> list[Any]:
        return [x - y <= size, y - x <= size]

    assume = [t >= 0, w <= 2, w >= -2, *near(w, real, allowed)]
    assume += [credit_trace <= h, credit_trace >= -h, *near(credit_trace, exact, _rational(trace))]
    assume += [*near(product, credit_trace, u * h + tiny), *near(step, product * rate, tiny)]
    size = z3.If(w - step < 0, step - w, w - step)
    assume += near(after, w - step, u * size + tiny)
    gap = after - (real - exact * rate)
    return prove(z3.And(gap <= allowed + c, -gap <= allowed + c), assume)


def prove_sign(*, strict: bool = False, second: bool = False) -> Verdict:
    """Prove that a positive (negative) product never raises (lowers) the weight; `strict`: that it always moves it."""
    w, credit, e = (z3.FP(n, sort()) for n in ("w", "credit", "e"))
    step = z3.fpMul(NEAREST, z3.fpMul(NEAREST, credit, e), literal(Fraction(1, 64)))
    after = z3.fpSub(NEAREST, w, step)
    finite = [z3.Not(z3.fpIsNaN(x)) for x in (w, credit, e)] + [z3.Not(z3.fpIsInf(x)) for x in (w, credit, e, step)]
    zero = literal(0)
    same = z3.And(z3.fpGT(credit, zero), z3.fpGT(e, zero))
    other = z3.And(z3.fpLT(credit, zero), z3.fpGT(e, zero))
    down = z3.fpLT(after, w) if strict else z3.fpLEQ(after, w)
    return prove(z3.And(z3.Implies(same, down), z3.Implies(other, z3.fpGEQ(after, w))), finite, second=second)


def prove_decays(leak: Fraction, level: Fraction, *, second: bool = False) -> Verdict:
    """Prove that every trace above a level becomes smaller in a step without a spike."""
    e = z3.FP("e", sort())
    assume = [z3.fpGT(e, literal(level)), z3.Not(z3.fpIsInf(e))]
    return prove(z3.fpLT(trace_step(e, leak, z3.BoolVal(False)), e), assume, second=second)


def persistent_trace(leak: Fraction) -> Fraction:
    """Return the largest trace that never decays, by trying every positive number of the format.

    Examples
    --------
    >>> persistent_trace(Fraction(15, 16)) == 8 * Fraction(1, 2**133)
    True
    """
    words = np.arange(1, 0x7F80, dtype=np.uint32)
    every = (words << 16).view(np.float32).astype(float)
    from gradcert.hardware_models.arithmetic import round_floats

    kept = every[round_floats(float(BFLOAT16.round(leak)) * every) >= every]
    return Fraction(float(kept.max())) if kept.size else Fraction(0)


def prove_silent(exponent: int, *, second: bool = False) -> Verdict:
    """Prove that a step below 2**exponent of a normal weight leaves the weight as it is."""
    w, step = z3.FP("w", sort()), z3.FP("step", sort())
    size = z3.fpMul(NEAREST, z3.fpAbs(w), literal(Fraction(2) ** exponent))
    normal = z3.And(z3.fpGEQ(z3.fpAbs(w), literal(Fraction(1, 2**60))), z3.fpLEQ(z3.fpAbs(w), literal(2**60)))
    assume = [normal, z3.fpLT(z3.fpAbs(step), size)]
    return prove(z3.fpEQ(z3.fpSub(NEAREST, w, step), w), assume, second=second)


def check(p: Profile) -> list[ProofRecord]:
    """Prove proofs 1 to 4 for a bfloat16 profile's trace and weight."""
    high = highest_trace(p.leak)
    bound = trace_error(p.leak, high)
    step = weight_error(p, high, bound)
    level = persistent_trace(p.leak)
    smaller = below(level) if level else level
    share = BFLOAT16.significand + 1

    def record(number: int, claim: str, right: Verdict, twin: Verdict, detail: str = "") -> ProofRecord:
        seconds = right.seconds + twin.seconds
        return ProofRecord(number, claim, p.name, right.status, twin.status, right.second, seconds, detail)

    return [
        record(1, f"trace stays in [0, {float(high):g}], all time, all spikes (floating-point theory)",
               prove_range(p.leak, high), prove_range(p.leak, below(high)),
               f"the largest number is {float(BFLOAT16.largest):.3g}"),
        record(2, f"rounding is off by at most 2**-{BFLOAT16.significand} of the value, any number of dropped bits",
               prove_rounding(second=True), prove_rounding(claimed=BFLOAT16.significand + 1)),
        record(2, f"trace within {float(bound):.6g} of the real-valued one, all time",
               prove_trace(p.leak, high, bound, second=True), prove_trace(p.leak, high, bound * 7 / 8),
               f"{float(bound / high):.2%} of the largest trace"),
        record(2, f"weight within {float(step):.6g} x t of the real-valued one, |weight| <= 2, |credit| <= 1, all t",
               prove_weight(p, high, bound, step), prove_weight(p, high, bound, step / 2)),
        record(3, "no update ever opposes the sign of its product, for all finite operands",
               prove_sign(), prove_sign(strict=True), "the twin claims that every update acts"),
        record(4, f"every trace above {float(level):.3g} decays",
               prove_decays(p.leak, level), prove_decays(p.leak, smaller),
               f"{level / (2 * TINY)} times the smallest number: no dead zone but among subnormals"),
        record(4, f"no step below 2**-{share} of a weight ever acts on it",
               prove_silent(-share), prove_silent(-share + 1), f"a weight of 1 needs steps of {2.0**-share:.3g}"),
    ]  # fmt: skip
