"""Proof 3: the quantised update never opposes the real-valued rule's, where the latter exceeds a stated threshold.

For all credits in their format, all traces that the declared register can hold and reach, and all real-valued operands
within stated errors. The threshold is the smallest multiple of a hundredth of the weight's ulp for which the solver
proves it, found by bisection. Where the update wraps (SpiNNaker's narrowing), the claim holds only for updates below
the wrap; without that limit it is refuted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import z3

from gradcert.hardware_models.arithmetic import Format, Overflow
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.description.terms import int_step
from gradcert.hardware_models.proofs.error_bound import reach_of, trace_bound
from gradcert.hardware_models.proofs.printed import rational, shown, upward
from gradcert.hardware_models.solver import PROVED, REFUTED, UNKNOWN, ProofRecord, Verdict, prove
from gradcert.hardware_models.units import profile_trace, profile_weight


@dataclass(frozen=True)
class Operands:
    """Hypotheses: errors (in value), the largest trace (stored), a limit on real and fixed update (in value)."""

    trace_error: Fraction
    credit_error: Fraction
    trace_high: int
    limit: Fraction | None = None


def operands(p: Profile) -> Operands:
    """Return what proofs 1 and 2 say about the operands of the profile's weight unit."""
    traced = profile_trace(p)
    credit, update = p["credit"].format, p["update"].format
    assert isinstance(credit, Format) and isinstance(update, Format)
    high = (reach_of(traced) or traced.node("e").bounds)[1]
    limit = update.high * update.ulp if p["update"].overflow is Overflow.WRAP else None
    return Operands(trace_bound(traced).size, upward(credit.ulp), high, limit)


def prove_sign(
    unit: Program, p: Profile, threshold: Fraction, known: Operands, *, second: bool = False, pin_trace: bool = False
) -> Verdict:
    """Prove: |real update| > threshold (and below the limit) implies that the applied step has its sign or is zero.

    The real update is credit x trace x learning rate, in units of value. `pin_trace` looks at the largest trace only,
    which is enough for a refutation and leaves it linear.
    """
    step = int_step(unit)
    nodes = {n.name: n for n in step.program.nodes}
    real: dict[str, Any] = {}
    low = max(0, nodes["trace"].bounds[0])  # no trace is below zero: it starts there, and spikes only add
    assume = [*step.assume, step.values["trace"] <= known.trace_high, step.values["trace"] >= low]
    for name, error in (("credit", known.credit_error), ("trace", known.trace_error)):
        real[name] = z3.Real(f"real.{name}")
        gap = z3.ToReal(step.values[name]) * rational(nodes[name].format.ulp) - real[name]
        assume += [gap >= -rational(error), gap <= rational(error)]
    update = real["credit"] * real["trace"] / (1 << p.rate)
    # the product gets a name, so that rounding, wrap and saturation of the step are linear in it
    raw, named = step.values["credit"] * step.values["trace"], z3.Int("credit.trace")
    moved = z3.substitute(step.values["w.step"], (raw, named))
    assume.append(named == raw)
    if p.update == "window":
        assume.append(step.values["w.sum"] == 0)  # a window of one step; longer ones add exactly (proof 6)
    if pin_trace:
        assume.append(step.values["trace"] == known.trace_high)
    least = rational(threshold)
    if known.limit is not None:
        # the fixed product itself stays below the wrap as well
        stored = z3.ToReal(named)
        scale = nodes["credit"].format.ulp * nodes["trace"].format.ulp / 2**p.rate
        for value in (update, stored * rational(scale)):
            assume += [value <= rational(known.limit), value >= -rational(known.limit)]
    opposed = z3.Or(z3.And(update > least, moved < 0), z3.And(update < -least, moved > 0))
    return prove(z3.Not(opposed), assume, seconds=10, second=second)


def smallest_threshold(unit: Program, p: Profile, known: Operands) -> Fraction | None:
    """Return the smallest provable threshold to 1/100 ulp of the weight.

    None where the largest update may be opposed.
    """
    weight = p["weight"].format
    assert isinstance(weight, Format)
    fine, largest = weight.ulp / 100, largest_update(unit, p, known)
    low, high = -1, int(largest / fine) + 1
    if prove_sign(unit, p, (high - 1) * fine / 2, known).status != PROVED:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        good = prove_sign(unit, p, middle * fine, known).status == PROVED
        low, high = (low, middle) if good else (middle, high)
    return high * fine


def largest_update(unit: Program, p: Profile, known: Operands) -> Fraction:
    """Return a real-valued update that no operands within their formats and errors exceed."""
    credit, trace = unit.node("credit").format, unit.node("trace").format
    return (credit.high + 1) * credit.ulp * (known.trace_high + 1) * trace.ulp / 2**p.rate


def wrapped(unit: Program) -> Program:
    """The twin: a product register eight bits narrower that wraps, so that its sign bit lies."""
    old = unit.node("product").numeric
    assert isinstance(old.format, Format)
    narrow = replace(old, format=old.format.narrower(8), overflow=Overflow.WRAP)
    return unit.change("product", numeric=narrow)


def check(p: Profile) -> list[ProofRecord]:
    """Find the threshold of the profile's weight unit and refute the same claim for the wrapping twin."""
    unit, known = profile_weight(p), operands(p)
    weight = p["weight"].format
    assert isinstance(weight, Format)
    threshold = smallest_threshold(unit, p, known)
    errors = (
        f"credit within {shown(known.credit_error)} and trace within {shown(known.trace_error)} of the real-valued "
        f"ones, stored trace <= {known.trace_high}"
    )
    if threshold is None:  # not even just below the largest update there is: refuted, or the solver does not know
        last = prove_sign(unit, p, largest_update(unit, p, known) / 2, known)
        status = UNKNOWN if last.status == UNKNOWN else REFUTED
        return [ProofRecord(3, f"the update never opposes a large real-valued one, {errors}", p.name, status, REFUTED,
                            "not asked", last.seconds)]  # fmt: skip
    threshold = upward(threshold)
    verdict = prove_sign(unit, p, threshold, known, second=True)
    twin = prove_sign(wrapped(unit), p, threshold, replace(known, limit=None), pin_trace=True)
    claim = f"a step never opposes a real-valued update above {shown(threshold)}"
    if known.limit is not None:
        claim += f" while neither that nor credit x trace x 2**-{p.rate} exceeds {known.limit} (it wraps)"
    if p.update == "window":
        claim += ", in windows of one step"
    claim += f", {errors}"
    exact = prove_sign(unit, p, Fraction(0), replace(known, trace_error=Fraction(0), credit_error=Fraction(0)))
    largest = largest_update(unit, p, known)
    detail = f"{float(threshold / weight.ulp):.4g} ulp of the weight, {float(threshold / largest):.2%} of the largest"
    if exact.status == PROVED:
        detail += "; with exact operands none is opposed"
    seconds = verdict.seconds + twin.seconds
    says = {"threshold": threshold, "known": known}
    return [ProofRecord(3, claim, p.name, verdict.status, twin.status, verdict.second, seconds, detail, "sign", says)]
