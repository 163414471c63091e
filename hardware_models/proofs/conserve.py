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
from gradcert.hardware_models.solver import ProofRecord, Verdict, all_refuted, prove
from gradcert.hardware_models.units import profile_weight


def prove_pulses(unit: Program, limit: int, *, floor: bool, second: bool = False) -> Verdict:
    """Prove for pulse release: remainder stays in its range and remainder + pulses = old remainder - step, exactly.

    For any stored step of at most `limit` in size; that nothing overflows on the way is proved with it. With floor the
    remainder is in [0, pulse), with rounding toward zero in (-pulse, pulse).
    """
    step = int_step(unit)
    total, pulses = unit.node("w.sum.added").format, unit.node("w.pulses").format
    unit_pulse = 1 << (total.radix - pulses.radix)
    # conservation does not depend on where the step comes from: any stored one will do
    moved = z3.Int("any.step")
    free = (step.values["w.step"], moved)
    now = step.values["w.sum"]
    after, pulses_out = (z3.substitute(x, free) for x in (step.next()["w.sum"], step.values["w.pulses"]))
    low = 0 if floor else 1 - unit_pulse

    def inside(x: Any) -> Any:
        return z3.And(x >= low, x < unit_pulse)

    exact = after + pulses_out * unit_pulse == now - moved
    names = ("w.sum.added", "w.pulses", "w.sum.next")
    quiet = [z3.Not(z3.substitute(c, free)) for n, c in step.overflow.items() if n in names]
    assume = [inside(now), moved <= limit, moved >= -limit]
    return prove(z3.And(inside(after), exact, *quiet), assume, second=second)


def largest_step(unit: Program) -> int:
    """Return the largest stored step whose sum with any remainder fits the accumulator."""
    total, pulses = unit.node("w.sum.added").format, unit.node("w.pulses").format
    return total.high - (1 << (total.radix - pulses.radix))


def prove_window(unit: Program, *, wraps: bool = False, second: bool = False) -> Verdict:
    """Prove for a window: the sum after a step is old sum + product where the window goes on.

    Where it ends, the weight moves by the sum x rate rounded down, stops at its limits, and the sum starts at zero.
    Sums that neither wrap the accumulator nor the narrowed step; the twin's may wrap the step.
    """
    step = int_step(unit)
    now, after = step.values["w.sum"], step.next()["w.sum"]
    product, ends = step.values["product"], step.values["window_end"] == 1
    w, moved = step.values["w"], step.next()["w"]
    fmt, acc = unit.node("w").format, unit.node("w.sum").format
    total = now + product
    shift = acc.radix - fmt.radix - unit.node("w.step").shift
    wanted = w - total / (1 << shift)
    limited = z3.If(wanted > fmt.high, fmt.high, z3.If(wanted < fmt.low, fmt.low, wanted))
    claim = z3.If(ends, z3.And(after == 0, moved == limited), z3.And(after == total, moved == w))
    free = (product, z3.Int("any.product"))  # any stored product will do
    most = unit.node("w.step").format.high << shift
    size = (total <= most, total >= -most) if not wraps else (total <= acc.high, total >= acc.low)
    assume = [*size, w >= fmt.low, w <= fmt.high, now >= acc.low, now <= acc.high]
    assume += [step.values["window_end"] >= 0, step.values["window_end"] <= 1]
    return prove(z3.substitute(claim, free), [z3.substitute(a, free) for a in assume], second=second)


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
    limit = largest_step(unit)
    verdict = prove_pulses(unit, limit, floor=True, second=True)
    # the twins forget the remainder (the accumulator starts anew after every release), or allow any step
    lost = unit.change("w.sum.next", kind="mul", args=("w.sum.added", "zero"))
    nodes = list(lost.nodes)
    zero = replace(unit.node("w.pulses"), name="zero", kind="constant", args=(), stored=(0,), real=())
    at = next(i for i, n in enumerate(nodes) if n.name == "w.sum.next")
    forgets = replace(lost, nodes=tuple([*nodes[:at], zero, *nodes[at:]]))
    most = -unit.node("w.step").format.low
    twins = [prove_pulses(forgets, limit, floor=True), prove_pulses(unit, most, floor=True)]
    pulse, ulp = unit.node("w.pulses").format.ulp, unit.node("w.step").format.ulp
    steps = f"for steps of at most {limit * ulp} in size, which keep the sum in {unit.node('w.sum.added').format}"
    claim = (
        f"remainder in [0, {float(pulse):g}) and pulses x {float(pulse):g} + remainder = exact sum, all time, {steps}"
    )
    seconds = verdict.seconds + sum(t.seconds for t in twins)
    says = {"pulse": pulse, "limit": limit, "floor": True}
    twin = all_refuted(*(t.status for t in twins))
    records = [
        ProofRecord(6, claim, p.name, verdict.status, twin, verdict.second, seconds, kind="remainder", says=says)
    ]
    toward = with_rounding(unit, "w.pulses", Rounding.TOWARD_ZERO)
    verdict, broken = (prove_pulses(toward, limit, floor=x) for x in (False, True))
    claim = f"if pulses were truncated toward zero, the same with a remainder in (-{float(pulse):g}, {float(pulse):g})"
    seconds = verdict.seconds + broken.seconds
    says = says | {"floor": False}
    records.append(
        ProofRecord(6, claim, p.name, verdict.status, broken.status, "not asked", seconds, kind="remainder", says=says)
    )
    return records


def _window_records(p: Profile) -> list[ProofRecord]:
    unit = profile_weight(p)
    verdict = prove_window(unit, second=True)
    # the twins clear the sum in every step, or let the narrowed step wrap
    cleared = unit.change("w.sum.next", args=("window_end", "w.zero", "w.zero"))
    twins = [prove_window(cleared), prove_window(unit, wraps=True)]
    narrow = unit.node("w.step").format
    claim = (
        f"a window's sum is exact; at its end the weight moves by sum x 2**-{p.rate} rounded down, stops at its "
        f"limits, and the sum starts at zero, while |sum| x 2**-{p.rate} <= {narrow.value(narrow.high)} "
        "(beyond, it wraps)"
    )
    seconds = verdict.seconds + sum(t.seconds for t in twins)
    twin = all_refuted(*(t.status for t in twins))
    says: dict[str, Any] = {"limit": narrow.value(narrow.high)}
    records = [ProofRecord(6, claim, p.name, verdict.status, twin, verdict.second, seconds, kind="window", says=says)]
    fmt = unit.node("product").format
    assert isinstance(fmt, Format)
    largest = 1 << (fmt.radix + 6)  # products of at most 64 in value
    steps, verdict, broken = longest_window(unit, largest)
    within = f"while |product| <= {largest >> fmt.radix}"
    claim = f"a window of {steps} steps cannot overflow its sum, which starts at zero, {within}"
    seconds = verdict.seconds + broken.seconds
    says = {"steps": steps, "largest": largest}
    records.append(
        ProofRecord(
            6, claim, p.name, verdict.status, broken.status, "not asked", seconds, kind="window length", says=says
        )
    )
    return records
