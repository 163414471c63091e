"""Proof 2: |fixed - real| is bounded, for trace, update and weight of the declared unit, under each rounding.

The real-valued rule sees the same spikes: through the threshold no invariant bounds the error, one flipped spike
changes everything. `margin` says, for a run, at which steps and neurons that assumption is certified. A trace's bound
holds for all time where the declared register cannot overflow (proof 1), else until it first does. Updates and weights
are compared with real-valued ones that stop at the same limits as the declared registers: nothing is assumed not to
overflow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import z3

from gradcert.hardware_models.arithmetic import Format, Rounding
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import Numeric, Program
from gradcert.hardware_models.description.ranges import Range
from gradcert.hardware_models.description.terms import int_step, real_step
from gradcert.hardware_models.proofs.invariant import box
from gradcert.hardware_models.proofs.printed import downward, rational, shown, upward
from gradcert.hardware_models.solver import PROVED, ProofRecord, Verdict, prove
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


def reach_of(unit: Program) -> Range | None:
    """Return the trace's range for all time where nothing in its unit overflows, None where something may."""
    ranges = box(unit)
    nodes = {n.name: n for n in unit.nodes}
    fits = all(nodes[n].format.low <= low and high <= nodes[n].format.high for n, (low, high) in ranges.items())
    return ranges[unit.of_kind("state")[0].name] if fits else None


def trace_bound(unit: Program) -> Bound:
    """Return the error of a leaky register: (rounding error + leak's own error x range) / (1 - leak), as printed.

    The range is the register's own where it may overflow: the bound then holds until it first does.
    """
    product = next(n for n in unit.operations if n.kind == "mul" and n.name.endswith("leaked"))
    factor = next(unit.node(a) for a in product.args if unit.node(a).kind == "constant")
    leak = max(factor.format.value(factor.stored[0]), factor.real[0])
    drift = factor.format.value(factor.stored[0]) - factor.real[0]
    state = unit.of_kind("state")[0]
    low, high = reach_of(unit) or state.bounds
    size = max(abs(low), abs(high)) * state.format.ulp
    one = rounding_error(product.numeric)
    least = (one.low - max(-drift, Fraction(0)) * size) / (1 - leak)
    most = (one.high + max(drift, Fraction(0)) * size) / (1 - leak)
    return Bound(downward(least), upward(most))


def prove_trace(unit: Program, bound: Bound, *, second: bool = False) -> Verdict:
    """Prove by induction that the register stays within `bound` of the real-valued rule that sees the same inputs.

    Where the register may overflow, up to the step in which it does.
    """
    reach = reach_of(unit)
    step = int_step(unit)
    state = unit.of_kind("state")[0]
    ulp = rational(state.format.ulp)
    inputs = {n.name: step.values[n.name] for n in step.program.of_kind("input")}
    real_state = z3.Real("real.state")
    real = real_step(unit, state={state.name: real_state}, inputs=inputs)
    low, high = reach or state.bounds
    now = z3.ToReal(step.values[state.name]) * ulp - real_state
    following = step.next()[state.name]
    after = z3.ToReal(following) * ulp - real[unit.next[state.name]]
    assume = [*step.assume, step.values[state.name] >= low, step.values[state.name] <= high]
    quiet = [z3.Not(condition) for condition in step.overflow.values()]
    if reach is not None:  # nothing is assumed: that nothing overflows and the range is kept is proved first
        kept = prove(z3.And(*quiet, following >= low, following <= high), assume)
        if kept.status != PROVED:
            return kept
    assume += [*quiet, now >= rational(bound.low), now <= rational(bound.high)]
    return prove(z3.And(after >= rational(bound.low), after <= rational(bound.high)), assume, second=second)


@dataclass(frozen=True)
class UpdateBound:
    """Errors of credit and trace that are taken for granted, the bound on a step, and the limits that cut the real one.

    All in units of value.
    """

    credit: Fraction
    trace: Fraction
    step: Fraction
    low: Fraction
    high: Fraction

    @property
    def errors(self) -> str:
        """The hypothesis as words."""
        return f"credit within {shown(self.credit)} and trace within {shown(self.trace)} of the real-valued ones"


def operand_gap(unit: Program, credit: Fraction, trace: Fraction) -> Fraction:
    """Return the bound on |credit x trace - real product| over the operands' formats (the product lemma, proof 7)."""
    sizes = [max(-f.low, f.high) * f.ulp for f in (unit.node("credit").format, unit.node("trace").format)]
    return sizes[0] * trace + sizes[1] * credit + credit * trace


def update_bound(unit: Program, p: Profile, trace: Fraction) -> UpdateBound:
    """Return |step - real step, cut| <= (operands' gap + product's rounding) x rate + step's rounding, as printed."""
    credit = upward(unit.node("credit").format.ulp)
    gap = operand_gap(unit, credit, trace) + own_rounding(unit, "product")
    product, step = unit.node("product").format, unit.node("w.step").format
    low = max(product.value(product.low) / 2**p.rate, step.value(step.low))
    high = min(product.value(product.high) / 2**p.rate, step.value(step.high))
    return UpdateBound(credit, trace, upward(gap / 2**p.rate + own_rounding(unit, "w.step")), low, high)


def own_rounding(unit: Program, name: str) -> Fraction:
    """Return what a node's rounding adds: nothing where it drops no bits."""
    node = unit.node(name)
    radixes = [unit.node(a).format.radix for a in node.args]
    dropped = (sum(radixes) if node.kind == "mul" else max(radixes)) - node.shift > node.format.radix
    return rounding_error(node.numeric).size if dropped else Fraction(0)


def clamp(x: Any, low: Any, high: Any) -> Any:
    """Return x cut to [low, high], as a term."""
    return z3.If(x > high, high, z3.If(x < low, low, x))


@dataclass(frozen=True)
class NamedStep:
    """One step of the weight unit in which credit x trace is a variable of its own, tied to a real one by its gap.

    Rounding, wrap and saturation are then linear; that the gap bounds the product is the lemma of proof 7.
    """

    values: dict[str, Any]
    overflow: dict[str, Any]
    product: Any
    real: Any
    assume: list[Any]


def named_step(unit: Program, gap: Fraction) -> NamedStep:
    """Return the unit's own step over Int for all products of in-range operands, and the real product within `gap`."""
    step = int_step(unit)
    pair = (step.values["credit"] * step.values["trace"], z3.Int("credit.trace"))
    (c, d), (e, f) = (unit.node(n).bounds for n in ("credit", "trace"))
    corners = (c * e, c * f, d * e, d * f)
    real, units = z3.Real("real.product"), unit.node("credit").format.ulp * unit.node("trace").format.ulp
    off = z3.ToReal(pair[1]) * rational(units) - real
    operands = ("credit", "trace")
    assume = [a for a in step.assume if not any(str(v) in operands for v in _variables(a))]
    assume += [pair[1] >= min(corners), pair[1] <= max(corners), off <= rational(gap), -off <= rational(gap)]
    for node in unit.of_kind("state"):
        assume += [step.values[node.name] >= node.bounds[0], step.values[node.name] <= node.bounds[1]]

    def free(terms: dict[str, Any]) -> dict[str, Any]:
        return {name: z3.substitute(term, pair) for name, term in terms.items()}

    return NamedStep(free(step.values), free(step.overflow), pair[1], real, assume)


def _variables(term: Any) -> list[Any]:
    if z3.is_const(term):
        return [] if z3.is_int_value(term) else [term]
    return [v for child in term.children() for v in _variables(child)]


def prove_update(unit: Program, p: Profile, bound: UpdateBound, *, second: bool = False, cut: bool = True) -> Verdict:
    """Prove the update's bound for all credits and traces in their formats, real operands within their errors.

    The real-valued step is cut to the limits of the declared registers; without `cut` the claim is false.
    """
    named = named_step(unit, operand_gap(unit, bound.credit, bound.trace))
    wanted = named.real / (1 << p.rate)
    wanted = clamp(wanted, rational(bound.low), rational(bound.high)) if cut else wanted
    gap = z3.ToReal(named.values["w.step"]) * rational(unit.node("w.step").format.ulp) - wanted
    limit = rational(bound.step)
    return prove(z3.And(gap >= -limit, gap <= limit), named.assume, second=second)


def prove_weight(unit: Program, p: Profile, bound: UpdateBound, *, growth: Fraction) -> Verdict:
    """Prove |w - real w| <= growth x t for all t: the unit's own weight against one that stops at the same limits."""
    named = named_step(unit, operand_gap(unit, bound.credit, bound.trace))
    fmt = unit.node("w").format
    low, high = rational(fmt.value(fmt.low)), rational(fmt.value(fmt.high))
    before, after = (z3.ToReal(named.values[n]) * rational(fmt.ulp) for n in ("w", unit.next["w"]))
    real, t = z3.Real("real.w"), z3.Int("t")
    moved = real - clamp(named.real / (1 << p.rate), rational(bound.low), rational(bound.high))
    allowed, per_step = z3.ToReal(t) * rational(growth), rational(growth)
    assume = [*named.assume, t >= 0, before - real <= allowed, real - before <= allowed]
    assume += [real >= low, real <= high]
    gap = after - clamp(moved, low, high)  # clamping never increases a distance
    return prove(z3.And(gap <= allowed + per_step, -gap <= allowed + per_step), assume)


def with_rounding(unit: Program, name: str, rounding: Rounding) -> Program:
    """Return the unit with another (deterministic) rounding of one node."""
    old = unit.node(name)
    return unit.change(name, numeric=replace(old.numeric, rounding=rounding, source=None, shared=()), word=None)


ROUNDINGS = tuple(m for m in Rounding if m is not Rounding.STOCHASTIC)


def check(p: Profile) -> list[ProofRecord]:
    """Prove the trace bound for every deterministic rounding and the profile's own, and update and weight bounds.

    Where an update is not simply added to the weight, the latter two are in `applied`.
    """
    unit = profile_trace(p)
    own = unit.node("e.leaked").numeric.rounding
    modes = [own, *(m for m in ROUNDINGS if m is not own)]
    records = [_trace_record(p, unit if m is own else with_rounding(unit, "e.leaked", m), m, m is own) for m in modes]
    return records + (_update_records(p) if p.update == "value" else [])


def _trace_record(p: Profile, case: Program, mode: Rounding, own: bool) -> ProofRecord:
    bound, fmt = trace_bound(case), case.node("e").format
    verdict = prove_trace(case, bound, second=own)
    # the twin: the claimed bound is an eighth smaller, which the same rounding must break
    twin = prove_trace(case, Bound(bound.low * 7 / 8, bound.high * 7 / 8))
    until = "all time" if reach_of(case) else "until it first saturates"
    how = mode.value if own else f"if it rounded {mode.value}"
    claim = (
        f"trace {fmt} within [{shown(bound.low)}, {shown(bound.high)}] of the real-valued one of the same spikes, "
        f"{until} ({how})"
    )
    says = {"rounding": mode, "own": own, "low": bound.low, "high": bound.high, "saturates": reach_of(case) is None}
    detail = f"{float(bound.size / fmt.ulp):.4g} ulp"
    seconds = verdict.seconds + twin.seconds
    return ProofRecord(2, claim, p.name, verdict.status, twin.status, verdict.second, seconds, detail, "trace", says)


def _update_records(p: Profile) -> list[ProofRecord]:
    unit = profile_weight(p)
    bound = update_bound(unit, p, trace_bound(profile_trace(p)).size)
    verdict = prove_update(unit, p, bound, second=True)
    twin = prove_update(unit, p, bound, cut=False)  # the twin's real-valued step is not cut
    says = {"bound": bound}
    claim = (
        f"update {unit.node('w.step').format} within {shown(bound.step)} of the real-valued one cut to "
        f"[{bound.low}, {bound.high}], {bound.errors}"
    )
    seconds = verdict.seconds + twin.seconds
    records = [
        ProofRecord(2, claim, p.name, verdict.status, twin.status, verdict.second, seconds, kind="update", says=says)
    ]
    weight = prove_weight(unit, p, bound, growth=bound.step)
    twin = prove_weight(unit, p, bound, growth=bound.step / 2)
    claim = (
        f"weight {unit.node('w').format} within {shown(bound.step)} x t of the real-valued one after t updates, all t, "
        "real updates cut as above, both stop at the same limits"
    )
    seconds = weight.seconds + twin.seconds
    detail = f"{float(bound.step / (bound.high - bound.low)):.0%} of what the cut leaves"
    records.append(
        ProofRecord(2, claim, p.name, weight.status, twin.status, "not asked", seconds, detail, "weight", says)
    )
    return records


__all__ = ["Bound", "check", "prove_trace", "prove_update", "prove_weight", "trace_bound", "update_bound"]
