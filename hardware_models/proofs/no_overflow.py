"""Proof 1: whether a declared register can overflow.

Where it is wide enough, nothing in its unit overflows for all time. Where it is not, a concrete run that overflows it,
and the width with which nothing would. One bit less than that width overflows in the simulator too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import smallest_format
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import Program, with_lanes
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.proofs.invariant import box, induction, safe, union
from gradcert.hardware_models.solver import PROVED, REFUTED, UNKNOWN, ProofRecord, worst
from gradcert.hardware_models.units import profile_membrane, profile_trace

MAXIMUM_REPLAY = 20_000


@dataclass(frozen=True)
class OverflowReplay:
    """A concrete overflow: inputs held constant for `steps` steps.

    The intermediate and the exact value that did not fit.
    """

    inputs: dict[str, int]
    steps: int
    name: str
    exact: int


def narrowed(program: Program, register: str) -> Program:
    """Return the program with one register, and the node that feeds it, one bit narrower."""
    fmt = program.node(register).format.narrower()
    for name in (register, program.next[register]):
        old = program.node(name).numeric
        program = program.change(name, numeric=type(old)(fmt, old.rounding, old.overflow, old.source, old.shared))
    return program


def overflow_replay(
    program: Program, register: str, *, steps: int = MAXIMUM_REPLAY, hold: Mapping[str, int] | None = None
) -> OverflowReplay | None:
    """Drive every corner of the input ranges, constant in time, until the register's next value overflows.

    Leaks are monotone, so a reachable extreme is reached by holding an extreme input. `hold` fixes some inputs.
    """
    leaves = program.of_kind("input", "random")
    fixed = hold or {}
    ends = [(fixed[n.name],) if n.name in fixed else n.bounds for n in leaves]
    corners = np.array(list(product(*ends)), dtype=np.int64)
    wide = with_lanes(program, len(corners))
    given: dict[str, Any] = {node.name: corners[:, k] for k, node in enumerate(leaves)}
    simulator = Simulator(wide)
    source = program.next[register]
    for step in range(steps):
        before = {k: v.copy() for k, v in simulator.state.items()}
        simulator.step(given)
        for event in simulator.log.events:
            if event.name == source:
                lane = event.index[0]
                inputs = {node.name: int(corners[lane, k]) for k, node in enumerate(leaves)}
                return OverflowReplay(inputs, step + 1, source, event.exact)
        if all((before[k] == v).all() for k, v in simulator.state.items()):
            return None
    return None


def minimal_widths(program: Program) -> dict[str, int]:
    """Return the smallest safe width of every register, from its invariant.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> minimal_widths(trace_unit(Format.parse("u20q0"), leak=0.5, leak_bits=4, increment=8))
    {'e': 4}
    """
    ranges = union(box(program))
    return {
        n.name: smallest_format(
            min(ranges[n.name][0], -1) if n.format.signed else ranges[n.name][0], ranges[n.name][1]
        ).width
        for n in program.of_kind("state")
    }


UNITS = {
    "trace": ("e", profile_trace, "every spike train"),
    "membrane": ("v", profile_membrane, "at most four weights at once, a spike or none in any step"),
}


def check(p: Profile) -> list[ProofRecord]:
    """Prove the claim for the profile's trace and membrane; the twin is the smallest safe register less one bit."""
    return [_record(p, name) for name in UNITS]


def _record(p: Profile, name: str) -> ProofRecord:
    register, build, drive = UNITS[name]
    unit = build(p)
    fmt, fit = unit.node(register).format, safe(unit)
    width = fit.node(register).format.width
    enough = fmt.width >= width
    subject = unit if enough else fit
    verdict = induction(subject, box(subject), second=True)
    twin_program = narrowed(fit, register)
    twin = induction(twin_program, box(fit))
    replay = overflow_replay(twin_program, register)
    # the twin counts as refuted only if its counterexample happens in the simulator too
    refuted = UNKNOWN if twin.status == REFUTED and replay is None else twin.status
    detail = f"{width} bits are enough"
    if replay is not None:
        detail += f"; {width - 1} overflow at step {replay.steps} of {replay.inputs} ({replay.exact})"
    status, says = verdict.status, {"unit": name, "register": register, "width": width}
    if enough:
        claim = f"{name} {fmt}: nothing overflows, all time, {drive}, any random words"
    else:
        # a run without spikes: no neuron has to fire below its threshold for it
        own = overflow_replay(unit, register, hold={"z": 0} if name == "membrane" else None)
        status = worst(status, PROVED if own is not None else UNKNOWN)
        says |= {"steps": 0 if own is None else own.steps, "inputs": {} if own is None else own.inputs}
        policy = unit.node(f"{register}.next").numeric.overflow.value
        claim = (
            f"{name} {fmt} overflows ({policy}s), at step {says['steps']} of {says['inputs']}; with {width} bits it "
            f"never would, {drive}, any random words"
        )
    kind = "no overflow" if enough else "overflow"
    seconds = verdict.seconds + twin.seconds
    return ProofRecord(1, claim, p.name, status, refuted, verdict.second, seconds, detail, kind, says)


__all__ = ["UNITS", "OverflowReplay", "check", "minimal_widths", "narrowed", "overflow_replay"]
