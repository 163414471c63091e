"""Proof 3: the quantised update never opposes the real-valued rule's, where the latter exceeds a stated threshold.

For all credits in their format, all traces that the trace register can reach (proof 1), and all real-valued operands
within
their proved errors (proof 2). The threshold is the smallest multiple of a hundredth of the weight's ulp for which the
solver
proves it, found by bisection. Where the update wraps (SpiNNaker's narrowing), the claim holds only for real-valued
updates
below the wrap; without that limit it is refuted.
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
from gradcert.hardware_models.proofs.error_bound import trace_bound
from gradcert.hardware_models.proofs.invariant import box, safe
from gradcert.hardware_models.solver import PROVED, REFUTED, ProofRecord, Verdict, prove
from gradcert.hardware_models.units import profile_trace, profile_weight


def _rational(x: Fraction) -> Any:
    return z3.Q(x.numerator, x.denominator)


@dataclass(frozen=True)
class Operands:
    """What is known of the operands: errors (in value), the largest reachable trace (stored).

    A limit on the real update.
    """

    trace_error: Fraction
    credit_error: Fraction
    trace_high: int
    limit: Fraction | None = None


def operands(p: Profile) -> Operands:
    """Return what proofs 1 and 2 say about the operands of the profile's weight unit."""
    traced = safe(profile_trace(p))
    credit, update = p["credit"].format, p["update"].format
    assert isinstance(credit, Format) and isinstance(update, Format)
    high = min(box(traced)["e"][1], profile_weight(p).node("trace").format.high)
    limit = update.high * update.ulp if p["update"].overflow is Overflow.WRAP else None
    return Operands(trace_bound(traced).size, credit.ulp, high, limit)


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
    assume = [*step.assume, step.values["trace"] <= known.trace_high]
    for name, error in (("credit", known.credit_error), ("trace", known.trace_error)):
        real[name] = z3.Real(f"real.{name}")
        gap = z3.ToReal(step.values[name]) * _rational(nodes[name].format.ulp) - real[name]
        assume += [gap >= -_rational(error), gap <= _rational(error)]
    update = real["credit"] * real["trace"] / (1 << p.rate)
    # the product gets a name, so that rounding, wrap and saturation of the step are linear in it
    raw, named = step.values["credit"] * step.values["trace"], z3.Int("credit.trace")
    moved = z3.substitute(step.values["w.step"], (raw, named))
    assume.append(named == raw)
    if p.update == "window":
        assume.append(step.values["w.sum"] == 0)  # a window of one step; longer ones add exactly (proof 6)
    if pin_trace:
        assume.append(step.values["trace"] == known.trace_high)
    least = _rational(threshold)
    if known.limit is not None:
        # the fixed product itself stays below the wrap as well
        stored = z3.ToReal(named)
        scale = nodes["credit"].format.ulp * nodes["trace"].format.ulp / 2**p.rate
        for value in (update, stored * _rational(scale)):
            assume += [value <= _rational(known.limit), value >= -_rational(known.limit)]
    opposed = z3.Or(z3.And(update > least, moved < 0), z3.And(update < -least, moved > 0))
    return prove(z3.Not(opposed), assume, seconds=10, second=second)


def smallest_threshold(unit: Program, p: Profile, known: Operands) -> Fraction | None:
    """Return the smallest provable threshold to 1/100 ulp of the weight.

    None where the largest update may be opposed.
    """
    weight, credit = p["weight"].format, unit.node("credit").format
    assert isinstance(weight, Format)
    largest = (credit.high + 1) * credit.ulp * (known.trace_high + 1) * unit.node("trace").format.ulp / 2**p.rate
    fine = weight.ulp / 100
    low, high = -1, int(largest / fine) + 1
    if prove_sign(unit, p, (high - 1) * fine / 2, known).status != PROVED:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        good = prove_sign(unit, p, middle * fine, known).status == PROVED
        low, high = (low, middle) if good else (middle, high)
    return high * fine


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
    if threshold is None:
        return [ProofRecord(3, "the update never opposes the real-valued rule", p.name, REFUTED, "", "", 0.0)]
    verdict = prove_sign(unit, p, threshold, known, second=True)
    twin = prove_sign(wrapped(unit), p, threshold, replace(known, limit=None), pin_trace=True)
    claim = f"the update never opposes a real-valued update above {float(threshold):.6g}"
    if known.limit is not None:
        claim += f" and below {float(known.limit):.6g}, where it wraps"
    exact = smallest_threshold(unit, p, replace(known, trace_error=Fraction(0), credit_error=Fraction(0)))
    detail = f"{float(threshold / weight.ulp):.4g} ulp of the weight"
    if exact is not None:
        detail += f"; {float(exact):.3g} with exact operands"
    seconds = verdict.seconds + twin.seconds
    return [ProofRecord(3, claim, p.name, verdict.status, twin.status, verdict.second, seconds, detail)]
