"""Proof 2: |fixed - real| is bounded for all time, for trace, update and weight, under each rounding.

The real-valued rule sees the same spikes: through the threshold no invariant bounds the error, one flipped spike
changes
everything. `margin` says, for a run, at which steps and neurons that assumption is certified.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import z3

from gradcert.hardware_models.arithmetic import Format, Rounding
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import Numeric, Program
from gradcert.hardware_models.description.terms import int_step, real_step
from gradcert.hardware_models.proofs.invariant import box, safe
from gradcert.hardware_models.solver import ProofRecord, Verdict, prove
from gradcert.hardware_models.units import profile_trace, profile_weight


@dataclass(frozen=True)
class Bound:
    """fixed - real lies in [low, high], in units of value."""

    low: Fraction
    high: Fraction

    @property
    def size(self) -> Fraction:
        """Largest absolute error."""
        return max(-self.low, self.high)


def rounding_error(numeric: Numeric) -> Bound:
    """Return the error interval of one rounding, in units of value.

    Examples
    --------
    >>> rounding_error(Numeric(Format.parse("s8q2"), Rounding.NEAREST_EVEN)).high
    Fraction(1, 8)
    """
    assert isinstance(numeric.format, Format)
    ulp, mode = numeric.format.ulp, numeric.rounding
    if mode is Rounding.FLOOR or (mode is Rounding.TOWARD_ZERO and not numeric.format.signed):
        return Bound(-ulp, Fraction(0))
    if mode is Rounding.AWAY and not numeric.format.signed:
        return Bound(Fraction(0), ulp)
    if mode in (Rounding.TOWARD_ZERO, Rounding.AWAY, Rounding.STOCHASTIC):
        return Bound(-ulp, ulp)
    return Bound(-ulp / 2, ulp / 2)


def trace_bound(unit: Program) -> Bound:
    """Return the all-time error of a leaky register: (rounding error + leak's own error x range) / (1 - leak)."""
    product = next(n for n in unit.operations if n.kind == "mul" and n.name.endswith("leaked"))
    factor = next(unit.node(a) for a in product.args if unit.node(a).kind == "constant")
    leak = max(factor.format.value(factor.stored[0]), factor.real[0])
    drift = factor.format.value(factor.stored[0]) - factor.real[0]
    state = unit.of_kind("state")[0]
    reach = box(unit)[state.name]
    size = max(abs(reach[0]), abs(reach[1])) * state.format.ulp
    one = rounding_error(product.numeric)
    low = (one.low - max(-drift, Fraction(0)) * size) / (1 - leak)
    high = (one.high + max(drift, Fraction(0)) * size) / (1 - leak)
    return Bound(low, high)


def _rational(x: Fraction) -> Any:
    return z3.Q(x.numerator, x.denominator)


def prove_trace(unit: Program, bound: Bound, *, second: bool = False) -> Verdict:
    """Prove by induction that the register stays within `bound` of the real-valued rule that sees the same inputs."""
    ranges = box(unit)
    step = int_step(unit)
    state = unit.of_kind("state")[0]
    ulp = _rational(state.format.ulp)
    inputs = {n.name: step.values[n.name] for n in step.program.of_kind("input")}
    real_state = z3.Real("real.state")
    real = real_step(unit, state={state.name: real_state}, inputs=inputs)
    low, high = ranges[state.name]
    now = z3.ToReal(step.values[state.name]) * ulp - real_state
    after = z3.ToReal(step.next()[state.name]) * ulp - real[unit.next[state.name]]
    assume = [*step.assume, step.values[state.name] >= low, step.values[state.name] <= high]
    assume += [now >= _rational(bound.low), now <= _rational(bound.high)]
    # with the box of proof 1, no saturation: its conditions are excluded here
    assume += [z3.Not(condition) for condition in step.overflow.values()]
    return prove(z3.And(after >= _rational(bound.low), after <= _rational(bound.high)), assume, second=second)


@dataclass(frozen=True)
class UpdateBound:
    """Error of one update's real-valued step given the operands' errors, and of the weight per step, in value."""

    credit: Fraction
    trace: Fraction
    step: Fraction


def update_bound(unit: Program, p: Profile, trace: Fraction) -> UpdateBound:
    """Return |step - real step| <= credit error x trace range + credit range x trace error + both + roundings."""
    credit, traced = unit.node("credit").format, unit.node("trace").format
    credit_error = credit.ulp
    largest = [max(-f.low, f.high) * f.ulp for f in (credit, traced)]
    product = largest[0] * trace + largest[1] * credit_error + credit_error * trace
    product += rounding_error(unit.node("product").numeric).size
    scaled = product / 2**p.rate
    return UpdateBound(credit_error, trace, scaled + rounding_error(unit.node("w.step").numeric).size)


def prove_update(
    unit: Program, p: Profile, bound: UpdateBound, *, second: bool = False, pin_trace: bool = False
) -> Verdict:
    """Prove the update's bound for all credits and traces in their formats, real operands within their errors."""
    step = int_step(unit)
    nodes = {n.name: n for n in step.program.nodes}
    real_inputs: dict[str, Any] = {n.name: step.values[n.name] for n in step.program.of_kind("input")}
    assume = list(step.assume) + [z3.Not(c) for name, c in step.overflow.items() if name in ("product", "w.step")]
    for name, error in (("credit", bound.credit), ("trace", bound.trace)):
        real = z3.Real(f"real.{name}")
        gap = z3.ToReal(step.values[name]) * _rational(nodes[name].format.ulp) - real
        assume += [gap >= -_rational(error), gap <= _rational(error)]
        real_inputs[name] = real
    if pin_trace:  # enough for a refutation, and linear: the largest trace, as far above the real one as it can be
        high = nodes["trace"].format.high
        top = high * nodes["trace"].format.ulp - bound.trace
        assume += [step.values["trace"] == high, real_inputs["trace"] == _rational(top)]
    state = {n.name: z3.RealVal(0) for n in step.program.of_kind("state")}
    values = real_step(unit, state=state, inputs=real_inputs)
    gap = z3.ToReal(step.values["w.step"]) * _rational(nodes["w.step"].format.ulp) - values["w.step"]
    limit = _rational(bound.step)
    return prove(z3.And(gap >= -limit, gap <= limit), assume, second=second)


def prove_weight(bound: UpdateBound, low: Fraction, high: Fraction, *, growth: Fraction) -> Verdict:
    """Prove |w - real w| <= growth x t for all t, where each update is off by at most the update's bound.

    Both weights saturate at the same limits: clamping never increases a distance.
    """
    w, real, u, v = z3.Reals("w real u v")
    t = z3.Int("t")
    c, lo, hi, per_step = (_rational(x) for x in (bound.step, low, high, growth))

    def clamp(x: Any) -> Any:
        return z3.If(x > hi, hi, z3.If(x < lo, lo, x))

    allowed = z3.ToReal(t) * per_step
    assume = [t >= 0, w >= lo, w <= hi, real >= lo, real <= hi, w - real <= allowed, real - w <= allowed]
    assume += [u - v <= c, v - u <= c]
    gap = clamp(w - u) - clamp(real - v)
    return prove(z3.And(gap <= allowed + per_step, -gap <= allowed + per_step), assume)


def with_rounding(unit: Program, name: str, rounding: Rounding) -> Program:
    """Return the unit with another (deterministic) rounding of one node."""
    old = unit.node(name)
    return unit.change(name, numeric=replace(old.numeric, rounding=rounding, source=None, shared=()), word=None)


ROUNDINGS = tuple(m for m in Rounding if m is not Rounding.STOCHASTIC)


def check(p: Profile) -> list[ProofRecord]:
    """Prove trace, update and weight bounds (`applied`, where an update is not simply added to the weight).

    The trace bound for every deterministic rounding as well as the profile's own.
    """
    from gradcert.hardware_models.proofs import applied  # it builds on this file

    records = []
    unit = safe(profile_trace(p))
    own = unit.node("e.leaked").numeric.rounding
    cases = [("own", unit)] + [(m.value, safe(with_rounding(unit, "e.leaked", m))) for m in ROUNDINGS]
    own_bound = trace_bound(unit)
    for label, case in cases:
        bound = trace_bound(case)
        verdict = prove_trace(case, bound, second=label == "own")
        # the twin: the claimed bound is an eighth smaller, which the same rounding must break
        twin = prove_trace(case, Bound(bound.low * 7 / 8, bound.high * 7 / 8))
        text = f"trace within [{float(bound.low):.6g}, {float(bound.high):.6g}] of the real-valued one, all time"
        claim = f"{text} ({own.value if label == 'own' else label})"
        ulps = float(bound.size / case.node("e").format.ulp)
        seconds = verdict.seconds + twin.seconds
        record = ProofRecord(2, claim, p.name, verdict.status, twin.status, verdict.second, seconds, f"{ulps:.4g} ulp")
        records.append(record)
    return records + (_update_records(p, own_bound) if p.update == "value" else applied.check(p, own_bound))


def _update_records(p: Profile, trace: Bound) -> list[ProofRecord]:
    unit = profile_weight(p)
    bound = update_bound(unit, p, trace.size)
    verdict = prove_update(unit, p, bound, second=True)
    # the twin claims a quarter of an ulp, which rounding away from zero must break
    quarter = replace(bound, step=unit.node("w.step").format.ulp / 4)
    twin = prove_update(with_rounding(unit, "w.step", Rounding.AWAY), p, quarter, pin_trace=True)
    claim = f"update within {float(bound.step):.6g} of the real-valued one, trace and credit within their errors"
    records = [
        ProofRecord(2, claim, p.name, verdict.status, twin.status, verdict.second, verdict.seconds + twin.seconds)
    ]
    fmt = unit.node("w").format
    limits = fmt.value(fmt.low), fmt.value(fmt.high)
    weight = prove_weight(bound, *limits, growth=bound.step)
    twin = prove_weight(bound, *limits, growth=bound.step / 2)
    claim = f"weight within {float(bound.step):.6g} x t of the real-valued one after t updates, all t, saturating"
    seconds = weight.seconds + twin.seconds
    records.append(ProofRecord(2, claim, p.name, weight.status, twin.status, "not asked", seconds))
    return records


__all__ = ["Bound", "check", "prove_trace", "prove_update", "prove_weight", "trace_bound", "update_bound"]
