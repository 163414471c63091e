"""Proof 1: no overflow for all time; the minimal safe width of every register; one bit less overflows, concretely."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import smallest_format
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import Program, with_lanes
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.proofs.invariant import box, induction, safe, union
from gradcert.hardware_models.solver import PROVED, REFUTED, ProofRecord
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


def overflow_replay(program: Program, register: str, *, steps: int = MAXIMUM_REPLAY) -> OverflowReplay | None:
    """Drive every corner of the input ranges, constant in time.

    Until the register's next value overflows in the simulator.

    Leaks are monotone, so a reachable extreme is reached by holding an extreme input.
    """
    leaves = program.of_kind("input", "random")
    corners = np.array(list(product(*(node.bounds for node in leaves))), dtype=np.int64)
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


def check(p: Profile) -> list[ProofRecord]:
    """Prove the claim for the profile's trace and membrane; the twin is the same register one bit narrower."""
    records = []
    for unit, register in ((profile_trace(p), "e"), (profile_membrane(p), "v")):
        fit = safe(unit)
        verdict = induction(fit, box(fit), second=True)
        width = fit.node(register).format.width
        twin_program = narrowed(fit, register)
        twin = induction(twin_program, box(fit))
        replay = overflow_replay(twin_program, register)
        # the twin counts as refuted only if its counterexample happens in the simulator too
        refuted = REFUTED if twin.status == REFUTED and replay is not None else "not refuted"
        own = unit.node(register).format.width
        detail = f"minimal safe width {width} bits, declared {own}"
        if replay is not None:
            detail += f"; {width - 1} bits overflow after {replay.steps} steps of {replay.inputs} ({replay.exact})"
        if own < width:
            detail += f"; the declared register can overflow ({unit.node(register + '.next').numeric.overflow.value})"
        claim = f"{'trace' if register == 'e' else 'membrane'} never overflows, all time, all inputs in range"
        records.append(
            ProofRecord(
                1, claim, p.name, verdict.status, refuted, verdict.second, verdict.seconds + twin.seconds, detail
            )
        )
    return records


__all__ = ["PROVED", "OverflowReplay", "check", "minimal_widths", "narrowed", "overflow_replay"]
