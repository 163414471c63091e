"""Proofs about bfloat16 updates: range, error bound, sign and dead zone.

Two languages. What is about bits (range, sign, dead zone) is stated in z3's floating-point theory, on the terms of the
declared units. What is about size goes through one lemma: rounding to 8 significant bits, to
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
from gradcert.hardware_models.description.float_terms import NEAREST, float_step, literal, sort
from gradcert.hardware_models.description.oracle import Oracle
from gradcert.hardware_models.description.terms import Terms
from gradcert.hardware_models.proofs.printed import rational, shown, upward
from gradcert.hardware_models.solver import ProofRecord, Verdict, prove
from gradcert.hardware_models.units import profile_trace, profile_weight

UNIT = Fraction(1, 2**BFLOAT16.significand)  # half an ulp, relative
TINY = Fraction(1, 2**134)  # half the smallest subnormal
SPIKE = 1


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


def trace_step(p: Profile, *, spike: bool | None = None) -> tuple[Any, Any, list[Any]]:
    """Return (register, its next value, assumptions): the declared trace unit in the floating-point theory."""
    step = float_step(profile_trace(p))
    after, assume = step.next()["e"], list(step.assume)
    if spike is not None:
        assume.append(step.values["spike"] == int(spike))
    return step.values["e"], after, assume


def weight_step(p: Profile) -> Terms:
    """Return the declared weight unit in the floating-point theory."""
    return float_step(profile_weight(p))


def highest_trace(p: Profile) -> Fraction:
    """Return the trace that a spike in every step ends at, by running the declared unit on exact numbers.

    Examples
    --------
    >>> from gradcert.hardware_models.chips import PROFILES
    >>> highest_trace(PROFILES["bfloat16"])
    Fraction(31, 2)
    """
    run, before, value = Oracle(profile_trace(p)), Fraction(-1), Fraction(0)
    while value != before:
        before, value = value, run.step({"spike": Fraction(SPIKE)})["e.next"]
    return value


def below(value: Fraction) -> Fraction:
    """Return the next bfloat16 number below a positive one."""
    stored = np.array(float(value), np.float32).view(np.uint32) - np.uint32(1 << 16)
    return Fraction(float(stored.view(np.float32)))


def prove_range(p: Profile, high: Fraction, *, second: bool = False) -> Verdict:
    """Prove that a trace in [0, high] stays there, for every spike train."""
    e, after, assume = trace_step(p)
    inside = [*assume, z3.fpGEQ(e, literal(0)), z3.fpLEQ(e, literal(high))]
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
    a, true, u, tiny, d = (rational(x) for x in (BFLOAT16.round(leak), leak, UNIT, TINY, bound))
    assume = [e >= 0, e <= rational(high), z3.Or(spike == 0, spike == SPIKE), e - real <= d, real - e <= d]
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
    u, tiny, h, c, rate = (rational(x) for x in (UNIT, TINY, high, bound, Fraction(1, 2**p.rate)))
    allowed = z3.ToReal(t) * c

    def near(x: Any, y: Any, size: Any) -> list[Any]:
        return [x - y <= size, y - x <= size]

    assume = [t >= 0, w <= 2, w >= -2, *near(w, real, allowed)]
    assume += [credit_trace <= h, credit_trace >= -h, *near(credit_trace, exact, rational(trace))]
    assume += [*near(product, credit_trace, u * h + tiny), *near(step, product * rate, tiny)]
    size = z3.If(w - step < 0, step - w, w - step)
    assume += near(after, w - step, u * size + tiny)
    gap = after - (real - exact * rate)
    return prove(z3.And(gap <= allowed + c, -gap <= allowed + c), assume)


def prove_sign(p: Profile, *, strict: bool = False, second: bool = False) -> Verdict:
    """Prove of the declared unit: a positive (negative) credit on a positive trace never raises (lowers) the weight.

    `strict`: that it always moves it.
    """
    step = weight_step(p)
    w, credit, e, change = (step.values[n] for n in ("w", "credit", "trace", "w.step"))
    after = step.next()["w"]
    finite = [z3.Not(z3.fpIsNaN(x)) for x in (w, credit, e)] + [z3.Not(z3.fpIsInf(x)) for x in (w, credit, e, change)]
    zero = literal(0)
    same = z3.And(z3.fpGT(credit, zero), z3.fpGT(e, zero))
    other = z3.And(z3.fpLT(credit, zero), z3.fpGT(e, zero))
    down = z3.fpLT(after, w) if strict else z3.fpLEQ(after, w)
    return prove(z3.And(z3.Implies(same, down), z3.Implies(other, z3.fpGEQ(after, w))), finite, second=second)


def prove_decays(p: Profile, level: Fraction, *, second: bool = False) -> Verdict:
    """Prove that every finite trace above a level becomes smaller in a step without a spike."""
    e, after, assume = trace_step(p, spike=False)
    above = [*assume, z3.fpGT(e, literal(level)), z3.Not(z3.fpIsInf(e))]
    return prove(z3.fpLT(after, e), above, second=second)


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


def prove_silent(p: Profile, exponent: int, *, second: bool = False) -> Verdict:
    """Prove of the declared unit: a step below 2**exponent of a weight of 2**-60 to 2**60 leaves it as it is."""
    terms, step = weight_step(p), z3.FP("any.step", sort())
    w, after = terms.values["w"], z3.substitute(terms.next()["w"], (terms.values["w.step"], step))
    size = z3.fpMul(NEAREST, z3.fpAbs(w), literal(Fraction(2) ** exponent))
    normal = z3.And(z3.fpGEQ(z3.fpAbs(w), literal(Fraction(1, 2**60))), z3.fpLEQ(z3.fpAbs(w), literal(2**60)))
    return prove(z3.fpEQ(after, w), [normal, z3.fpLT(z3.fpAbs(step), size)], second=second)


def check(p: Profile) -> list[ProofRecord]:
    """Prove proofs 1 to 4 for a bfloat16 profile's trace and weight."""
    high = highest_trace(p)
    bound = upward(trace_error(p.leak, high))
    step = upward(weight_error(p, high, bound))
    level = persistent_trace(p.leak)
    smaller = below(level) if level else level
    share = BFLOAT16.significand + 1

    def record(number: int, kind: str, claim: str, right: Verdict, twin: Verdict, detail: str = "",
               **says: Any) -> ProofRecord:  # fmt: skip
        seconds = right.seconds + twin.seconds
        return ProofRecord(number, claim, p.name, right.status, twin.status, right.second, seconds, detail, kind, says)

    return [
        record(1, "float range", f"trace stays in [0, {float(high):g}], all time, all spikes, from 0",
               prove_range(p, high), prove_range(p, below(high)),
               f"floating-point theory; the largest number is {float(BFLOAT16.largest):.3g}", high=high),
        record(2, "float rounding", f"rounding is off by at most 2**-{BFLOAT16.significand} of the exact value, from "
               "the smallest normal number to the largest number, any number of dropped bits",
               prove_rounding(second=True), prove_rounding(claimed=BFLOAT16.significand + 1)),
        record(2, "float trace", f"trace within {shown(bound)} of the real-valued one of the same spikes, all time",
               prove_trace(p.leak, high, bound, second=True), prove_trace(p.leak, high, bound * 7 / 8),
               f"{float(bound / high):.2%} of the largest trace", bound=bound),
        record(2, "float weight", f"weight within {shown(step)} x t of the real-valued one after t updates while "
               f"|weight| <= 2, same |credit| <= 1 in both, trace <= {float(high):g} and within {shown(bound)} of the "
               "real-valued one",
               prove_weight(p, high, bound, step), prove_weight(p, high, bound, step / 2),
               bound=step, trace=bound, high=high),
        record(3, "float sign", "no update ever opposes the sign of credit x trace, all finite operands, trace "
               "positive, step finite",
               prove_sign(p), prove_sign(p, strict=True), "the twin claims that every update acts"),
        record(4, "float decays", f"every finite trace above {level / (2 * TINY)} x 2**-133 decays in a step without a "
               "spike",
               prove_decays(p, level), prove_decays(p, smaller), "no dead zone but among subnormals", level=level),
        record(4, "float silent", f"no step below 2**-{share} of a weight acts on it, weights of 2**-60 to 2**60",
               prove_silent(p, -share), prove_silent(p, -share + 1),
               f"a weight of 1 needs steps of {2.0**-share:.3g}", exponent=-share),
    ]  # fmt: skip
