"""Proof 2 where an update is not simply added to the weight: a probability, a window's sum, device pulses.

What a random +-1 does to a weight is stated for its mean, and only while no run of it comes to a limit: the mean of
clamped weights is not the clamped mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import z3

from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.description.terms import int_step
from gradcert.hardware_models.proofs.error_bound import clamp, own_rounding, reach_of, rounding_error, trace_bound
from gradcert.hardware_models.proofs.printed import rational, shown, upward
from gradcert.hardware_models.proofs.words import law_gap
from gradcert.hardware_models.solver import ProofRecord, Verdict, prove, worst
from gradcert.hardware_models.units import profile_trace, profile_weight

WINDOW = 100  # steps of the window that the weight's bound is stated for


@dataclass(frozen=True)
class Operands:
    """Hypotheses on the operands: errors of credit and trace, the largest |credit|, the largest trace; in value."""

    credit: Fraction
    trace: Fraction
    largest_credit: Fraction
    largest_trace: Fraction

    @property
    def gap(self) -> Fraction:
        """Bound on |credit x trace - real product|, by the product lemma (composition)."""
        return self.largest_credit * self.trace + (self.largest_trace + self.trace) * self.credit

    @property
    def words(self) -> str:
        """The hypotheses as words."""
        return (
            f"|credit| <= {shown(self.largest_credit)}, trace <= {shown(self.largest_trace)}, credit within "
            f"{shown(self.credit)} and trace within {shown(self.trace)} of the real-valued ones"
        )


def operands(p: Profile) -> Operands:
    """Return what is known of the operands for |credit| <= 1: the declared trace's reach and error."""
    unit, weight = profile_trace(p), profile_weight(p)
    reach = reach_of(unit) or unit.node("e").bounds
    top = upward(reach[1] * unit.node("e").format.ulp)
    return Operands(upward(weight.node("credit").format.ulp), trace_bound(unit).size, Fraction(1), top)


def prove_node(unit: Program, p: Profile, node: str, known: Operands, bound: Fraction, *, second: bool) -> Verdict:
    """Prove |node - its real-valued counterpart| <= bound, and that nothing on the way overflows.

    The product of the operands has a name, tied to the real product by the product lemma: the rest is linear.
    """
    step = int_step(unit)
    pair = (step.values["credit"] * step.values["trace"], z3.Int("credit.trace"))
    units = unit.node("credit").format.ulp * unit.node("trace").format.ulp
    real = z3.Real("real.product")
    gap = z3.ToReal(pair[1]) * rational(units) - real
    largest = known.largest_credit * known.largest_trace / units
    assume = [gap <= rational(known.gap), -gap <= rational(known.gap)]
    assume += [z3.ToReal(pair[1]) <= rational(largest), z3.ToReal(pair[1]) >= rational(-largest)]
    fits = [z3.Not(z3.substitute(c, pair)) for n, c in step.overflow.items() if n in ("product", node)]
    fixed = z3.ToReal(z3.substitute(step.values[node], pair)) * rational(unit.node(node).format.ulp)
    off = fixed - real * rational(Fraction(1) if node == "product" else Fraction(1, 2**p.rate))
    return prove(z3.And(off <= rational(bound), -off <= rational(bound), *fits), assume, second=second)


def node_bound(unit: Program, p: Profile, node: str, known: Operands) -> Fraction:
    """Return the operands' gap carried to a node, with the roundings on the way, as printed."""
    total = known.gap + own_rounding(unit, "product")
    return upward(total if node == "product" else total / 2**p.rate + own_rounding(unit, node))


def check(p: Profile) -> list[ProofRecord]:
    """Prove update and weight of a profile that updates by probability, window or pulses."""
    return {"probability": _probability, "window": _window, "pulses": _pulses}[p.update](p)


def _update(p: Profile, unit: Program, node: str, known: Operands, what: str) -> tuple[Fraction, ProofRecord]:
    bound = node_bound(unit, p, node, known)
    verdict = prove_node(unit, p, node, known, bound, second=True)
    # the twin's product is off by an eighth more than it says
    worse = replace(known, trace=known.trace * 9 / 8 + unit.node("trace").format.ulp)
    twin = prove_node(unit, p, node, worse, bound, second=False)
    claim = f"{what} {unit.node(node).format} within {shown(bound)} of the real-valued one, {known.words}"
    says = {"node": node, "bound": bound, "known": known}
    seconds = verdict.seconds + twin.seconds
    return bound, ProofRecord(
        2, claim, p.name, verdict.status, twin.status, verdict.second, seconds, kind="operand bound", says=says
    )


# --- a probability ---------------------------------------------------------------------------------------------------


def prove_probability(unit: Program, p: Profile, *, limit: bool = True, second: bool = False) -> Verdict:
    """Prove: for |credit x trace| x rate below one, w moves against the product's sign by one ulp where word <= m.

    m is the stored magnitude, which is |credit x trace| x rate x 2**bits exactly; w is not at a limit (the twin's may
    be).
    """
    step = int_step(unit)
    pair = (step.values["credit"] * step.values["trace"], z3.Int("credit.trace"))
    magnitude, moved = (z3.substitute(step.values[n], pair) for n in ("w.magnitude", unit.next["w"]))
    fmt, scale = unit.node("w").format, unit.node("w.magnitude").format.radix
    bits = unit.node("credit").format.radix + unit.node("trace").format.radix + p.rate
    size = z3.If(pair[1] < 0, -pair[1], pair[1])
    assume = [size < 1 << bits, step.values["w"] >= fmt.low, step.values["w"] <= fmt.high]
    assume += [step.values["w"] > fmt.low, step.values["w"] < fmt.high] if limit else []
    word = step.values["w.word"]
    sign = z3.If(pair[1] > 0, 1, z3.If(pair[1] < 0, -1, 0))
    exact = magnitude * (1 << max(bits - scale, 0)) == size * (1 << max(scale - bits, 0))
    claim = z3.And(exact, moved == step.values["w"] - sign * z3.If(word <= magnitude, 1, 0))
    return prove(claim, [*assume, *[a for a in step.assume if _about(a, "w.word")]], second=second)


def _about(term: Any, name: str) -> bool:
    return (z3.is_const(term) and str(term) == name) or any(_about(child, name) for child in term.children())


def prove_mean(error: Fraction, *, growth: Fraction) -> Verdict:
    """Prove |mean w - real w| <= growth x t for all t, where each mean step is off by at most `error`."""
    mean, real, step, wanted = z3.Reals("mean real step wanted")
    t = z3.Int("t")
    c, g = rational(error), rational(growth)
    allowed = z3.ToReal(t) * g
    assume = [t >= 0, mean - real <= allowed, real - mean <= allowed, step - wanted <= c, wanted - step <= c]
    gap = (mean - step) - (real - wanted)
    return prove(z3.And(gap <= allowed + g, -gap <= allowed + g), assume)


def _probability(p: Profile) -> list[ProofRecord]:
    unit = profile_weight(p)
    verdict, twin = (prove_probability(unit, p, limit=x, second=x) for x in (True, False))
    w, magnitude = unit.node("w").format, unit.node("w.magnitude").format
    claim = (
        f"weight {w} moves against the sign of credit x trace by one ulp where word <= |credit x trace| x 2**-{p.rate} "
        f"x 2**{magnitude.radix}, that magnitude being exact and below one, and the weight not at a limit"
    )
    seconds = verdict.seconds + twin.seconds
    move = ProofRecord(
        2, claim, p.name, verdict.status, twin.status, verdict.second, seconds, kind="random step", says={}
    )
    source = unit.node("w.word").numeric.source
    assert source is not None
    law = law_gap(p.generators[source.generator], source)
    error = upward(law.gap * w.ulp)
    mean, twin = (prove_mean(error, growth=error / k) for k in (1, 2))
    status = worst(verdict.status, law.status, mean.status)
    claim = (
        f"mean weight over all seeds of {source.generator} within {shown(error)} x t of the real-valued one that moves "
        f"by credit x trace x 2**-{p.rate} x {float(w.ulp):g}, same given credits and traces, that product below one, "
        "for a weight that starts more than t ulp inside its limits"
    )
    seconds = mean.seconds + twin.seconds
    detail = "one run differs from its mean by a random walk; at a limit the mean is not that of the clamped rule"
    says = {"error": error, "source": source}
    return [move, ProofRecord(2, claim, p.name, status, twin.status, "not asked", seconds, detail, "mean weight", says)]


# --- a window ---------------------------------------------------------------------------------------------------------


def prove_sum(error: Fraction, *, growth: Fraction) -> Verdict:
    """Prove |sum - real sum| <= growth x n for all n, where each term is off by at most `error`."""
    total, real, x, y = z3.Reals("total real x y")
    n = z3.Int("n")
    allowed, c, g = z3.ToReal(n) * rational(growth), rational(error), rational(growth)
    gap, step = total - real, x - y
    assume = [n >= 0, gap <= allowed, -gap <= allowed, step <= c, -step <= c]
    after = gap + step
    return prove(z3.And(after <= allowed + g, -after <= allowed + g), assume)


def prove_window_weight(
    unit: Program, p: Profile, error: Fraction, growth: Fraction, *, wraps: bool = False
) -> Verdict:
    """Prove |w - real w| <= growth x k after k windows whose sums are off by `error` each.

    The unit's own narrowing, rounding and limits, applied to any sum that it does not wrap; the twin's may wrap.
    """
    step = int_step(unit)
    total = z3.Int("any.sum")
    moved, wrapped = (
        z3.substitute(x, (step.values["w.sum.added"], total)) for x in (step.values["w.moved"], step.overflow["w.step"])
    )
    fmt = unit.node("w").format
    low, high = rational(fmt.value(fmt.low)), rational(fmt.value(fmt.high))
    real, wanted, k = z3.Real("real.w"), z3.Real("real.sum"), z3.Int("k")
    before, after = (z3.ToReal(x) * rational(fmt.ulp) for x in (step.values["w"], moved))
    off = z3.ToReal(total) * rational(unit.node("w.sum.added").format.ulp) - wanted
    allowed, g = z3.ToReal(k) * rational(growth), rational(growth)
    bounds = unit.node("w.sum.added").format
    assume = [k >= 0, off <= rational(error), -off <= rational(error), total >= bounds.low, total <= bounds.high]
    assume += [step.values["w"] >= fmt.low, step.values["w"] <= fmt.high, real >= low, real <= high]
    assume += [before - real <= allowed, real - before <= allowed]
    assume += [] if wraps else [z3.Not(wrapped)]
    gap = after - clamp(real - wanted / (1 << p.rate), low, high)
    return prove(z3.And(gap <= allowed + g, -gap <= allowed + g), assume)


def _window(p: Profile) -> list[ProofRecord]:
    unit, known = profile_weight(p), operands(p)
    bound, record = _update(p, unit, "product", known, "product")
    verdict, twin = (prove_sum(bound, growth=bound / k) for k in (1, 2))
    acc = unit.node("w.sum.added").format
    claim = f"a window's sum within {shown(bound)} x n of the real-valued one after n steps, until it wraps {acc}"
    says = {"bound": bound, "known": known}
    seconds = verdict.seconds + twin.seconds
    sums = ProofRecord(
        2, claim, p.name, verdict.status, twin.status, "not asked", seconds, kind="window sum", says=says
    )
    step = upward(bound * WINDOW / 2**p.rate + rounding_error(unit.node("w.step").numeric).size)
    verdict = prove_window_weight(unit, p, bound * WINDOW, step)
    twin = prove_window_weight(unit, p, bound * WINDOW, step, wraps=True)
    narrow = unit.node("w.step").format
    claim = (
        f"weight {unit.node('w').format} within {shown(step)} x k of the real-valued one after k windows of {WINDOW} "
        f"steps, both stop at the same limits, while no window's sum x 2**-{p.rate} wraps {narrow}"
    )
    seconds = verdict.seconds + twin.seconds
    says = {"bound": step, "known": known, "window": WINDOW, "wraps": False}
    weight = ProofRecord(
        2, claim, p.name, verdict.status, twin.status, "not asked", seconds, kind="window weight", says=says
    )
    return [record, sums, weight]


# --- pulses -----------------------------------------------------------------------------------------------------------


def _pulses(p: Profile) -> list[ProofRecord]:
    unit, known = profile_weight(p), operands(p)
    bound, record = _update(p, unit, "w.step", known, "update")
    pulse = unit.node("w.pulses").format.ulp
    verdict, twin = (prove_pulses(bound, pulse, allowance=a) for a in (pulse, pulse / 2))
    claim = (
        f"pulses asked for within {shown(bound)} x t + {float(pulse):g} of the real-valued change after t steps, all "
        "t, operands as above"
    )
    says = {"bound": bound, "pulse": pulse, "known": known}
    seconds = verdict.seconds + twin.seconds
    detail = "what a pulse does to a device is not arithmetic: chips/pcm_device.py"
    return [
        record,
        ProofRecord(2, claim, p.name, verdict.status, twin.status, "not asked", seconds, detail, "pulses", says),
    ]


def prove_pulses(error: Fraction, pulse: Fraction, *, allowance: Fraction) -> Verdict:
    """Prove |pulses - real change| <= error x t + allowance, from conservation and the remainder's range (proof 6)."""
    asked, remainder, real, step, real_step = z3.Reals("asked remainder real step real.step")
    t = z3.Int("t")
    c, unit = rational(error), rational(pulse)
    allowed = z3.ToReal(t) * c
    gap = asked + remainder - real  # conservation: asked + remainder is the exact sum of the fixed-point updates
    assume = [t >= 0, gap <= allowed, -gap <= allowed, remainder >= 0, remainder < unit]
    assume += [step - real_step <= c, real_step - step <= c]
    kept = gap + step - real_step
    inductive = z3.And(kept <= allowed + c, -kept <= allowed + c)
    within = z3.And(asked - real <= allowed + rational(allowance), real - asked <= allowed + rational(allowance))
    return prove(z3.And(inductive, within), assume)
