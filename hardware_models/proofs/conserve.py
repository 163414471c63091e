"""Proof 6: accumulate-then-update conserves: applied + remainder = exact sum, for all time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import z3

from gradcert.hardware_models.arithmetic import Format, Rounding
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.description.terms import int_step
from gradcert.hardware_models.proofs.error_bound import with_rounding
from gradcert.hardware_models.solver import ProofRecord, Verdict, prove
from gradcert.hardware_models.units import profile_weight


def prove_pulses(unit: Program, *, floor: bool, second: bool = False) -> Verdict:
    """Prove for pulse release: remainder stays in its range and remainder + pulses = old remainder - step, exactly.

    With floor the remainder is in [0, pulse), with rounding toward zero in (-pulse, pulse).
    """
    step = int_step(unit)
    total, pulses = unit.node("w.sum.added").format, unit.node("w.pulses").format
    unit_pulse = 1 << (total.radix - pulses.radix)
    # conservation does not depend on where the product comes from: any stored product will do
    free = (step.values["product"], z3.Int("any.product"))
    now = step.values["w.sum"]
    after, pulses_out, moved = (
        z3.substitute(x, free) for x in (step.next()["w.sum"], step.values["w.pulses"], step.values["w.step"])
    )
    low = 0 if floor else 1 - unit_pulse

    def inside(x: Any) -> Any:
        return z3.And(x >= low, x < unit_pulse)

    exact = after + pulses_out * unit_pulse == now - moved
    quiet = (z3.Not(z3.substitute(c, free)) for n, c in step.overflow.items() if n.startswith(("w.sum", "w.pulses")))
    assume = [*step.assume, inside(now), *quiet]
    return prove(z3.And(inside(after), exact), assume, second=second)


def prove_window(unit: Program, *, second: bool = False) -> Verdict:
    """Prove for a window: the sum after a step is old sum + product where the window goes on.

    And is applied where it ends.
    """
    step = int_step(unit)
    now, after = step.values["w.sum"], step.next()["w.sum"]
    ends = step.values["window_end"] == 1
    w, moved = step.values["w"], step.next()["w"]
    goes_on = z3.And(after == now + step.values["product"], moved == w)
    applied = z3.And(after == 0, moved == w - step.values["w.step"])
    quiet = [z3.Not(c) for n, c in step.overflow.items() if n in ("w.sum.added", "w.moved", "w.step")]
    fmt = unit.node("w.sum").format
    return prove(z3.If(ends, applied, goes_on), [*step.assume, *quiet, now >= fmt.low, now <= fmt.high], second=second)


def longest_window(unit: Program, largest: int) -> tuple[int, Verdict, Verdict]:
    """Return the longest window that cannot overflow for products of at most `largest`, proved.

    Its twin is one longer.
    """
    fmt = unit.node("w.sum").format
    steps = fmt.high // largest
    n, total, product = z3.Ints("n total product")
    bounded = z3.And(total <= n * largest, total >= -n * largest)
    assume = [n >= 0, bounded, product <= largest, product >= -largest]
    fits = z3.And(total + product <= fmt.high, total + product >= fmt.low)
    kept = z3.And(total + product <= (n + 1) * largest, total + product >= -(n + 1) * largest)
    verdict = prove(z3.And(fits, kept), [*assume, n < steps])
    twin = prove(z3.And(fits, kept), [*assume, n < steps + 1])
    return steps, verdict, twin


def check(p: Profile) -> list[ProofRecord]:
    """Prove conservation for profiles that accumulate; others have nothing to conserve."""
    if p.update == "pulses":
        return _pulse_records(p)
    if p.update == "window":
        return _window_records(p)
    return []


def _pulse_records(p: Profile) -> list[ProofRecord]:
    unit = profile_weight(p)
    verdict = prove_pulses(unit, floor=True, second=True)
    # the twin forgets the remainder: the accumulator starts anew after every release
    lost = unit.change("w.sum.next", kind="mul", args=("w.sum.added", "zero"))
    nodes = list(lost.nodes)
    zero = replace(unit.node("w.pulses"), name="zero", kind="constant", args=(), stored=(0,), real=())
    at = next(i for i, n in enumerate(nodes) if n.name == "w.sum.next")
    twin = prove_pulses(replace(lost, nodes=tuple([*nodes[:at], zero, *nodes[at:]])), floor=True)
    pulse = float(unit.node("w.pulses").format.ulp)
    claim = f"remainder in [0, {pulse}) and pulses x {pulse} + remainder = exact sum, all time (floor)"
    records = [
        ProofRecord(6, claim, p.name, verdict.status, twin.status, verdict.second, verdict.seconds + twin.seconds)
    ]
    toward = with_rounding(unit, "w.pulses", Rounding.TOWARD_ZERO)
    verdict = prove_pulses(toward, floor=False)
    twin = prove_pulses(toward, floor=True)
    claim = f"the same with truncation toward zero, remainder in (-{pulse}, {pulse})"
    seconds = verdict.seconds + twin.seconds
    records.append(ProofRecord(6, claim, p.name, verdict.status, twin.status, "not asked", seconds))
    return records


def _window_records(p: Profile) -> list[ProofRecord]:
    unit = profile_weight(p)
    verdict = prove_window(unit, second=True)
    # the twin clears the sum in every step
    twin = prove_window(unit.change("w.sum.next", args=("window_end", "w.zero", "w.zero")))
    claim = "the sum of a window is exact and applied once, as rounded at its end"
    records = [
        ProofRecord(6, claim, p.name, verdict.status, twin.status, verdict.second, verdict.seconds + twin.seconds)
    ]
    fmt = unit.node("product").format
    assert isinstance(fmt, Format)
    largest = 1 << (fmt.radix + 6)  # products of at most 64 in value
    steps, verdict, twin = longest_window(unit, largest)
    claim = f"a window of {steps} steps cannot overflow while |product| <= {largest >> fmt.radix}"
    seconds = verdict.seconds + twin.seconds
    records.append(ProofRecord(6, claim, p.name, verdict.status, twin.status, "not asked", seconds))
    return records
