"""Proof 4: the dead zone of each rounding.

The largest trace that never decays, the smallest update that ever acts (in each direction), and the time constant
that a
rounding effectively gives a trace.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from gradcert.hardware_models.arithmetic import Rounding
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.description.terms import int_step
from gradcert.hardware_models.proofs.error_bound import ROUNDINGS, with_rounding
from gradcert.hardware_models.solver import PROVED, ProofRecord, Verdict, all_refuted, prove
from gradcert.hardware_models.units import profile_trace, profile_weight

Array = np.ndarray[Any, Any]


def prove_decays_above(unit: Program, level: int) -> Verdict:
    """Prove that every trace above a level becomes smaller in a step without a spike."""
    step = int_step(unit)
    e = step.values["e"]
    assume = [*step.assume, e > level, e <= unit.node("e").format.high, step.values["spike"] == 0]
    return prove(step.values["e.leaked"] < e, assume)


def persistent_trace(unit: Program) -> int:
    """Return the largest stored trace that never decays, by bisection over the proof.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> unit = trace_unit(Format.parse("u12q0"), leak=Fraction(7, 8), rounding=Rounding.NEAREST_EVEN)
    >>> persistent_trace(unit)  # floor(1/2 / (1 - 7/8))
    4
    """
    low, high = -1, unit.node("e").format.high
    while high - low > 1:
        middle = (low + high) // 2
        good = prove_decays_above(unit, middle).status == PROVED
        low, high = (low, middle) if good else (middle, high)
    return max(high, 0)


@dataclass(frozen=True)
class DeadZone:
    """Smallest stored products that move the weight: up (positive) and down (negative)."""

    positive: int
    negative: int


def smallest_updates(unit: Program) -> DeadZone:
    """Return the smallest positive and negative product that change the step, by bisection over the proof."""
    step = int_step(unit)
    values = step.values
    fmt = unit.node("product").format

    def silent(level: int, sign: int) -> bool:
        """Whether no product between 0 and sign x level can act."""
        product = z3.Int("any.product")
        substituted = z3.substitute(values["w.step"], (values["product"], product))
        inside = [product * sign >= 0, product * sign <= level]
        return prove(substituted == 0, [*step.assume, *inside]).status == PROVED

    found = []
    for sign in (1, -1):
        low, high = 0, fmt.high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if silent(middle, sign) else (low, middle)
        found.append(high)
    return DeadZone(*found)


def decay(unit: Program, start: int, steps: int) -> list[int]:
    """Return a trace without spikes, step by step, for a deterministic rounding."""
    from gradcert.hardware_models.description.simulate import Simulator

    simulator = Simulator(unit)
    simulator.state["e"] = np.array(start)
    return [start] + [int(simulator.step({"spike": 0})["e.next"]) for _ in range(steps)]


def expected_decay(
    start: int, leak: Fraction, bits: int, steps: int, *, hold_zero: bool, top: int | None = None
) -> Array:
    """Return the mean of a stochastically rounded trace after 0 .. steps steps, from its exact distribution.

    The trace moves to floor(leak e) or, with probability fraction / (2**bits - 1) (a word that is never zero), one
    above;
    with `hold_zero` a floored zero stays. Float64 probabilities: each step rounds each of `start` sums once.

    Examples
    --------
    >>> float(expected_decay(64, Fraction(0x7FEF, 1 << 15), 15, 500, hold_zero=True)[-1]).__round__(1)
    49.4
    """
    size = (start if top is None else top) + 1
    product = [leak * e for e in range(size)]
    floors = np.array([math.floor(x) for x in product])
    up = np.array([math.floor((x - math.floor(x)) * 2**bits) / (2**bits - 1) for x in product])
    if hold_zero:
        up[floors == 0] = 0
    distribution = np.zeros(size)
    distribution[start] = 1
    mean = [float(start)]
    for _ in range(steps):
        following = np.zeros(size + 1)
        np.add.at(following, floors, distribution * (1 - up))
        np.add.at(following, floors + 1, distribution * up)
        distribution = following[:size]
        mean.append(float(distribution @ np.arange(size)))
    return np.array(mean)


def time_constant(history: Array | list[int]) -> int | None:
    """Return the steps until a trace first falls to 1/e of its start, None where it never does."""
    values = np.asarray(history, dtype=float)
    below = np.flatnonzero(values <= values[0] / math.e)
    return int(below[0]) if below.size else None


def effective_time_constants(unit: Program, start: int, steps: int) -> dict[str, int | None]:
    """Return, for each rounding, the steps to 1/e of `start` (stored integer), and of the real-valued leak."""
    leaked = unit.node("e.leaked")
    factor = next(unit.node(a) for a in leaked.args if unit.node(a).kind == "constant")
    leak = factor.format.value(factor.stored[0])
    out: dict[str, int | None] = {"real": math.ceil(-1 / math.log(leak))}
    for mode in ROUNDINGS:
        out[mode.value] = time_constant(decay(with_rounding(unit, "e.leaked", mode), start, steps))
    out["stochastic"] = time_constant(expected_decay(start, leak, 15, steps, hold_zero=True))
    return out


def check(p: Profile) -> list[ProofRecord]:
    """Prove the dead zones of the profile's trace (its own rounding, floor, nearest) and of its weight update."""
    unit = profile_trace(p)
    own = unit.node("e.leaked").numeric.rounding
    modes = dict.fromkeys([own, Rounding.FLOOR, Rounding.NEAREST_EVEN])
    records = [_trace_record(p, unit if m is own else with_rounding(unit, "e.leaked", m), m, own) for m in modes]
    if p.update == "value" and p["update"].rounding is not Rounding.STOCHASTIC:
        records.append(_update_record(p))
    return records


def _trace_record(p: Profile, case: Program, mode: Rounding, own: Rounding) -> ProofRecord:
    level = persistent_trace(case)
    verdict = prove_decays_above(case, level)
    # the twin: one level lower must fail; where the level is zero, rounding away from zero must persist
    worse = with_rounding(case, "e.leaked", Rounding.AWAY)
    twin = prove_decays_above(case, level - 1) if level else prove_decays_above(worse, level)
    how = f"{mode.value}" if mode is own else f"if it rounded {mode.value}"
    words = ", whatever the words" if mode is Rounding.STOCHASTIC else ""
    claim = f"every stored trace above {level} decays in a step without a spike{words} ({how})"
    says = {"level": level, "rounding": mode, "own": mode is own}
    seconds = verdict.seconds + twin.seconds
    return ProofRecord(4, claim, p.name, verdict.status, twin.status, "not asked", seconds, kind="decays", says=says)


def _update_record(p: Profile) -> ProofRecord:
    weight = profile_weight(p)
    zone = smallest_updates(weight)
    product = weight.node("product").format
    step = int_step(weight)
    free = z3.Int("any.product")
    moved = z3.substitute(step.values["w.step"], (step.values["product"], free))
    ends = [z3.substitute(moved, (free, z3.IntVal(x))) != 0 for x in (zone.positive, -zone.negative)]
    silent = z3.Implies(z3.And(free < zone.positive, free > -zone.negative), moved == 0)
    verdict = prove(z3.And(silent, *ends), step.assume)
    twins = [prove(moved == 0, [*step.assume, free == x]) for x in (zone.positive, -zone.negative)]
    one, other = (float(n * product.ulp / 2**p.rate) for n in (zone.positive, zone.negative))
    claim = (
        f"no product stored as one of {1 - zone.negative} .. {zone.positive - 1} in {product} ever moves the weight, "
        f"{-zone.negative} and {zone.positive} do"
    )
    seconds = verdict.seconds + sum(t.seconds for t in twins)
    detail = f"updates of {-other:.6g} and {one:.6g}"
    twin = all_refuted(*(t.status for t in twins))
    says = {"positive": zone.positive, "negative": zone.negative}
    return ProofRecord(4, claim, p.name, verdict.status, twin, "not asked", seconds, detail, "dead zone", says)
