"""Proof 2 where an update is not simply added to the weight: a probability, a window's sum, device pulses.

Each ends in a bound on the weight that counts updates: what a random +-1 does to it is stated for its mean over words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import z3

from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.description.terms import int_step
from gradcert.hardware_models.proofs.error_bound import Bound, UpdateBound, prove_weight, rounding_error
from gradcert.hardware_models.proofs.sign import operands as known_operands
from gradcert.hardware_models.solver import ProofRecord, Verdict, prove
from gradcert.hardware_models.units import profile_weight

WINDOW = 100  # steps of the window that the weight's bound is stated for


def _rational(x: Fraction) -> Any:
    return z3.Q(x.numerator, x.denominator)


@dataclass(frozen=True)
class Operands:
    """Errors of credit and trace (proof 2), the largest trace (proof 1), and the credit that the claim is about."""

    credit: Fraction
    trace: Fraction
    largest_credit: Fraction
    largest_trace: Fraction

    @property
    def gap(self) -> Fraction:
        """Bound on |credit x trace - real product|, by the product lemma (composition)."""
        return self.largest_credit * self.trace + (self.largest_trace + self.trace) * self.credit


def operands(p: Profile, trace: Bound, *, exact: bool = False) -> Operands:
    """Return what is known of the operands for |credit| <= 1; with `exact`, without errors of their own."""
    reach = known_operands(p).trace_high * profile_weight(p).node("trace").format.ulp
    credit = profile_weight(p).node("credit").format.ulp
    return Operands(Fraction(0) if exact else credit, Fraction(0) if exact else trace.size, Fraction(1), reach)


def prove_node(unit: Program, p: Profile, node: str, known: Operands, bound: Fraction, *, second: bool) -> Verdict:
    """Prove |node - its real-valued counterpart| <= bound, nothing on the way overflowing.

    The product of the operands has a name, tied to the real product by the product lemma: the rest is linear.
    """
    step = int_step(unit)
    raw, named = step.values["credit"] * step.values["trace"], z3.Int("credit.trace")
    units = unit.node("credit").format.ulp * unit.node("trace").format.ulp
    real = z3.Real("real.product")
    gap = z3.ToReal(named) * _rational(units) - real
    largest = known.largest_credit * known.largest_trace / units
    assume = [gap <= _rational(known.gap), -gap <= _rational(known.gap)]
    assume += [z3.ToReal(named) <= _rational(largest), z3.ToReal(named) >= _rational(-largest)]
    on_the_way = ("product", "w.abs", node)
    assume += [z3.Not(z3.substitute(c, (raw, named))) for n, c in step.overflow.items() if n in on_the_way]
    fixed = z3.ToReal(z3.substitute(step.values[node], (raw, named))) * _rational(unit.node(node).format.ulp)
    scale = Fraction(1) if node == "product" else Fraction(1, 2**p.rate)
    wanted = (z3.If(real < 0, -real, real) if node == "w.magnitude" else real) * _rational(scale)
    off = fixed - wanted
    return prove(z3.And(off <= _rational(bound), -off <= _rational(bound)), assume, second=second)


def node_bound(unit: Program, p: Profile, node: str, known: Operands) -> Fraction:
    """Return the operands' gap carried to a node, with the roundings on the way."""
    total = known.gap + own_rounding(unit, "product")
    return total if node == "product" else total / 2**p.rate + own_rounding(unit, node)


def own_rounding(unit: Program, name: str) -> Fraction:
    """Return what a node's rounding adds: nothing where it drops no bits."""
    node = unit.node(name)
    radixes = [unit.node(a).format.radix for a in node.args]
    dropped = (sum(radixes) if node.kind == "mul" else max(radixes)) - node.shift > node.format.radix
    return rounding_error(node.numeric).size if dropped else Fraction(0)


def check(p: Profile, trace: Bound) -> list[ProofRecord]:
    """Prove update and weight of a profile that updates by probability, window or pulses."""
    return {"probability": _probability, "window": _window, "pulses": _pulses}[p.update](p, trace)


def _update(p: Profile, unit: Program, node: str, known: Operands, claim: str) -> tuple[Fraction, ProofRecord]:
    bound = node_bound(unit, p, node, known)
    verdict = prove_node(unit, p, node, known, bound, second=True)
    # the twin's product is off by an eighth more than it says
    worse = replace(known, trace=known.trace * 9 / 8 + unit.node("trace").format.ulp)
    twin = prove_node(unit, p, node, worse, bound, second=False)
    seconds = verdict.seconds + twin.seconds
    text = claim.format(bound=f"{float(bound):.6g}")
    return bound, ProofRecord(2, text, p.name, verdict.status, twin.status, verdict.second, seconds)


def _probability(p: Profile, trace: Bound) -> list[ProofRecord]:
    unit = profile_weight(p)
    exact = operands(p, trace, exact=True)
    bound, record = _update(
        p, unit, "w.magnitude", exact,
        "probability of a step within {bound} of |credit x trace| x rate, below one, |credit| <= 1",
    )  # fmt: skip
    # a word that is never zero: P(hit) = m / (2**bits - 1), so the mean is off by at most 1 / (2**bits - 1) more
    mean = (bound + Fraction(1, 2 ** unit.node("w.magnitude").format.width - 1)) * unit.node("w").format.ulp
    fmt = unit.node("w").format
    limits = fmt.value(fmt.low), fmt.value(fmt.high)
    verdict, twin = (prove_weight(_per_step(mean), *limits, growth=mean / k) for k in (1, 2))
    claim = f"mean weight over the words within {float(mean):.6g} x t of the real-valued one's, same credit and trace"
    whole = node_bound(unit, p, "w.magnitude", operands(p, trace))
    detail = f"with the trace's all-time error: {float(whole):.3g} a step; a run differs from its mean by a random walk"
    seconds = verdict.seconds + twin.seconds
    weight = ProofRecord(2, claim, p.name, verdict.status, twin.status, "not asked", seconds, detail)
    return [record, weight]


def _per_step(error: Fraction) -> UpdateBound:
    return UpdateBound(Fraction(0), Fraction(0), error)


def prove_sum(error: Fraction, *, growth: Fraction) -> Verdict:
    """Prove |sum - real sum| <= growth x n for all n, where each term is off by at most `error`."""
    total, real, x, y = z3.Reals("total real x y")
    n = z3.Int("n")
    allowed, c, g = z3.ToReal(n) * _rational(growth), _rational(error), _rational(growth)
    gap, step = total - real, x - y
    assume = [n >= 0, gap <= allowed, -gap <= allowed, step <= c, -step <= c]
    after = gap + step
    return prove(z3.And(after <= allowed + g, -after <= allowed + g), assume)


def _window(p: Profile, trace: Bound) -> list[ProofRecord]:
    unit = profile_weight(p)
    bound, record = _update(
        p, unit, "product", operands(p, trace), "product within {bound} of the real-valued one, |credit| <= 1"
    )
    verdict, twin = (prove_sum(bound, growth=bound / k) for k in (1, 2))
    claim = f"a window's sum within {float(bound):.6g} x n of the real-valued one after n steps, all n, unwrapped"
    seconds = verdict.seconds + twin.seconds
    sums = ProofRecord(2, claim, p.name, verdict.status, twin.status, "not asked", seconds)
    step = bound * WINDOW / 2**p.rate + rounding_error(unit.node("w.step").numeric).size
    fmt = unit.node("w").format
    limits = fmt.value(fmt.low), fmt.value(fmt.high)
    verdict, twin = (prove_weight(_per_step(step), *limits, growth=step / k) for k in (1, 2))
    claim = f"weight within {float(step):.6g} x k of the real-valued one after k windows of {WINDOW} steps, saturating"
    seconds = verdict.seconds + twin.seconds
    return [record, sums, ProofRecord(2, claim, p.name, verdict.status, twin.status, "not asked", seconds)]


def _pulses(p: Profile, trace: Bound) -> list[ProofRecord]:
    unit = profile_weight(p)
    bound, record = _update(
        p, unit, "w.step", operands(p, trace), "update within {bound} of the real-valued one, |credit| <= 1"
    )
    pulse = unit.node("w.pulses").format.ulp
    verdict, twin = (prove_pulses(bound, pulse, allowance=a) for a in (pulse, pulse / 2))
    claim = f"pulses asked for within {float(bound):.6g} x t + {float(pulse):g} of the real-valued change, all t"
    seconds = verdict.seconds + twin.seconds
    return [record, ProofRecord(2, claim, p.name, verdict.status, twin.status, "not asked", seconds,
                                "what a pulse does to a device is not arithmetic: chips/pcm_device.py")]  # fmt: skip


def prove_pulses(error: Fraction, pulse: Fraction, *, allowance: Fraction) -> Verdict:
    """Prove |pulses - real change| <= error x t + allowance, from conservation and the remainder's range (proof 6)."""
    asked, remainder, real, step, real_step = z3.Reals("asked remainder real step real.step")
    t = z3.Int("t")
    c, unit = _rational(error), _rational(pulse)
    allowed = z3.ToReal(t) * c
    gap = asked + remainder - real  # conservation: asked + remainder is the exact sum of the fixed-point updates
    assume = [t >= 0, gap <= allowed, -gap <= allowed, remainder >= 0, remainder < unit]
    assume += [step - real_step <= c, real_step - step <= c]
    kept = gap + step - real_step
    inductive = z3.And(kept <= allowed + c, -kept <= allowed + c)
    within = z3.And(asked - real <= allowed + _rational(allowance), real - asked <= allowed + _rational(allowance))
    return prove(z3.And(inductive, within), assume)
